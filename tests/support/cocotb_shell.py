# SPDX-License-Identifier: Apache-2.0
"""An accelerator in its shell against cocotbext-axi's memory and register masters; see tests/hls_build/shell."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotb_bench import settings
from cocotb_dma import ENDED, ERROR, FAILED, GUARD, PATIENCE_US, PERIOD_NS, STALLS, Memory, pauses
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiSlave
from cocotbext.axi.axi_channels import AxiARSink, AxiAWSink

from board.driver.debug import Command, Debug, Fault, Interrupt, Status
from board.driver.iodma import Control, Register
from board.driver.shell import DEBUG_BASE, IDMA_BASE, ODMA_BASE

FAULTS = ("lose_in", "repeat_in", "lose_out", "repeat_out", "hold_in", "hold_out")
MISALIGNED = 1 << 18
SIZE, IN, OUT = 1 << 18, 0x4000, 0x30000
"""Of memory, and where frames and answers begin."""


def expect_axi3() -> None:
    """Have cocotbext-axi take bursts' lengths of four bits, AXI3's, which have 16 words at most (ARM IHI 0022)."""
    AxiARSink._signal_widths["arlen"] = AxiAWSink._signal_widths["awlen"] = 4


class Registers:
    """The registers of one block behind the shell's AXI-Lite slave."""

    def __init__(self, master: AxiLiteMaster, base: int) -> None:
        self._master, self._base = master, base

    async def read_dword(self, offset: int) -> int:
        return int(await self._master.read_dword(self._base + int(offset)))

    async def write_dword(self, offset: int, value: int) -> None:
        await self._master.write_dword(self._base + int(offset), value)


class Bench:
    """The shell with its accelerator, under reset; frames and their answers come from a file."""

    def __init__(self, dut: Any, seed: int) -> None:
        self.dut, self.set = dut, settings()
        self.rng = random.Random(seed + self.set["seed"])
        held = np.load(self.set["frames"])
        self.frames, self.answers = held["frames"], held["answers"]  # uint8 (N, bytes of a frame)
        self.streams: list[str] = json.loads(Path(self.set["shell"]).read_text())["streams"]
        self.memory = Memory(SIZE)
        self.step = 50 + self.set["frame_cycles"] // 50  # cycles between looks
        Clock(dut.ap_clk, PERIOD_NS, unit="ns").start()
        low = {"reset_active_level": False}
        registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.ap_clk, dut.ap_rst_n, **low)
        self.idma, self.odma, self.debug = (Registers(registers, base) for base in (IDMA_BASE, ODMA_BASE, DEBUG_BASE))
        if self.set["axi3"]:
            expect_axi3()
        bus = AxiBus.from_prefix(dut, "m_axi_gmem")
        self.slave = AxiSlave(bus, dut.ap_clk, dut.ap_rst_n, target=self.memory, **low)

    async def reset(self) -> None:
        for name in FAULTS:
            getattr(self.dut, name).value = 0
        self.dut.ap_rst_n.value = 0
        await ClockCycles(self.dut.ap_clk, 10)
        self.dut.ap_rst_n.value = 1
        await ClockCycles(self.dut.ap_clk, 200)

    def stall(self, on: bool) -> None:
        """Hold the memory's channels back at random."""
        read, write = self.slave.read_if, self.slave.write_if
        for end in (read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel):
            if on:
                end.set_pause_generator(pauses(self.rng.random()))
            else:
                end.clear_pause_generator()
                end.pause = False

    async def read(self, register: int) -> int:
        return int(await self.debug.read_dword(int(register)))

    async def write(self, register: int, value: int) -> None:
        await self.debug.write_dword(int(register), int(value))

    async def start(self, which: list[int]) -> None:
        """Let both DMAs move frames of these numbers."""
        sent = self.frames[which].tobytes()
        assert len(sent) < OUT - IN - 64
        self.memory.content[IN : IN + len(sent)] = sent
        size = len(which) * self.answers.shape[1]
        self.memory.content[OUT - 64 : OUT + size + 64] = bytes([GUARD]) * (size + 128)
        for dma, address in ((self.odma, OUT), (self.idma, IN)):
            await dma.write_dword(Register.ADDRESS_LOW, address)
            await dma.write_dword(Register.FRAMES, len(which))
            await dma.write_dword(Register.CONTROL, int(Control.START))

    async def ended(self, dma: Registers) -> int:
        async def polled() -> int:
            while not (word := int(await dma.read_dword(Register.CONTROL))) & Control.DONE:
                await ClockCycles(self.dut.ap_clk, self.step)
            return word

        patience_us = PATIENCE_US + 30 * self.set["frame_cycles"] * PERIOD_NS // 1000
        return int(await with_timeout(polled(), patience_us, "us"))

    def results(self, count: int) -> np.ndarray:
        size = count * self.answers.shape[1]
        assert set(self.memory.content[OUT - 64 : OUT]) | set(self.memory.content[OUT + size :][:64]) == {GUARD}
        return np.frombuffer(bytes(self.memory.content[OUT : OUT + size]), np.uint8).reshape(count, -1)

    def some(self, count: int) -> list[int]:
        return [self.rng.randrange(len(self.frames)) for _ in range(count)]

    async def right(self, count: int) -> None:
        """So many frames give what they should, and nothing is told."""
        which = self.some(count)
        await self.start(which)
        assert await self.ended(self.odma) == await self.ended(self.idma) == ENDED
        np.testing.assert_array_equal(self.results(count), self.answers[which])
        assert await self.read(Debug.FAULT) == 0

    async def recover(self) -> None:
        """A soft reset, to its end."""
        await self.write(Debug.CONTROL, Command.RESET)
        for _ in range(200):
            if not await self.read(Debug.STATUS) & Status.RESETTING:
                return
            await ClockCycles(self.dut.ap_clk, 20)
        raise AssertionError("a reset must end")

    async def beats(self) -> list[int]:
        await ClockCycles(self.dut.ap_clk, 2 * (len(self.streams) + 2))  # what the scan has not brought yet
        return [await self.read(Debug.BEATS + 8 * index) for index in range(len(self.streams) + 2)]


async def opened(dut: Any, seed: int) -> Bench:
    bench = Bench(dut, seed)
    await bench.reset()
    return bench


@cocotb.test()
async def it_tells_what_it_is(dut: Any) -> None:
    bench = await opened(dut, 1)
    assert await bench.read(Debug.ID) == 0x41554631
    assert await bench.read(Debug.FEATURES) == bench.set["features"]
    assert await bench.read(Debug.COUNTS) == len(bench.streams) + 2 | bench.set["fifos"] << 16
    words = [await bench.read(Debug.DIGEST + 4 * index) for index in range(8)]
    assert "".join(f"{word:08x}" for word in words) == bench.set["digest"]


@cocotb.test()
async def frames_with_stalls_and_errors(dut: Any) -> None:
    bench = await opened(dut, 2)
    left, total, batch = bench.set["count"], 0, 0
    while left:
        count = min(left, bench.rng.randrange(1, 1 + bench.set.get("batch", 4)))
        bench.stall(STALLS[batch % 4] != "none")
        if batch % 3 == 2:  # an error in every third batch, of reading or of writing
            dma, base, size = (
                (bench.idma, IN, bench.frames.shape[1]), (bench.odma, OUT, bench.answers.shape[1])
            )[batch // 3 % 2]  # fmt: skip
            bench.memory.bad = {(base + bench.rng.randrange(count * size)) // 8 * 8}
            await bench.start(bench.some(count))
            words = await bench.ended(bench.odma), await bench.ended(bench.idma)
            told = FAILED | ENDED, ENDED
            assert words == (told if dma is bench.odma else told[::-1]), [hex(word) for word in words]
            assert int(await dma.read_dword(ERROR)) & FAILED
            bench.memory.bad = set()
        else:
            await bench.right(count)
        left, total, batch = left - count, total + count, batch + 1
        assert await bench.read(Debug.FRAMES_IN) == await bench.read(Debug.FRAMES_OUT) == total
        assert await bench.read(Debug.FAULT) == 0


@cocotb.test()
async def beats_and_stalls_are_counted(dut: Any) -> None:
    bench = await opened(dut, 3)
    await bench.right(1)
    once = await bench.beats()
    assert once[0] == bench.set["in_beats"] and once[-1] == bench.set["out_beats"] and min(once) > 0
    bench.stall(True)
    await bench.right(2)
    assert await bench.beats() == [3 * beats for beats in once]
    fills = [await bench.read(Debug.FILL + 4 * index) for index in range(bench.set["fifos"])]
    assert all(fills) if fills else True
    await bench.write(Debug.CONTROL, Command.CLEAR)
    assert await bench.beats() == [0] * len(once)
    # a beat that nobody takes counts in every cycle
    dut.hold_in.value = 1
    await bench.start(bench.some(1))
    await ClockCycles(dut.ap_clk, 1000)
    first = await bench.read(Debug.STALLS)
    await ClockCycles(dut.ap_clk, 1000)
    assert 1000 <= await bench.read(Debug.STALLS) - first <= 1000 + 3 * len(once) + 20
    dut.hold_in.value = 0
    assert await bench.ended(bench.odma) == await bench.ended(bench.idma) == ENDED


async def strike(bench: Bench, fault: str, at: int) -> None:
    """Let a fault happen to the beat of number `at` of its stream from now on."""
    kind, end = fault.split("_")
    offered, taken = getattr(bench.dut, f"{end}_offered"), getattr(bench.dut, f"{end}_taken")
    line = getattr(bench.dut, fault)
    line.value = int(at == 0)
    seen, armed = 0, at == 0
    while True:
        await RisingEdge(bench.dut.ap_clk)
        if armed and offered.value == 1 and (kind == "lose" or taken.value == 1):
            line.value = 0
            return
        if not armed and offered.value == 1 and taken.value == 1:
            seen += 1
            armed = seen == at
            line.value = int(armed)


@cocotb.test()
async def a_lost_or_repeated_beat_is_noticed_in_its_frame(dut: Any) -> None:
    bench = await opened(dut, 4)
    named = {
        "lose_out": Fault.OUTPUT_MISSING,
        "repeat_out": Fault.OUTPUT_EXTRA,
        "lose_in": Fault.OUTPUT_MISSING,
    }
    for fault, code in named.items():
        await bench.write(Debug.CONTROL, Command.FENCE)
        await bench.right(1)
        frame, before = 1 + bench.rng.randrange(2), await bench.read(Debug.FRAMES_OUT)
        per_frame = bench.set["in_beats" if fault.endswith("in") else "out_beats"]
        at = (frame - 1) * per_frame + bench.rng.randrange(per_frame - 1)
        hit = cocotb.start_soon(strike(bench, fault, at))
        await bench.start(bench.some(4))
        await ClockCycles(dut.ap_clk, bench.set["quiet"] + 8 * bench.set["frame_cycles"])
        assert await bench.read(Debug.FAULT) == code, fault
        assert await bench.read(Debug.FAULT_FRAME) == before + frame - 1, fault
        assert int(await bench.odma.read_dword(Register.CONTROL)) & MISALIGNED
        hit.cancel()
        await bench.recover()
        await bench.right(2)
    await bench.write(Debug.CONTROL, 0)


@cocotb.test()
async def a_fault_is_noticed_at_the_latest_when_all_is_through(dut: Any) -> None:
    bench = await opened(dut, 5)
    for fault, code in (("lose_out", Fault.OUTPUT_MISSING), ("repeat_out", Fault.OUTPUT_EXTRA)):
        hit = cocotb.start_soon(strike(bench, fault, 2))
        await bench.start(bench.some(3))
        await ClockCycles(dut.ap_clk, bench.set["quiet"] + 8 * bench.set["frame_cycles"])
        assert await bench.read(Debug.FAULT) == code
        hit.cancel()
        await bench.recover()
        await bench.right(1)


@cocotb.test()
async def frames_wait_for_each_other_behind_the_fence(dut: Any) -> None:
    bench = await opened(dut, 6)
    await bench.write(Debug.CONTROL, Command.FENCE)
    await bench.start(bench.some(3))
    ahead = set()
    while int(await bench.odma.read_dword(Register.CONTROL)) & Control.START:
        out, into = await bench.read(Debug.FRAMES_OUT), await bench.read(Debug.FRAMES_IN)
        ahead.add(into - out)
    assert ahead <= {0, 1, 2}, ahead  # 2: the second read is later
    await bench.ended(bench.idma)
    # none follows one that does not come out
    dut.hold_out.value = 1
    before = await bench.read(Debug.FRAMES_IN)
    await bench.start(bench.some(3))
    await ClockCycles(dut.ap_clk, 4 * bench.set["frame_cycles"])
    assert await bench.read(Debug.FRAMES_IN) == before + 1
    dut.hold_out.value = 0
    assert await bench.ended(bench.odma) == await bench.ended(bench.idma) == ENDED
    await bench.write(Debug.CONTROL, 0)
    await bench.right(2)


@cocotb.test()
async def a_reset_at_any_time_leaves_all_well(dut: Any) -> None:
    bench = await opened(dut, 7)
    for index in range(bench.set["resets"]):
        bench.stall(index % 2 == 1)
        if index % 5 == 4:
            dut.hold_in.value = 1  # the accelerator takes nothing
        await bench.start(bench.some(3))
        await ClockCycles(dut.ap_clk, bench.rng.randrange(3 * bench.set["frame_cycles"]))
        await bench.recover()
        assert not await bench.read(Debug.STATUS) & (Status.IDMA_BUSY | Status.ODMA_BUSY), "a reset waits for the bus"
        dut.hold_in.value = 0
        assert [await bench.read(register) for register in (Debug.FRAMES_IN, Debug.FRAMES_OUT)] == [0, 0]
        count = len(bench.memory.written)
        await ClockCycles(dut.ap_clk, 200)
        assert len(bench.memory.written) == count
        for dma in (bench.idma, bench.odma):
            assert int(await dma.read_dword(Register.CONTROL)) & 0xFFF5 == Control.IDLE
        await bench.right(1)


@cocotb.test()
async def the_self_test_passes_and_can_fail(dut: Any) -> None:
    bench = await opened(dut, 8)

    async def test() -> int:
        await bench.write(Debug.CONTROL, Command.TEST)
        for _ in range(1000):
            if (status := await bench.read(Debug.STATUS)) & Status.TESTED:
                return status
            await ClockCycles(dut.ap_clk, 2 * bench.step)
        raise AssertionError("a self-test must end")

    for _ in range(2):
        assert await test() & (Status.PASSED | Status.TESTING) == Status.PASSED
        assert await bench.read(Debug.TEST_CRC) == await bench.read(Debug.TEST_EXPECTED) == bench.set["crc"]
        assert bench.set["in_beats"] < await bench.read(Debug.TEST_CYCLES) < 2 * bench.set["frame_cycles"] + 4000
        await bench.right(1)
    hit = cocotb.start_soon(strike(bench, "repeat_in", 5))
    status = await test()
    assert not status & Status.PASSED and await bench.read(Debug.TEST_CRC) != bench.set["crc"]
    hit.cancel()
    await bench.recover()
    assert await test() & Status.PASSED
    # not while frames are on their way
    dut.hold_out.value = 1
    await bench.start(bench.some(1))
    await bench.write(Debug.CONTROL, Command.TEST)
    assert not await bench.read(Debug.STATUS) & Status.TESTING
    dut.hold_out.value = 0
    assert await bench.ended(bench.odma) == await bench.ended(bench.idma) == ENDED


@cocotb.test()
async def a_hang_shows_where(dut: Any) -> None:
    bench = await opened(dut, 9)
    dut.hold_in.value = 1
    await bench.start(bench.some(1))
    await ClockCycles(dut.ap_clk, bench.set["quiet"] + 500)
    assert await bench.read(Debug.STATUS) & Status.IDMA_BUSY
    assert await bench.read(Debug.QUIET) == bench.set["quiet"]
    assert await bench.read(Debug.STATUS) & Status.QUIET
    assert await bench.read(Debug.VALID) & 1 and not await bench.read(Debug.READY) & 1
    dut.hold_in.value = 0
    assert await bench.ended(bench.odma) == await bench.ended(bench.idma) == ENDED


@cocotb.test()
async def interrupts_tell_of_ends_and_faults(dut: Any) -> None:
    bench = await opened(dut, 10)
    await bench.right(1)
    assert dut.interrupt_o.value == 0
    assert await bench.read(Debug.PENDING) == Interrupt.IDMA_ENDED | Interrupt.ODMA_ENDED
    await bench.write(Debug.PENDING, 15)
    assert await bench.read(Debug.PENDING) == 0
    await bench.write(Debug.ENABLE, Interrupt.ODMA_ENDED | Interrupt.TESTED)
    await bench.right(1)
    assert dut.interrupt_o.value == 1
    await bench.write(Debug.PENDING, 15)
    assert dut.interrupt_o.value == 0
    await bench.write(Debug.CONTROL, Command.TEST)
    await ClockCycles(dut.ap_clk, 4 * bench.set["frame_cycles"] + 4000)
    assert dut.interrupt_o.value == 1 and await bench.read(Debug.PENDING) == Interrupt.TESTED
