# SPDX-License-Identifier: Apache-2.0
"""An accelerator whose dense layer comes from memory, in its shell under the driver: answers, resets, errors, ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from networks import random_chain
from shell_board import Buffer
from small import small_contract

from board.core.contract import Contract, InputRule
from board.core.weights import FILE, Weights
from board.driver import Driver
from board.driver.debug import Status
from board.driver.device import Pynq
from board.driver.iodma import Control
from board.driver.shell import DEBUG_BASE, WEIGHTS_BASE
from board.emulator import EmulatedBoard
from board.emulator.memory import Memory
from board.emulator.overlay import FINN_BLOCKS, SHELL_BLOCKS, write_overlay
from board.emulator.shell import CHUNK_CYCLES, SLVERR, WEIGHT_REQUESTS, RtlFabric
from board.executors.numpy_executor import NumpyExecutor
from board.simulation.harness import Simulation
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import DRAM, Folding
from hls_build.rtl.stitch import stitch
from hls_build.shell.of_build import shell_of
from hls_build.shell.spec import EMULATED, ShellSpec, emulated_text, write
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator
GRAPH = random_chain(1)
FOLDING = {"conv1": Folding(pe=4, simd=9), "fc1": Folding(simd=4, weights=DRAM)}
BUILD = BuildConfig("dram", "tiny", load_board("Pynq-Z2"), 100.0, None, FOLDING, shell="auflow")
CLOCK_HZ = 100e6


class Shelled(SimpleNamespace):
    """A build's simulated shell, and what belongs to it.

    Attributes:
        spec: The shell.
        contract: Of the accelerator.
        simulation: Of both.
        weights: The file of its weights.
    """

    spec: ShellSpec
    contract: Contract
    simulation: Simulation
    weights: Path


@pytest.fixture(scope="module")
def shelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelled]:
    """A convolution in the FPGA and a dense layer from memory."""
    rtl, folder = tmp_path_factory.mktemp("rtl"), tmp_path_factory.mktemp("shell")
    stitched = stitch(compile_graph(GRAPH, BUILD), rtl, BUILD.board.part, BUILD.clk_period_ns)
    contract = small_contract(
        input=InputRule(GRAPH.tensors["pixels"].shape, "uint8", "grey", 0.0),
        input_stream=stitched.input_stream,
        output_stream=stitched.output_stream,
        accumulator=f"INT{stitched.output_stream.bits}",
        weights=stitched.weights,
    )
    spec = shell_of(stitched, contract, GRAPH)
    sources = write(spec, rtl, folder)
    (folder / f"{EMULATED}.sv").write_text(emulated_text(spec))
    for path in rtl.glob("*.dat"):
        (folder / path.name).write_bytes(path.read_bytes())
    library = verilator.build([*sources, folder / f"{EMULATED}.sv"], EMULATED)
    with Simulation(library, workdir=folder) as simulation:
        yield Shelled(spec=spec, contract=contract, simulation=simulation, weights=rtl / FILE)


class Fabric:
    """The programmable logic with memory and time, as the driver sees them through pynq."""

    def __init__(self, simulation: Simulation) -> None:
        self.memory = Memory(0x1680_0000, 1 << 18)
        self.logic, self.cycles, self.loads = RtlFabric(simulation, self.memory), 0, 0
        self.shell0 = self.logic.registers

    def download(self) -> None:
        """What loading a bitfile does."""
        self.loads += 1
        self.logic.reset()

    def monotonic(self) -> float:
        return self.cycles / CLOCK_HZ

    def sleep(self, seconds: float, /) -> None:
        cycles = max(CHUNK_CYCLES, round(seconds * CLOCK_HZ))
        self.logic.step(cycles)
        self.cycles += cycles

    def allocate(self, shape: tuple[int, ...], dtype: Any, cacheable: int) -> Buffer:
        size = int(np.prod(shape))
        block = self.memory.allocate(size, cacheable=False)
        buffer = self.memory.dram[block.start : block.start + size].reshape(shape).view(Buffer)
        buffer.device_address = self.memory.base + block.start
        return buffer

    def status(self) -> int:
        """The debug block's STATUS."""
        return self.shell0.read(DEBUG_BASE + 0x10)


@pytest.fixture
def fabric(shelled: Shelled) -> Fabric:
    """Just powered on."""
    return Fabric(shelled.simulation)


Opener = Callable[[], Driver]


@pytest.fixture
def opened(shelled: Shelled, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens the driver on that logic, its pynq reduced to what the driver takes of it, files in tmp_path."""
    bitfile, contract = write_overlay(tmp_path, shelled.contract, SHELL_BLOCKS)
    (tmp_path / "shell.json").write_text(json.dumps({"streams": shelled.spec.streams, "fifos": shelled.spec.fifos}))
    (tmp_path / FILE).write_bytes(shelled.weights.read_bytes())
    clocks, lock = SimpleNamespace(fclk0_mhz=0.0), tmp_path / "lock"
    pynq = Pynq(None, lambda *_, **__: fabric, clocks, fabric.allocate, fabric, lock, lambda _: None)
    monkeypatch.setattr("board.driver.driver.open_pynq", lambda: pynq)
    monkeypatch.setattr("board.driver.driver.forget_metadata", lambda: None)
    monkeypatch.setattr("board.driver.driver.loaded_overlay", lambda: ("this", "one"))
    monkeypatch.setattr(Buffer, "freebuffer", lambda _: None, raising=False)
    return lambda: Driver(bitfile, contract, 2, 1e-3)


def right(driver: Driver, rng: np.random.Generator, count: int) -> None:
    """Faces give what the integer graph gives."""
    faces = rng.integers(0, 256, (count, *GRAPH.tensors["pixels"].shape), np.uint8)
    np.testing.assert_array_equal(driver.accumulators(faces), NumpyExecutor(GRAPH).accumulators(faces))


def test_it_answers_as_the_integer_graph_does(opened: Opener, fabric: Fabric, rng: np.random.Generator) -> None:
    """The self-test, which needs the weights too, passed before; loading again begins them anew."""
    with opened() as driver:
        assert fabric.status() & (Status.PASSED | Status.WEIGHTS_BUSY) == Status.PASSED | Status.WEIGHTS_BUSY
        right(driver, rng, 7)
        driver._load()
        right(driver, rng, 3)
        assert fabric.loads == 2, "no frame was tried again"


def test_closing_ends_the_reading(opened: Opener, fabric: Fabric) -> None:
    with opened():
        assert fabric.shell0.read(WEIGHTS_BASE) == Control.START
    assert not fabric.status() & Status.WEIGHTS_BUSY
    assert fabric.shell0.read(WEIGHTS_BASE) == Control.IDLE


class Refusing(RtlFabric):
    """Memory that answers so many reads of weights with an error, from the moment on that it is told to."""

    times, first, size = 0, 0, 0

    def _given(self, address: int, size: int) -> tuple[np.ndarray, int]:
        if self.times and 0 <= address - self.first < self.size:
            self.times -= 1
            return np.zeros(size, np.uint8), SLVERR
        return super()._given(address, size)


def test_memory_that_refuses_weights_is_told_and_recovered_from(
    opened: Opener, fabric: Fabric, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    fabric.logic.__class__ = Refusing
    logic, memory = fabric.logic, fabric.memory
    assert isinstance(logic, Refusing)
    with opened() as driver:
        assert driver._weight_memory is not None
        logic.first, logic.size = driver._weight_memory.device_address, driver._weight_memory.size
        right(driver, rng, 2)
        logic.times = 1
        right(driver, rng, 3)
        assert fabric.loads == 2 and any("weights reports an error at frame 2" in said for said in caplog.messages)
        logic.times = memory.size
        with pytest.raises(RuntimeError, match="memory must give the weights, got an error response: power the board"):
            right(driver, rng, 1)
        assert not fabric.status() & Status.WEIGHTS_BUSY  # or loading would break its bursts off
        logic.times = 0
        right(driver, rng, 1)


def test_memory_that_answers_no_weights_is_named_and_recovered_from(
    opened: Opener, fabric: Fabric, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    with opened() as driver:
        right(driver, rng, 2)
        fabric.logic._readers.pop(WEIGHT_REQUESTS)  # until the logic is loaded again
        right(driver, rng, 5)  # some by what was read ahead
    assert fabric.loads == 2
    stuck = r"no frame for 0.001 s .*; stream 'weights\.bin->fc1' is stuck: ready, never valid, after \d+ beats"
    assert any(re.search(stuck, said) for said in caplog.messages)


def test_files_of_another_build_or_none_are_refused(opened: Opener, tmp_path: Path) -> None:
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"weights\.bin must have sha256 .*: use the files of one build"):
        opened()
    (tmp_path / FILE).unlink()
    with pytest.raises(ValueError, match=r"needs its weights, got no .*weights\.bin: copy it from the same build"):
        opened()


def test_finns_shell_is_refused(shelled: Shelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bitfile, contract = write_overlay(tmp_path, shelled.contract, FINN_BLOCKS)
    monkeypatch.setattr("board.driver.driver.open_pynq", lambda: None)
    with pytest.raises(ValueError, match=r"weights from memory need shell0, got none in .*hwh: use the files"):
        Driver(bitfile, contract)


def test_the_emulated_board_has_their_port(shelled: Shelled) -> None:
    board = EmulatedBoard(shelled.contract, shelled.simulation)
    board.load()
    assert isinstance(board.logic, RtlFabric)
    assert board.logic.registers.read(WEIGHTS_BASE) == Control.IDLE


def test_a_shell_without_a_debug_block_is_refused(shelled: Shelled) -> None:
    assert isinstance(shelled.spec.weights, Weights)
    with pytest.raises(ValueError, match="weights from memory need the debug block"):
        replace(shelled.spec, debug=False)
