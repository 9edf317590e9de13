# SPDX-License-Identifier: Apache-2.0
"""A real accelerator in its shell: the driver's answers, the self-test, and hangs at every inner stream by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from networks import random_block
from shell_board import Board
from shells import hanging, with_hang
from standin import BLOCK, block_contract

from board.core.graph import IntegerGraph
from board.driver.faults import Cause, Fault
from board.emulator.memory import Memory
from board.emulator.shell import RtlFabric
from board.executors.numpy_executor import NumpyExecutor
from board.simulation.harness import Simulation
from hls_build.compiler import compile_graph
from hls_build.rtl.stitch import stitch
from hls_build.shell import watch
from hls_build.shell.of_build import shell_of
from hls_build.shell.spec import EMULATED, ShellSpec, emulated_text, write
from hls_build.simulation import verilator

pytestmark = pytest.mark.verilator
GRAPH: IntegerGraph = random_block(1)
STREAMS = 33
"""Inside the block; every sixth one hangs in the default run."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ShellSpec, Simulation]]:
    """The small block in its shell, with an input that holds its inner streams."""
    rtl, folder = tmp_path_factory.mktemp("rtl"), tmp_path_factory.mktemp("shell")
    stitched = stitch(compile_graph(GRAPH, BLOCK), rtl, BLOCK.board.part, BLOCK.clk_period_ns)
    spec = shell_of(stitched, block_contract(stitched), GRAPH)
    *sources, top = write(spec, rtl, folder)
    count = len(spec.streams)
    inner = folder / f"{watch.MODULE}.sv"
    inner.write_text(hanging(inner.read_text(), count))
    top.write_text(with_hang(top.read_text(), count))
    (folder / f"{EMULATED}.sv").write_text(with_hang(emulated_text(spec), count))
    for path in rtl.glob("*.dat"):
        (folder / path.name).write_bytes(path.read_bytes())
    library = verilator.build([*sources, top, folder / f"{EMULATED}.sv"], EMULATED)
    with Simulation(library, workdir=folder) as opened:
        yield spec, opened


@pytest.fixture
def board(shell: tuple[ShellSpec, Simulation]) -> Board:
    """Just loaded."""
    spec, simulation = shell
    simulation.poke("hang", 0)
    memory = Memory(0x1680_0000, 1 << 16)
    board = Board(spec, RtlFabric(simulation, memory), memory)
    board.sleep(1e-5)
    return board


def some_faces(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 256, (count, *GRAPH.tensors[GRAPH.input].shape), np.uint8)


def right(board: Board, faces: np.ndarray) -> None:
    """Faces give what the integer graph gives."""
    np.testing.assert_array_equal(board.transfer(faces), NumpyExecutor(GRAPH).accumulators(faces))


def test_it_answers_as_the_integer_graph_does(board: Board, rng: np.random.Generator) -> None:
    right(board, some_faces(rng, 13))


def test_its_self_test_passes(board: Board, rng: np.random.Generator) -> None:
    board.debug.check(board.spec.digest)
    cycles = board.debug.self_test()
    assert cycles is not None and cycles > board.spec.input_stream.beats_per_frame
    right(board, some_faces(rng, 2))


@pytest.mark.parametrize(
    "bit",
    [pytest.param(bit, marks=() if bit % 6 == 5 else pytest.mark.slow) for bit in range(STREAMS)],
)
def test_a_hang_at_any_inner_stream_is_named(
    shell: tuple[ShellSpec, Simulation], board: Board, rng: np.random.Generator, bit: int
) -> None:
    spec, simulation = shell
    assert len(spec.streams) == STREAMS
    right(board, some_faces(rng, int(rng.integers(1, 4))))
    simulation.poke("hang", 1 << bit)
    with pytest.raises(Fault) as caught:
        board.transfer(some_faces(rng, 3))
    assert caught.value.cause is Cause.HANG
    told = board.debug.stuck()
    named = [name for name in board.debug.streams if f"'{name}'" in told]
    assert "is stuck: valid, never ready" in told and spec.streams[bit] in named
    assert {name.split("->")[1] for name in named} == {spec.streams[bit].split("->")[1]}
    simulation.poke("hang", 0)
    assert board.debug.reset()
    right(board, some_faces(rng, 2))
