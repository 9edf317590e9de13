# SPDX-License-Identifier: Apache-2.0
"""The DMAs against cocotbext-axi's memory, register masters and streams; run by tests/hls_build/shell/test_dma.py."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotb_bench import settings
from cocotbext.axi import (
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiSlave,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
    Region,
)

from board.driver.iodma import Control, Register

SIZE = 1 << 16
GUARD = 0xA5
STALLS = ("none", "memory", "stream", "both")
FAILED, REFUSED = 1 << 16, 1 << 17
ERROR, ERROR_ADDRESS = 0x20, 0x24
PERIOD_NS, PATIENCE_US = 10, 3000


class Memory(Region):
    """Memory of some bytes that refuses some words and notes what was written."""

    def __init__(self, size: int = SIZE) -> None:
        super().__init__(size)
        self.content = bytearray([GUARD]) * size
        self.bad: set[int] = set()
        self.written: list[tuple[int, int]] = []
        self.read_words: list[int] = []

    async def _read(self, address: int, length: int, **_: Any) -> bytes:
        self.read_words.append(address)
        if address in self.bad:
            raise OSError(address)
        return bytes(self.content[address : address + length])

    async def _write(self, address: int, data: bytes, **_: Any) -> None:
        self.written.append((address, len(data)))
        if any(address <= bad < address + len(data) for bad in self.bad):
            raise OSError(address)
        self.content[address : address + len(data)] = data


def pauses(seed: float) -> Iterator[bool]:
    """When a channel holds back: phases that starve, phases that run."""
    rng = random.Random(seed)
    while True:
        share = rng.choice([0.0, 0.2, 0.5, 0.9])
        for _ in range(rng.randrange(10, 100)):
            yield rng.random() < share


class Bench:
    """A design under reset, its clock, and all that is connected to it."""

    def __init__(self, dut: Any, seed: int) -> None:
        self.dut, self.rng, self.set = dut, random.Random(seed), settings()
        self.word, self.burst = self.set["WORD_BYTES"], self.set["BURST"]
        self.in_bytes = self.set["IN_BEAT_BYTES"] * self.set["IN_FRAME_BEATS"]
        self.out_bytes = self.set["OUT_BEAT_BYTES"] * self.set["OUT_FRAME_BEATS"]
        self.memory = Memory()
        Clock(dut.clk, PERIOD_NS, unit="ns").start()
        active_low = {"reset_active_level": False}
        self.idma = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_idma"), dut.clk, dut.rst_n, **active_low)
        self.odma = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_odma"), dut.clk, dut.rst_n, **active_low)
        self.slave = AxiSlave(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst_n, target=self.memory, **active_low)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst_n, **active_low)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst_n, **active_low)
        self.bursts: list[tuple[str, int, int]] = []
        cocotb.start_soon(self.watch())

    async def reset(self) -> None:
        self.dut.abort.value = 0
        self.dut.rst_n.value = 0
        await ClockCycles(self.dut.clk, 5)
        self.dut.rst_n.value = 1
        await ClockCycles(self.dut.clk, 2)

    def stall(self, pattern: str) -> None:
        """Hold channels back at random, each by its own sequence, in phases that starve and phases that run."""

        memory, stream = pattern in ("memory", "both"), pattern in ("stream", "both")
        read, write = self.slave.read_if, self.slave.write_if
        ends = [(memory, end) for end in (read.ar_channel, read.r_channel, write.aw_channel, write.w_channel,
                                          write.b_channel)]  # fmt: skip
        for on, end in [*ends, (stream, self.sink), (stream, self.source)]:
            if on:
                end.set_pause_generator(pauses(self.rng.random()))
            else:
                end.clear_pause_generator()
                end.pause = False

    async def watch(self) -> None:
        """Hold every burst to what the DMAs promise, and note it."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            for kind in ("ar", "aw"):
                valid, ready = getattr(dut, f"m_axi_{kind}valid"), getattr(dut, f"m_axi_{kind}ready")
                if dut.rst_n.value == 1 and valid.value == 1 and ready.value == 1:
                    address = int(getattr(dut, f"m_axi_{kind}addr").value)
                    words = int(getattr(dut, f"m_axi_{kind}len").value) + 1
                    assert words <= self.burst and address % self.word == 0, (kind, address, words)
                    assert address // 4096 == (address + words * self.word - 1) // 4096, (kind, address, words)
                    assert 1 << int(getattr(dut, f"m_axi_{kind}size").value) == self.word
                    assert int(getattr(dut, f"m_axi_{kind}burst").value) == 1
                    self.bursts.append((kind, address, words))

    async def start(self, dma: AxiLiteMaster, address: int, frames: int) -> None:
        await dma.write_dword(Register.ADDRESS_LOW, address & 0xFFFFFFFF)
        await dma.write_dword(Register.ADDRESS_HIGH, address >> 32)
        await dma.write_dword(Register.FRAMES, frames)
        await dma.write_dword(Register.CONTROL, int(Control.START))

    async def ended(self, dma: AxiLiteMaster) -> int:
        """Poll CONTROL until done; what it reads then."""

        async def polled() -> int:
            while not (word := int(await dma.read_dword(Register.CONTROL))) & Control.DONE:
                assert word & 0xFFFF == Control.START, hex(word)
                await ClockCycles(self.dut.clk, 20)
            return word

        return int(await with_timeout(polled(), PATIENCE_US, "us"))

    def place(self, size: int) -> int:
        """A word's address with room for so many bytes and a guard, often just below a page's end."""
        room = SIZE - size - 4 * self.word
        if self.rng.random() < 0.6:
            near = 4096 * self.rng.randrange(1, room // 4096) - self.word * self.rng.randrange(0, 20)
            return max(near, self.word)
        return self.rng.randrange(1, room // self.word) * self.word

    async def received(self, frames: int) -> bytes:
        """Bytes of so many frames, each with its last beat marked."""
        got = bytearray()
        for _ in range(frames):
            frame = await with_timeout(self.sink.recv(), PATIENCE_US, "us")
            assert len(frame.tdata) == self.in_bytes, len(frame.tdata)
            got += bytes(frame.tdata)
        return bytes(got)

    async def read_frames(self, frames: int, address: int | None = None) -> tuple[int, bytes, bytes]:
        """One transfer of the read DMA: what CONTROL read at its end, the bytes sent and those received."""
        size = frames * self.in_bytes
        where = self.place(size) if address is None else address
        sent = self.rng.randbytes(size)
        self.memory.content[where : where + size] = sent
        await self.start(self.idma, where, frames)
        got = await self.received(frames)
        return await self.ended(self.idma), sent, got

    async def write_frames(self, frames: int, address: int | None = None) -> tuple[int, bytes, bytes]:
        """One transfer of the write DMA: what CONTROL read at its end, the bytes sent and those in memory."""
        size = frames * self.out_bytes
        where = self.place(size) if address is None else address
        self.memory.content[where - self.word : where + size + 2 * self.word] = bytes([GUARD]) * (size + 3 * self.word)
        sent = self.rng.randbytes(size)
        await self.source.send(AxiStreamFrame(tdata=sent))
        await self.start(self.odma, where, frames)
        word = await self.ended(self.odma)
        around = self.memory.content[where - self.word : where], self.memory.content[where + size :][: 2 * self.word]
        assert set(around[0]) | set(around[1]) == {GUARD}, "bytes beside the frames were written"
        return word, sent, bytes(self.memory.content[where : where + size])


async def opened(dut: Any, seed: int) -> Bench:
    bench = Bench(dut, seed + settings()["seed"])
    await bench.reset()
    return bench


ENDED = int(Control.DONE | Control.IDLE | Control.READY)


@cocotb.test()
async def frames_reach_the_stream(dut: Any) -> None:
    bench = await opened(dut, 1)
    for index in range(settings()["transfers"]):
        bench.stall(STALLS[index % 4])
        frames = bench.rng.randrange(1, 5)
        bench.bursts.clear()
        bench.memory.read_words.clear()
        word, sent, got = await bench.read_frames(frames)
        assert word == ENDED and got == sent
        assert int(await bench.idma.read_dword(Register.CONTROL)) == Control.IDLE
        words = -(-frames * bench.in_bytes // bench.word)
        assert sum(count for _, _, count in bench.bursts) == words == len(bench.memory.read_words)
        assert len(bench.bursts) <= words // bench.burst + frames * bench.in_bytes // 4096 + 3
        for (_, before, count), (_, after, _) in itertools.pairwise(bench.bursts):
            assert after == before + count * bench.word


@cocotb.test()
async def frames_reach_memory(dut: Any) -> None:
    bench = await opened(dut, 2)
    for index in range(settings()["transfers"]):
        bench.stall(STALLS[index % 4])
        bench.memory.written.clear()
        word, sent, got = await bench.write_frames(bench.rng.randrange(1, 8))
        assert word == ENDED and got == sent
        assert sum(size for _, size in bench.memory.written) == len(sent), "a byte is written once"
        assert int(await bench.odma.read_dword(Register.CONTROL)) == Control.IDLE
        assert bench.source.empty()


@cocotb.test()
async def a_frame_reaches_memory_before_the_next_one_begins(dut: Any) -> None:
    bench = await opened(dut, 3)
    address = 4096 - bench.word
    await bench.start(bench.odma, address, 2)
    sent = bench.rng.randbytes(bench.out_bytes)
    await bench.source.send(AxiStreamFrame(tdata=sent))
    await ClockCycles(dut.clk, 40 * bench.out_bytes + 200)
    assert bench.memory.content[address : address + bench.out_bytes] == sent
    assert int(await bench.odma.read_dword(Register.CONTROL)) == Control.START
    await bench.source.send(AxiStreamFrame(tdata=sent))
    assert await bench.ended(bench.odma) == ENDED


@cocotb.test()
async def both_move_at_once(dut: Any) -> None:
    bench = await opened(dut, 4)
    for index in range(settings()["transfers"]):
        bench.stall(STALLS[index % 4])
        reading = cocotb.start_soon(bench.read_frames(3, 0x1000 - bench.word))
        written = await bench.write_frames(3, 0x8000 - 2 * bench.word)
        read = await reading
        assert read[0] == written[0] == ENDED and read[1] == read[2] and written[1] == written[2]


@cocotb.test()
async def an_error_response_is_told_and_the_transfer_ends(dut: Any) -> None:
    bench = await opened(dut, 5)
    for index in range(settings()["transfers"]):
        bench.stall(STALLS[index % 4])
        for dma, move, size in (
            (bench.idma, bench.read_frames, 3 * bench.in_bytes),
            (bench.odma, bench.write_frames, 3 * bench.out_bytes),
        ):
            where = bench.place(size)
            bad = (where + bench.rng.randrange(size)) // bench.word * bench.word
            worse = (where + bench.rng.randrange(size)) // bench.word * bench.word
            bench.memory.bad = {bad, worse}
            bench.bursts.clear()
            word, sent, got = await move(3, where)
            assert word == ENDED | FAILED, hex(word)
            assert len(sent) == len(got) and sent != got
            first = min(bad, worse)
            if dma is bench.odma:  # the response is a burst's
                first = next(at for _, at, count in bench.bursts if at <= first < at + count * bench.word)
            assert int(await dma.read_dword(ERROR)) == FAILED | AxiResp.SLVERR
            assert int(await dma.read_dword(ERROR_ADDRESS)) == first
            bench.memory.bad = set()
            word, sent, got = await move(1)
            assert word == ENDED and sent == got and int(await dma.read_dword(ERROR)) == 0


@cocotb.test()
async def an_address_that_does_not_fit_is_refused(dut: Any) -> None:
    bench = await opened(dut, 6)
    beyond = [1 << settings()["ADDR_BITS"]] if settings()["ADDR_BITS"] < 64 else []
    for dma in (bench.idma, bench.odma):
        for address in [
            *beyond,
            *([0x1001] if bench.word > 1 else []),
            *([0x1000 + bench.word // 2] * (bench.word > 2)),
        ]:
            await bench.start(dma, address, 1)
            await ClockCycles(dut.clk, 50)
            assert int(await dma.read_dword(Register.CONTROL)) == Control.IDLE | REFUSED
            assert int(await dma.read_dword(ERROR)) == REFUSED
        dut.abort.value = 1
        await ClockCycles(dut.clk, 2)
        dut.abort.value = 0
        assert int(await dma.read_dword(Register.CONTROL)) == Control.IDLE  # an abort clears errors
        assert bench.bursts == []
        await bench.start(dma, 0x1000, 0)  # no frame: ended at once
        assert await bench.ended(dma) == ENDED
    assert bench.bursts == []


@cocotb.test()
async def a_start_while_busy_changes_nothing(dut: Any) -> None:
    bench = await opened(dut, 7)
    bench.sink.pause = True
    sent = bench.rng.randbytes(2 * bench.in_bytes)
    bench.memory.content[0x1000 : 0x1000 + len(sent)] = sent
    await bench.start(bench.idma, 0x1000, 2)
    await bench.start(bench.idma, 0x2000, 9)
    assert int(await bench.idma.read_dword(Register.CONTROL)) == Control.START
    bench.sink.pause = False
    assert await bench.received(2) == sent
    assert await bench.ended(bench.idma) == ENDED
    await ClockCycles(dut.clk, 200)
    assert bench.sink.empty() and int(await bench.idma.read_dword(Register.CONTROL)) == Control.IDLE


@cocotb.test()
async def what_follows_the_last_frame_stays_in_the_stream(dut: Any) -> None:
    bench = await opened(dut, 8)
    sent = bench.rng.randbytes(2 * bench.out_bytes)
    await bench.source.send(AxiStreamFrame(tdata=sent))
    await bench.start(bench.odma, 0x1000, 1)
    await bench.ended(bench.odma)
    await ClockCycles(dut.clk, 100)
    await bench.start(bench.odma, 0x3000, 1)
    await bench.ended(bench.odma)
    got = (
        bench.memory.content[0x1000 : 0x1000 + bench.out_bytes],
        bench.memory.content[0x3000 : 0x3000 + bench.out_bytes],
    )
    assert b"".join(got) == sent


@cocotb.test()
async def an_end_interrupts_where_it_is_enabled(dut: Any) -> None:
    bench = await opened(dut, 9)
    for dma, line, move in (
        (bench.idma, dut.idma_interrupt, bench.read_frames),
        (bench.odma, dut.odma_interrupt, bench.write_frames),
    ):
        await move(1)
        assert line.value == 0 and int(await dma.read_dword(0x0C)) == 0
        await dma.write_dword(0x08, 1)
        await dma.write_dword(0x04, 1)
        await move(1)
        assert line.value == 1 and int(await dma.read_dword(0x0C)) == 1
        assert int(await dma.read_dword(Register.CONTROL)) == Control.IDLE | Control.INTERRUPT
        await dma.write_dword(0x0C, 1)
        assert line.value == 0 and int(await dma.read_dword(0x0C)) == 0
        await dma.write_dword(0x04, 0)
        await move(1)
        assert line.value == 0 and int(await dma.read_dword(0x0C)) == 1
        assert [int(await dma.read_dword(at)) for at in (0x04, 0x08)] == [0, 1]


@cocotb.test()
async def an_abort_leaves_the_bus_in_order(dut: Any) -> None:
    bench = await opened(dut, 10)
    for index in range(settings()["transfers"]):
        bench.stall(STALLS[index % 4])
        offered = bench.rng.randrange(1, 4)  # frames, of three: some transfers wait for more when they are ended
        await bench.source.send(AxiStreamFrame(tdata=bench.rng.randbytes(offered * bench.out_bytes)))
        await bench.start(bench.odma, 0x8000, 3)
        await bench.start(bench.idma, 0x1000, 3)
        await ClockCycles(dut.clk, bench.rng.randrange(1, 4 * bench.in_bytes))
        early = int(await bench.odma.read_dword(Register.CONTROL)), int(await bench.idma.read_dword(Register.CONTROL))
        dut.abort.value = 1
        for cycle in itertools.count():
            await RisingEdge(dut.clk)
            if dut.idma_busy.value == 0 and dut.odma_busy.value == 0:
                break
            assert cycle < 5000, "an abort must end"
        dut.abort.value = 0
        counts = len(bench.bursts), len(bench.memory.written), len(bench.memory.read_words)
        for dma, word in ((bench.odma, early[0]), (bench.idma, early[1])):
            assert int(await dma.read_dword(Register.CONTROL)) & ~(Control.DONE | Control.READY) == Control.IDLE, word
        await ClockCycles(dut.clk, 300)
        assert (len(bench.bursts), len(bench.memory.written), len(bench.memory.read_words)) == counts
        bench.source.clear()
        while not bench.sink.empty():
            bench.sink.recv_nowait()
        await bench.reset()  # what the streams' ends hold of broken frames goes with the accelerator's reset
        read, written = await bench.read_frames(2), await bench.write_frames(2)
        assert read[0] == written[0] == ENDED and read[1] == read[2] and written[1] == written[2]


@cocotb.test()
async def a_write_of_single_bytes_is_refused(dut: Any) -> None:
    bench = await opened(dut, 11)
    await bench.idma.write_dword(Register.FRAMES, 0x01020304)
    assert (await bench.idma.write(Register.FRAMES, b"\x09")).resp == AxiResp.SLVERR
    assert int(await bench.idma.read_dword(Register.FRAMES)) == 0x01020304
    await bench.idma.write_dword(Register.ADDRESS_LOW, 0x11223340)
    await bench.idma.write_dword(Register.ADDRESS_HIGH, 0)
    assert int(await bench.idma.read_dword(Register.ADDRESS_LOW)) == 0x11223340
    assert int(await bench.idma.read_dword(0x3C)) == 0
