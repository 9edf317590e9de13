# SPDX-License-Identifier: Apache-2.0
"""The emulated board behaves as a real one where a driver can tell: registers, caches, time, what pynq reads."""

import os
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import (
    FIRST_OUT_CYCLES,
    INTERVAL_CYCLES,
    ZYNQ,
    ZYNQMP,
    expected,
    random_faces,
    small_board,
    small_contract,
    small_graph,
)  # fmt: skip

from board.core.contract import Contract
from board.deployment import Deployment
from board.driver.iodma import Control, Register
from board.emulator import (  # fmt: skip
    EmulatedBoard,
    EndsShort,
    NeverEnds,
    ResetsMidFrame,
    Stalls,
    TimedAccelerator,
    VerilatedAccelerator,
    random_faults,
    write_overlay,
)
from board.emulator.iodma import IodmaModel
from board.emulator.memory import Memory
from board.emulator.registers import Bus, RegisterFile, Window

START, ENDED = int(Control.START), int(Control.DONE | Control.READY | Control.IDLE)


def test_an_iodma_reports_its_end_once() -> None:
    dma = IodmaModel("odma0")
    assert dma.read(Register.CONTROL) == Control.IDLE
    dma.write(Register.ADDRESS_LOW, 0x1234)
    dma.write(Register.ADDRESS_HIGH, 8)
    dma.write(Register.FRAMES, 3)
    assert (dma.read(Register.ADDRESS_LOW), dma.running) == (0x1234, False)
    dma.write(Register.CONTROL, START)
    assert (dma.read(Register.CONTROL), dma.address, dma.left) == (START, 0x8_0000_1234, 3)
    dma.end()
    assert [dma.read(Register.CONTROL) for _ in range(2)] == [ENDED, Control.IDLE]


def test_a_start_in_mid_transfer_is_a_bug() -> None:
    dma = IodmaModel("odma0")
    dma.write(Register.CONTROL, START)
    with pytest.raises(RuntimeError, match="odma0 must be idle when it is started"):
        dma.write(Register.CONTROL, START)


def test_memory_is_incoherent() -> None:
    memory = Memory(0x1000_0000, 1 << 16)
    block = memory.allocate(100, cacheable=True)
    address, here = memory.base + block.start, slice(block.start, block.start + 100)
    memory.cache[here] = 7
    assert (memory.read(address, 100) != 7).all()
    memory.flush(block, 0, 100)
    assert (memory.read(address, 100) == 7).all()
    memory.write(address, np.full(100, 9, np.uint8))
    assert (memory.cache[here] == 7).all()
    memory.invalidate(block, 0, 100)
    assert (memory.cache[here] == 9).all()


def test_a_dirty_line_destroys_what_a_dma_writes() -> None:
    memory = Memory(0x1000_0000, 1 << 16)
    block = memory.allocate(100, cacheable=True)
    memory.cache[block.start] = 7  # never flushed
    memory.write(memory.base + block.start, np.full(100, 9, np.uint8))
    memory.invalidate(block, 0, 100)
    line = 32
    assert memory.cache[block.start] == 7 and (memory.cache[block.start + 1 : block.start + line] != 9).all()
    assert (memory.cache[block.start + line : block.start + 100] == 9).all()


def test_uncached_memory_is_coherent() -> None:
    memory = Memory(0x1000_0000, 1 << 16)
    block = memory.allocate(100, cacheable=False)
    memory.dram[block.start] = 7
    memory.flush(block, 0, 100)
    memory.invalidate(block, 0, 100)
    assert memory.read(memory.base + block.start, 1)[0] == 7


def test_memory_is_handed_out_and_taken_back() -> None:
    memory = Memory(0, 3 * 4096)
    first, second = memory.allocate(5000, True), memory.allocate(10, True)
    assert (first.start, second.start, memory.used) == (0, 8192, 12288)
    with pytest.raises(RuntimeError, match="Allocate failed"):
        memory.allocate(1, True)
    memory.release(first)
    assert [memory.allocate(10, True).start for _ in range(2)] == [0, 4096]


def test_a_dma_outside_of_its_memory_is_a_bug() -> None:
    memory = Memory(0, 1 << 16)
    memory.allocate(4096, True)
    with pytest.raises(RuntimeError, match="a DMA must stay within allocated memory, got 9 bytes at 0xffc"):
        memory.read(4092, 9)


def test_nothing_answers_where_nothing_is() -> None:
    ticks: list[int] = []
    bus = Bus({0x40000000: RegisterFile({4: 5})}, lambda: ticks.append(1))
    assert (bus.read(0x40000004), bus.read(0x40000008), len(ticks)) == (5, 0, 2)
    with pytest.raises(RuntimeError, match="nothing answers at 0x50000000: a real board would hang"):
        bus.write(0x50000000, 1)


def test_a_window_is_like_an_array() -> None:
    registers = RegisterFile({})
    window = Window(Bus({0: registers}, lambda: None), 0x10, 8)
    window[1] = 7
    assert registers.read(0x14) == 7 and window.view("u4")[1:3][0] == 7 and len(window[1:3]) == 2
    with pytest.raises(RuntimeError, match="registers are of 32 bits"):
        window.view(np.uint64)


def run_bare(accelerator: TimedAccelerator, frames: np.ndarray, cycles: int) -> tuple[np.ndarray, list[int]]:
    """Feed frames as fast as they are taken; results, and the cycle at which each came."""
    accelerator.allow(len(frames))
    waiting, out, stamps = list(frames), [], []
    for cycle in range(0, cycles, 100):
        while waiting and accelerator.waiting() < 2:
            accelerator.feed(waiting.pop(0))
        accelerator.step(100)
        if len(came := accelerator.take()):
            out.append(came)
            stamps.append(cycle + 100)
    return np.array(out), stamps


def packed(contract: Contract, faces: np.ndarray) -> np.ndarray:
    """Frames as bytes."""
    return contract.input_stream.lane_rule.pack(faces).reshape(len(faces), -1)


def test_results_leave_when_the_hardware_gives_them(rng: np.random.Generator) -> None:
    contract = small_contract()
    faces = random_faces(rng, 5)
    accelerator = TimedAccelerator(small_graph(), contract, FIRST_OUT_CYCLES, INTERVAL_CYCLES)
    out, stamps = run_bare(accelerator, packed(contract, faces), 100_000)
    values = contract.output_stream.lane_rule.unpack(out.reshape(-1, 3)).reshape(5, -1)
    np.testing.assert_array_equal(values, expected(faces))
    assert stamps == [FIRST_OUT_CYCLES + INTERVAL_CYCLES * frame for frame in range(5)]


def test_nothing_leaves_without_leave_and_little_enters(rng: np.random.Generator) -> None:
    contract = small_contract()
    accelerator = TimedAccelerator(small_graph(), contract, 2000, 1000)
    for frame in packed(contract, random_faces(rng, 10)):
        accelerator.feed(frame)
    accelerator.step(100_000)
    assert len(accelerator.take()) == 0 and accelerator.waiting() == 10 - 3
    accelerator.allow(2)
    accelerator.step(100_000)
    assert len(accelerator.take()) == 2 * contract.output_stream.frame_bytes
    accelerator.reset()
    accelerator.allow(9)
    accelerator.step(100_000)
    assert len(accelerator.take()) == 0


def test_refuses_an_impossible_timing() -> None:
    with pytest.raises(ValueError, match="need 1 <= interval_cycles <= first_out_cycles, got 2 and 1"):
        TimedAccelerator(small_graph(), small_contract(), 1, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeverEnds(-1), "need frame >= 0, got -1"),
        (lambda: Stalls(1, "dma"), "dma must be idma0 or odma0, got 'dma'"),
        (lambda: EndsShort(1, "idma0"), "only odma0 can end short"),
        (lambda: random_faults(np.random.default_rng(), 100, 4), "need at most 3 faults in 100 frames, got 4"),
    ],
)
def test_refuses_impossible_faults(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_random_faults_are_apart_and_repeatable() -> None:
    faults = [random_faults(np.random.default_rng(3), 10_000, 300) for _ in range(2)]
    assert faults[0] == faults[1] and len({type(fault) for fault in faults[0]}) == 5
    assert np.diff([fault.frame for fault in faults[0]]).min() > 16 and faults[0][-1].frame < 10_000


@pytest.mark.board
@pytest.mark.parametrize("part", [ZYNQ, ZYNQMP])
def test_pynq_reads_the_overlay(tmp_path: Path, part: str) -> None:
    from pynq import MMIO, Clocks, Overlay

    bitfile, contract = write_overlay(tmp_path, small_contract(part))
    contract.check_bitfile(bitfile)
    with small_board(contract) as board:
        overlay = Overlay(str(bitfile), download=False)
        base = overlay.ip_dict["idma0"]["phys_addr"]
        with pytest.raises(RuntimeError, match="nothing answers"):
            MMIO(base, 16).read(0)  # no bitfile is loaded
        overlay.download()
        board.clock.sleep(1e-3)
        assert overlay.is_loaded() and board.loads == 1
        assert sorted(set(overlay.ip_dict) & {"idma0", "odma0"}) == ["idma0", "odma0"]
        assert overlay.odma0.read(0) == Control.IDLE
        assert abs(Clocks.fclk0_mhz - 50) < 0.01  # as the handoff says
        Clocks.fclk0_mhz = 100
        assert abs(Clocks.fclk0_mhz - 100) < 0.01


@pytest.mark.board
@pytest.mark.parametrize("part", [ZYNQ, ZYNQMP])
def test_nothing_answers_while_the_clock_changes(tmp_path: Path, part: str) -> None:
    from pynq import Clocks, Overlay

    bitfile, contract = write_overlay(tmp_path, small_contract(part))
    with small_board(contract) as board:
        overlay = Overlay(str(bitfile))
        board.clock.sleep(1e-3)
        assert overlay.odma0.read(0) == Control.IDLE
        Clocks.fclk0_mhz = 100
        overlay.odma0.write(Register.FRAMES, 3)
        assert (overlay.odma0.read(0), overlay.odma0.read(Register.FRAMES)) == (0, 0)
        board.clock.sleep(1e-3)
        assert (overlay.odma0.read(0), overlay.odma0.read(Register.FRAMES)) == (Control.IDLE, 0)
        Clocks.fclk0_mhz = 100  # no change
        assert overlay.odma0.read(0) == Control.IDLE


@pytest.mark.board
def test_pynq_gets_back_what_it_had() -> None:
    import pynq
    from pynq.pl_server.device import Device

    def state() -> list[Any]:
        return [vars(Device).get("_active_device"), vars(Device).get("_devices"), pynq.ps.CPU_ARCH,
                vars(pynq.Clocks).get("device"), vars(pynq.Clocks).get("_real_instance")]  # fmt: skip

    before = state()
    with small_board(small_contract()):
        outer = state()
        with small_board(small_contract(ZYNQMP)) as inner:
            assert Device.active_device.clock is inner.clock and Device.devices == [Device.active_device]
        assert state() == outer
    assert state() == before


@pytest.mark.board
def test_refuses_a_bitfile_for_another_part(tmp_path: Path) -> None:
    from pynq import Overlay

    bitfile, _ = write_overlay(tmp_path, small_contract(ZYNQMP))
    with (
        small_board(small_contract(ZYNQ)),
        pytest.raises(RuntimeError, match="must be for xc7z020clg400-1, got one for"),
    ):
        Overlay(str(bitfile))


@pytest.mark.board
def test_loading_in_mid_frame_clears_everything(tmp_path: Path, rng: np.random.Generator) -> None:
    from pynq import Overlay, allocate

    bitfile, contract = write_overlay(tmp_path, small_contract())
    with small_board(contract) as board:
        overlay = Overlay(str(bitfile))
        board.clock.sleep(1e-3)
        faces = allocate((4, 6912), np.uint8, cacheable=1)
        for dma in (overlay.odma0, overlay.idma0):
            dma.write(Register.ADDRESS_LOW, faces.device_address)
            dma.write(Register.FRAMES, 4)
            dma.write(Register.CONTROL, START)
        board.clock.sleep(2.5 * INTERVAL_CYCLES / 100e6)
        assert overlay.idma0.read(0) == overlay.odma0.read(0) == START
        overlay.download()
        board.clock.sleep(1e-3)
        for dma in (overlay.odma0, overlay.idma0):
            assert (dma.read(0), dma.read(Register.ADDRESS_LOW), dma.read(Register.FRAMES)) == (Control.IDLE, 0, 0)
        written = board.fabric.written
        board.clock.sleep(1)
        assert board.fabric.written == written < 4 and overlay.odma0.read(0) == Control.IDLE
        faces.freebuffer()


@pytest.mark.board
def test_time_passes_with_registers_and_sleep(tmp_path: Path) -> None:
    from pynq import Overlay

    bitfile, contract = write_overlay(tmp_path, small_contract())
    with small_board(contract, cycles_per_access=500) as board:
        overlay = Overlay(str(bitfile))
        before = board.cycles
        overlay.idma0.read(0)
        assert board.cycles == before + 500
        board.clock.sleep(0.25)
        assert board.clock.monotonic() == (before + 500) / 100e6 + 0.25


@pytest.mark.board
@pytest.mark.parametrize("dma", ["idma0", "odma0"])
def test_a_stranger_may_load_at_any_time(tmp_path: Path, rng: np.random.Generator, dma: str) -> None:
    from board.driver import Driver

    bitfile, contract = write_overlay(tmp_path, small_contract())
    faces = random_faces(rng, 20)
    with small_board(contract, [ResetsMidFrame(9, dma)]), Driver(bitfile, contract, 4) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    """A real build with its simulation library."""
    if "AUFLOW_DEPLOY" not in os.environ:
        pytest.skip("needs AUFLOW_DEPLOY, a deployment with a simulation library")
    return Deployment(Path(os.environ["AUFLOW_DEPLOY"]))


@pytest.mark.board
@pytest.mark.parametrize("faults", [(), (NeverEnds(1), EndsShort(2))], ids=["well", "faults"])
def test_the_verilated_accelerator(
    deployment: Deployment, tmp_path: Path, rng: np.random.Generator, faults: Any
) -> None:
    from board.driver import Driver

    simulated = deployment.manifest.simulation
    if simulated is None or simulated.platform != sysconfig.get_platform():
        pytest.skip("needs a simulation library for this computer in AUFLOW_DEPLOY")
    bitfile, contract = write_overlay(tmp_path, deployment.contract)
    faces = random_faces(rng, 4)
    with (
        deployment.simulation() as simulation,
        EmulatedBoard(contract, VerilatedAccelerator(simulation, contract), faults) as board,
        Driver(bitfile, contract, frames=2, timeout_s=0.2) as driver,
    ):
        results = deployment.integer_graph().run(faces).reshape(len(faces), -1)
        np.testing.assert_array_equal(driver.accumulators(faces), results)
        assert board.loads == 1 + len(faults)
