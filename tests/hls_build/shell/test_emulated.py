# SPDX-License-Identifier: Apache-2.0
"""The board's driver on the RTL of the shell: transfers, errors, hangs by name, resets and the self-test."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from shell_board import FAULTS, FRAMES, TIMEOUT_S, Board, Buffer, FaultyFabric
from shells import BEATS, LANES, stub_answers, stub_shell, stub_sources
from small import small_contract

from board.core.contract import InputRule
from board.driver import Driver, HangError, TransferError
from board.driver.debug import IDENTITY, Command, Debug, DebugBlock, Interrupt, build_digest
from board.driver.device import Pynq
from board.driver.faults import Cause, Fault
from board.driver.iodma import Control, describe
from board.driver.shell import DEBUG_BASE, IDMA_BASE, ODMA_BASE, Window
from board.emulator import EmulatedBoard
from board.emulator.board import EmulatedLine
from board.emulator.memory import Memory
from board.emulator.overlay import SHELL_BLOCKS, block_bases, write_overlay
from board.emulator.shell import RtlFabric
from board.simulation.harness import Simulation
from hls_build.shell.spec import EMULATED, FRAME_FILE, TOP, emulated_text, top_text
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator
SPEC = stub_shell(np.random.default_rng(1))[0]
CONTRACT = small_contract(
    input=InputRule((BEATS, 1, LANES), "uint8", "grey", 0.0),
    accumulator="UINT16",
    input_stream=SPEC.input_stream,
    output_stream=SPEC.output_stream,
)
DIGEST = build_digest(CONTRACT)


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """The stand-in in its shell."""
    folder = tmp_path_factory.mktemp("shell")
    spec, _ = stub_shell(np.random.default_rng(1), digest=DIGEST)
    assert spec.self_test is not None
    (folder / FRAME_FILE).write_text(spec.self_test.text())
    (folder / f"{TOP}.v").write_text(top_text(spec))
    (folder / f"{EMULATED}.sv").write_text(emulated_text(spec))
    library = verilator.build([*stub_sources(spec), folder / f"{TOP}.v", folder / f"{EMULATED}.sv"], EMULATED)
    with Simulation(library, workdir=folder) as opened:
        yield opened


@pytest.fixture
def board(simulation: Simulation) -> Board:
    """Just loaded."""
    memory = Memory(0x1680_0000, 1 << 16)
    board = Board(SPEC, FaultyFabric(simulation, memory), memory)
    board.sleep(1e-5)
    return board


def sums(faces: np.ndarray) -> np.ndarray:
    """Answers of faces uint8 (N, 64, 1, 3), int64 (N, 3)."""
    return stub_answers(faces.reshape(-1, BEATS, LANES)).view("<u2").astype(np.int64)


def some_faces(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 256, (count, BEATS, 1, LANES), np.uint8)


def test_the_driver_moves_frames(board: Board, rng: np.random.Generator) -> None:
    faces = some_faces(rng, 3 * FRAMES + 1)
    np.testing.assert_array_equal(board.transfer(faces), sums(faces))
    assert board.debug.beats() == {"in0": 13 * 64, "input->sum": 13 * 64, "sum->output": 13 * 3, "out0": 13 * 3}
    assert board.debug.stuck() == "no stream is stuck"


def test_an_error_response_is_an_error_of_its_dma(board: Board, rng: np.random.Generator) -> None:
    board.fabric.refuses = True
    with pytest.raises(Fault) as caught:
        board.transfer(some_faces(rng, FRAMES))
    assert caught.value.cause is Cause.ERROR
    failed = next(dma for dma in board.dmas if dma.name == caught.value.dma)
    assert failed.control & 1 << 16 and "no such state" in describe(failed.control)
    board.fabric.refuses = False
    assert board.debug.reset()
    faces = some_faces(rng, FRAMES)
    np.testing.assert_array_equal(board.transfer(faces), sums(faces))


def test_a_silent_memory_is_a_hang_that_a_reset_outlasts(board: Board, rng: np.random.Generator) -> None:
    board.fabric.silent = True
    with pytest.raises(Fault) as caught:
        board.transfer(some_faces(rng, FRAMES))
    assert caught.value.cause is Cause.HANG
    assert not board.debug.reset(timeout_s=1e-4)  # what was asked for must come first
    board.fabric.silent = False
    assert board.debug.reset()
    faces = some_faces(rng, FRAMES)
    np.testing.assert_array_equal(board.transfer(faces), sums(faces))


def test_a_stuck_stream_is_named(board: Board, rng: np.random.Generator) -> None:
    board.dmas[0].start(board.slots[0].input.device_address, FRAMES)  # and nobody takes what comes out
    board.sleep(1e-3)
    assert board.debug.stuck() == "stream 'out0' is stuck: valid, never ready, after 0 beats"
    assert board.debug.reset() and board.debug.stuck() == "no stream is stuck"


def test_a_lean_shell_names_the_stuck_stream_without_a_count(tmp_path: Path, rng: np.random.Generator) -> None:
    """It tests nothing after loading, computes, and tells of a hang what the handshakes say."""
    parts: dict[str, Any] = {"self_test": None, "counters": False, "check": False, "fifos": ()}
    spec, _ = stub_shell(np.random.default_rng(1), digest=DIGEST, **parts)
    (tmp_path / f"{TOP}.v").write_text(top_text(spec))
    (tmp_path / f"{EMULATED}.sv").write_text(emulated_text(spec))
    library = verilator.build([*stub_sources(spec), tmp_path / f"{TOP}.v", tmp_path / f"{EMULATED}.sv"], EMULATED)
    with Simulation(library, workdir=tmp_path) as simulation:
        memory = Memory(0x1680_0000, 1 << 16)
        board = Board(spec, FaultyFabric(simulation, memory), memory)
        board.sleep(1e-5)
        board.debug.check(DIGEST)
        assert board.debug.self_test() is None
        faces = some_faces(rng, FRAMES + 1)
        np.testing.assert_array_equal(board.transfer(faces), sums(faces))
        board.dmas[0].start(board.slots[0].input.device_address, FRAMES)
        board.sleep(1e-3)
        assert board.debug.stuck() == "stream 'out0' is stuck: valid, never ready"
        assert board.debug.reset()
        np.testing.assert_array_equal(board.transfer(faces), sums(faces))


def test_the_emulated_board_runs_the_shell(simulation: Simulation) -> None:
    board = EmulatedBoard(CONTRACT, simulation)
    board.load()
    (base,) = block_bases(CONTRACT.part, SHELL_BLOCKS).values()
    assert board.bus.read(base + DEBUG_BASE + Debug.ID) == IDENTITY
    assert board.bus.read(base + IDMA_BASE) == board.bus.read(base + ODMA_BASE) == Control.IDLE


def test_the_self_test_passes(board: Board, rng: np.random.Generator) -> None:
    board.debug.check(DIGEST)
    cycles = board.debug.self_test()
    assert cycles is not None and BEATS < cycles < 300
    faces = some_faces(rng, 2)
    np.testing.assert_array_equal(board.transfer(faces), sums(faces))


def test_another_build_is_refused(board: Board) -> None:
    with pytest.raises(
        RuntimeError, match=r"the FPGA must hold build 000000000000, got [0-9a-f]{12}: use the files of"
    ):
        board.debug.check("0" * 64)
    other = DebugBlock(board.fabric.registers, (), board)
    with pytest.raises(RuntimeError, match="the debug block must watch 2 streams, got 4"):
        other.check(DIGEST)
    with pytest.raises(RuntimeError, match="the debug block must read 0x41554631, got 0x00000004"):
        DebugBlock(Window(board.fabric.registers, IDMA_BASE), (), board).check(DIGEST)


class Overlay:
    """What pynq's Overlay is to the driver: loading resets the fabric."""

    def __init__(self, fabric: RtlFabric) -> None:
        self.shell0, self._fabric = fabric.registers, fabric
        self.loads = 0

    def download(self) -> None:
        self.loads += 1
        self._fabric.reset()


@pytest.fixture
def driver(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """The driver on that board, its pynq reduced to what the driver takes of it."""
    bitfile, contract = write_overlay(tmp_path, CONTRACT, SHELL_BLOCKS)
    (tmp_path / "shell.json").write_text(json.dumps({"streams": SPEC.streams, "fifos": SPEC.fifos}))
    overlay = Overlay(board.fabric)

    def allocate(shape: tuple[int, int], dtype: Any, cacheable: int) -> Buffer:
        return board.allocate(shape[1])

    clocks, lock = SimpleNamespace(fclk0_mhz=0.0), tmp_path / "lock"
    pynq = Pynq(None, lambda *_, **__: overlay, clocks, allocate, board, lock, lambda _: board)
    monkeypatch.setattr("board.driver.driver.open_pynq", lambda: pynq)
    monkeypatch.setattr("board.driver.driver.forget_metadata", lambda: None)
    monkeypatch.setattr("board.driver.driver.loaded_overlay", lambda: ("this", "one"))
    monkeypatch.setattr(Buffer, "freebuffer", lambda _: None, raising=False)
    with Driver(bitfile, contract, FRAMES, TIMEOUT_S) as opened:
        yield opened


def test_the_driver_tests_itself_and_computes(
    driver: Driver, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    faces = some_faces(rng, 2 * FRAMES + 1)
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))
    with caplog.at_level(logging.INFO, "auflow.driver"):
        driver._load()
    assert [message for message in caplog.messages if message.startswith("the self-test passed in ")]


def test_the_driver_waits_by_interrupt(driver: Driver, board: Board, rng: np.random.Generator) -> None:
    assert driver._debug and driver._debug.interrupts
    faces = some_faces(rng, 2 * FRAMES + 1)
    naps, waits = board.naps, board.waits
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))
    assert board.naps == naps and board.waits > waits


@pytest.mark.parametrize("line_is", [False, True], ids=["not wired", "up for another cause"])
def test_a_line_that_does_not_tell_of_the_self_test_is_not_waited_for(
    driver: Driver, board: Board, rng: np.random.Generator, line_is: bool
) -> None:
    board.line_is = line_is
    driver._load()
    assert driver._debug and not driver._debug.interrupts
    faces, waits = some_faces(rng, FRAMES + 1), board.waits
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))
    assert board.waits == waits and board.fabric.registers.read(DEBUG_BASE + Debug.ENABLE) == 0


def test_a_lost_interrupt_costs_time_alone(driver: Driver, board: Board, rng: np.random.Generator) -> None:
    board.line_is = False
    faces = some_faces(rng, FRAMES + 1)
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))
    assert driver._debug and driver._debug.interrupts


def test_the_emulated_boards_line_is_the_shells(simulation: Simulation) -> None:
    board = EmulatedBoard(CONTRACT, simulation)
    board.load()
    line, (base,) = EmulatedLine(board), block_bases(CONTRACT.part, SHELL_BLOCKS).values()
    began = board.clock.monotonic()
    assert not line.wait(1e-4) and board.clock.monotonic() >= began + 1e-4
    board.bus.write(base + DEBUG_BASE + Debug.ENABLE, Interrupt.TESTED)
    board.bus.write(base + DEBUG_BASE + Debug.CONTROL, Command.TEST)
    assert line.wait(1.0) and board.clock.monotonic() < began + 1e-2
    board.bus.write(base + DEBUG_BASE + Debug.PENDING, Interrupt.TESTED)
    assert not line.wait(1e-4)


def test_a_hang_error_names_the_stuck_stream(driver: Driver, board: Board, rng: np.random.Generator) -> None:
    board.fabric.silent = True
    with pytest.raises(HangError, match=r"no frame for 0.001 s .*; stream 'in0' is stuck: never valid; power"):
        driver.accumulators(some_faces(rng, 1))
    board.fabric.silent = False
    faces = some_faces(rng, 3)
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))


def test_a_transfer_error_is_told_and_recovered_from(driver: Driver, board: Board, rng: np.random.Generator) -> None:
    board.fabric.refuses = True
    with pytest.raises(TransferError, match=r"[io]dma0 reports an error at frame 0"):
        driver.accumulators(some_faces(rng, 1))
    board.fabric.refuses = False
    faces = some_faces(rng, 3)
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))


def faulty(board: Board) -> FaultyFabric:
    """The programmable logic of a board as one that may do wrong."""
    assert isinstance(board.fabric, FaultyFabric)
    return board.fabric


def first_lost(kind: str, at: int) -> range:
    """The frames that may be the first that a fault takes."""
    if kind == "refuses a read":  # nobody knows what the batch was made of
        return range(at // FRAMES * FRAMES, at // FRAMES * FRAMES + 1)
    if kind == "never answers a read":  # nor is written what was computed before
        return range(max(0, at - 2), at + 1)
    return range(at, at + 1)


@pytest.mark.parametrize("at", [6, *(pytest.param(at, marks=pytest.mark.slow) for at in (0, 8))])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_named_and_recovered_from(
    driver: Driver, board: Board, rng: np.random.Generator, caplog: pytest.LogCaptureFixture, kind: str, at: int
) -> None:
    faulty(board).plan(kind, at)
    faces, loads = some_faces(rng, 2 * FRAMES + 1), driver._overlay.loads
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))
    assert driver._overlay.loads == loads + 1 and driver.frames_done == len(faces)
    said = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    _, _, text = FAULTS[kind]
    found = re.search(rf"{text} at frame (\d+): .*; (no )?stream ", said[0])
    assert found and int(found[1]) in first_lost(kind, at), said
    assert f"loading the overlay again, going on with frame {found[1]}" in said
    np.testing.assert_array_equal(driver.accumulators(faces), sums(faces))
    assert driver._overlay.loads == loads + 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_that_lasts_is_told(driver: Driver, board: Board, rng: np.random.Generator, kind: str) -> None:
    faulty(board).plan(kind, 6, again=True)
    faces = some_faces(rng, 2 * FRAMES + 1)
    with pytest.raises(TransferError, match=r"two failures at frame \d:") as caught:
        driver.accumulators(faces)
    _, cause, text = FAULTS[kind]
    assert caught.value.diagnosis.cause is cause and text in str(caught.value)
    assert isinstance(caught.value, HangError) == (cause is Cause.HANG)
    first = caught.value.diagnosis.frame
    assert first in first_lost(kind, 6)
    np.testing.assert_array_equal(caught.value.accumulators, sums(faces[:first]))


def test_an_overlay_of_another_build_is_refused(driver: Driver) -> None:
    driver.contract = small_contract()
    with pytest.raises(RuntimeError, match="the FPGA must hold build"):
        driver._load()
    driver.contract = CONTRACT
