# SPDX-License-Identifier: Apache-2.0
"""The weights' DMA against cocotbext-axi's memory, of realistic latency; run by tests/hls_build/shell."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb_bench import settings
from cocotb_dma import ERROR, ERROR_ADDRESS, FAILED, PERIOD_NS, REFUSED, Memory, pauses
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiReadBus, AxiResp, AxiSlaveRead

from board.driver.iodma import Control, Register

LATENCY_CYCLES = (30, 60)
"""From a burst's address to its first word, as a Zynq's memory ports answer: none overlaps with another here."""
REFRESH_SHARE, REFRESH_CYCLES = 0.03, 40
BASE = 0x3000
GIVE_UP_CYCLES = 60_000


class SlowMemory(Memory):
    """Memory that takes its time for the first word of a burst, and now and then refreshes."""

    def __init__(self, dut: Any, rng: random.Random, word: int) -> None:
        super().__init__()
        self.dut, self.rng, self.word, self.next = dut, rng, word, -1

    async def _read(self, address: int, length: int, **_: Any) -> bytes:
        if address != self.next:
            wait = self.rng.randrange(*LATENCY_CYCLES)
            await ClockCycles(self.dut.clk, wait + REFRESH_CYCLES * (self.rng.random() < REFRESH_SHARE))
        self.next = address + length
        return await super()._read(address, length)


class Bench:
    """The design, its memory, and ends of its streams that may hold back."""

    def __init__(self, dut: Any, seed: int) -> None:
        values = settings()
        self.dut, self.rng = dut, random.Random(values["seed"] * 100 + seed)
        self.word, self.burst = values["WORD_BYTES"], values["BURST"]
        self.bytes = [values["BYTES0"], values["BYTES1"]]
        self.offsets, self.sizes = [0, values["OFFSET1"]], [self.word * values["WORDS0"], self.word * values["WORDS1"]]
        Clock(dut.clk, PERIOD_NS, unit="ns").start()
        low = {"reset_active_level": False}
        self.memory = SlowMemory(dut, self.rng, self.word)
        self.control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst_n, **low)
        self.slave = AxiSlaveRead(AxiReadBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst_n, target=self.memory, **low)
        self.memory.content[BASE:0x8000] = self.rng.randbytes(0x8000 - BASE)
        self.got: list[list[int]] = [[], []]
        self.stamps: list[list[int]] = [[], []]
        self.paused: list[Any] = [None, None]  # a generator of pauses, True for ever, or None
        self.bursts: list[int] = []
        self.cycle = 0
        cocotb.start_soon(self.watch())

    async def reset(self) -> None:
        self.dut.abort.value, self.dut.rst_n.value, self.dut.m_axis_tready.value = 0, 0, 0
        await ClockCycles(self.dut.clk, 5)
        self.dut.rst_n.value = 1
        await ClockCycles(self.dut.clk, 2)

    def stall(self, pattern: str) -> None:
        for channel in (self.slave.ar_channel, self.slave.r_channel):
            channel.clear_pause_generator()
            channel.pause = False
            if pattern in ("memory", "both"):
                channel.set_pause_generator(pauses(self.rng.random()))
        holds = pattern in ("stream", "both")
        self.paused = [pauses(self.rng.random()) if holds else None for _ in range(2)]

    async def watch(self) -> None:
        """Take beats, and hold every burst to its region and to what AXI wants."""
        dut, ready = self.dut, 0
        while True:
            await RisingEdge(dut.clk)
            self.cycle += 1
            if dut.rst_n.value == 1:
                valid, data = int(dut.m_axis_tvalid.value), 0
                if valid & ready:
                    data = int(dut.m_axis_tdata.value)
                for index, low in enumerate((0, 8 * self.bytes[0])):
                    if valid & ready & 1 << index:
                        self.got[index].append(data >> low & (1 << 8 * self.bytes[index]) - 1)
                        self.stamps[index].append(self.cycle)
                if dut.m_axi_arvalid.value == 1 and dut.m_axi_arready.value == 1:
                    self.burst_is_legal(int(dut.m_axi_araddr.value), int(dut.m_axi_arlen.value) + 1)
            ready = sum(1 << index for index in range(2) if not self.holds_back(index))
            dut.m_axis_tready.value = ready

    def holds_back(self, index: int) -> bool:
        paused = self.paused[index]
        return bool(paused if paused is None or paused is True else next(paused))

    def burst_is_legal(self, address: int, words: int) -> None:
        dut, end = self.dut, address + words * self.word
        assert words <= self.burst and address // 4096 == (end - 1) // 4096, (hex(address), words)
        assert 1 << int(dut.m_axi_arsize.value) == self.word and int(dut.m_axi_arburst.value) == 1
        inside = (
            BASE + offset <= address and end <= BASE + offset + size
            for offset, size in zip(self.offsets, self.sizes, strict=True)
        )
        assert any(inside), (hex(address), words)
        self.bursts.append(address)

    async def start(self, address: int = BASE) -> None:
        await self.control.write_dword(Register.ADDRESS_LOW, address)
        await self.control.write_dword(Register.ADDRESS_HIGH, 0)
        await self.control.write_dword(Register.CONTROL, int(Control.START))

    async def read(self, register: int) -> int:
        return int(await self.control.read_dword(register))

    async def abort(self) -> None:
        """As the debug block does: until the DMA is idle."""
        self.dut.abort.value = 1
        for _ in range(2000):
            await RisingEdge(self.dut.clk)
            if self.dut.busy.value == 0:
                break
        else:
            raise AssertionError("an abort must end")
        self.dut.abort.value = 0
        await RisingEdge(self.dut.clk)
        for kept in (*self.got, *self.stamps):
            kept.clear()

    async def taken(self, beats: list[int]) -> None:
        """Wait until each stream gave so many beats."""
        for _ in range(GIVE_UP_CYCLES):
            if all(len(got) >= least for got, least in zip(self.got, beats, strict=True)):
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"need {beats} beats, got {[len(got) for got in self.got]}")

    def right(self) -> None:
        """All beats so far are those of the regions, round and round."""
        for got, size, offset, width in zip(self.got, self.sizes, self.offsets, self.bytes, strict=True):
            region = self.memory.content[BASE + offset :][:size]
            beats = [int.from_bytes(region[at : at + width], "little") for at in range(0, size, width)]
            rounds = -(-len(got) // len(beats))
            assert got == (beats * rounds)[: len(got)]

    def rounds(self, count: int) -> list[int]:
        return [count * size // width for size, width in zip(self.sizes, self.bytes, strict=True)]


async def opened(dut: Any, seed: int) -> Bench:
    bench = Bench(dut, seed)
    await bench.reset()
    return bench


@cocotb.test()
async def streams_go_round_their_regions(dut: Any) -> None:
    bench = await opened(dut, 1)
    await bench.start()
    for pattern in ("none", "memory", "stream", "both"):
        bench.stall(pattern)
        seen = [len(got) for got in bench.got]
        await bench.taken([have + more for have, more in zip(seen, bench.rounds(1), strict=True)])
    bench.right()
    assert await bench.read(Register.CONTROL) == Control.START and dut.error.value == 0


@cocotb.test()
async def a_stream_that_waits_keeps_no_other_waiting(dut: Any) -> None:
    bench = await opened(dut, 2)
    await bench.start()
    for held in (0, 1):
        bench.paused = [True if index == held else None for index in range(2)]
        await ClockCycles(dut.clk, 2)
        seen = [len(got) for got in bench.got]
        await bench.taken([have if index == held else have + bench.rounds(2)[index] for index, have in enumerate(seen)])
        assert len(bench.got[held]) == seen[held]
    bench.right()


@cocotb.test()
async def a_narrow_stream_never_starves(dut: Any) -> None:
    """A byte a cycle needs less than this memory gives; the other stream stands still."""
    bench = await opened(dut, 3)
    bench.paused = [None, True]
    await bench.start()
    await bench.taken([bench.rounds(4)[0], 0])
    stamps = bench.stamps[0]
    wait = [after - before - 1 for before, after in pairwise(stamps)]
    assert sum(wait) <= settings()["starves"], sum(wait)


@cocotb.test()
async def an_error_response_is_told_and_streams_go_on(dut: Any) -> None:
    bench = await opened(dut, 4)
    bad = BASE + bench.offsets[1] + 17 * bench.word
    bench.memory.bad = {bad}
    await bench.start()
    await bench.taken(bench.rounds(2))
    assert await bench.read(Register.CONTROL) == Control.START | FAILED and dut.error.value == 1
    assert await bench.read(ERROR) == FAILED | AxiResp.SLVERR
    burst = bench.burst * bench.word
    assert await bench.read(ERROR_ADDRESS) == BASE + bench.offsets[1] + 17 * bench.word // burst * burst
    await bench.abort()
    assert await bench.read(Register.CONTROL) == Control.IDLE and dut.error.value == 0
    bench.memory.bad = set()
    await bench.start()
    await bench.taken(bench.rounds(1))
    bench.right()


@cocotb.test()
async def an_abort_ends_it_and_a_start_begins_anew(dut: Any) -> None:
    bench = await opened(dut, 5)
    for index in range(settings()["aborts"]):
        bench.stall(("none", "memory", "stream", "both")[index % 4])
        await bench.start()
        await ClockCycles(dut.clk, bench.rng.randrange(1, 400))
        bench.right()
        await bench.abort()
        seen = len(bench.bursts)
        await ClockCycles(dut.clk, 100)
        assert len(bench.bursts) == seen and bench.got == [[], []]
        assert await bench.read(Register.CONTROL) == Control.IDLE
        await bench.start()
        await bench.taken([20, 20])
        bench.right()
        await bench.abort()


@cocotb.test()
async def an_address_between_pages_is_refused(dut: Any) -> None:
    bench = await opened(dut, 6)
    await bench.start(BASE + 2048)
    await ClockCycles(dut.clk, 100)
    assert await bench.read(Register.CONTROL) == Control.IDLE | REFUSED and bench.bursts == []
    await bench.start()
    await bench.start(BASE + 4096)  # while it runs: changes nothing
    await bench.taken(bench.rounds(1))
    bench.right()
