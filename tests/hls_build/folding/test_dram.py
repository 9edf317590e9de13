# SPDX-License-Identifier: Apache-2.0
"""The folding search with weights from DRAM: taken where memory is short, within the bandwidth that a board states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from networks import random_chain

from board.core.layers.conv import Conv
from hls_build.config.board import Board, load_board
from hls_build.config.build import BuildConfig, load_build
from hls_build.config.folding import DRAM
from hls_build.config.shells import FINN_SHELL, LEAN_SHELL, OWN_SHELL, default_shell
from hls_build.folding import milp, results
from hls_build.folding.milp import Solution
from hls_build.folding.options import FoldingOptions, Goal, Option
from hls_build.folding.search import Request, fold

GRAPH = random_chain(1, outputs=64)
CYCLES = 8192
BOARD = load_board("Cora-Z7-10")
SHORT = replace(BOARD, budget=replace(BOARD.budget, bram18=2))
"""Of whose block RAMs AUFlow's shell leaves none."""


def solved(board: Board, dram: bool) -> Solution:
    solution = fold(Request(GRAPH, board, 100.0, double_pump=False, dram=dram, shell=OWN_SHELL), CYCLES)
    assert solution is not None
    return solution


def streamed(solution: Solution) -> list[str]:
    return [name for name, option in solution.options.items() if option.folding.weights == DRAM]


def test_nothing_comes_from_dram_that_nobody_asked_for() -> None:
    assert streamed(solved(SHORT, dram=False)) == []


def test_a_dense_layer_comes_from_dram_where_block_ram_is_short() -> None:
    inside, outside = solved(SHORT, dram=False), solved(SHORT, dram=True)
    assert streamed(outside) == ["fc1"]
    assert outside.resources.lut < inside.resources.lut and outside.resources.bram18 == 0
    assert outside.options["fc1"].dram_bytes >= 256 * 64 * 2 // 8


def conv1_from_dram(dram_mb_per_s: float) -> list[Option]:
    """Options of a convolution of 128 channels whose weights come from DRAM."""
    graph, board = random_chain(1, channels=128), replace(BOARD, dram_mb_per_s=dram_mb_per_s)
    source = FoldingOptions(graph, board, Goal(81_920, False, 100.0, dram=True))
    node = next(node for node in graph.nodes if isinstance(node, Conv) and node.name == "conv1")
    return [option for option in source.of(node) if option.folding.weights == DRAM]


def test_a_convolution_reads_all_its_weights_for_every_pixel() -> None:
    """8x8 pixels and 128 x 27 weights of a byte, in 81,920 cycles of 10 ns, are 270 MB/s."""
    assert {option.dram_bytes for option in conv1_from_dram(270.5)} == {64 * 128 * 27}
    assert conv1_from_dram(269.5) == []


def test_one_dma_reads_no_more_streams_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milp, "MOST_STREAMS", 0)
    assert streamed(solved(SHORT, dram=True)) == []


@pytest.mark.parametrize(("most", "layers"), [(51.0, ["fc1"]), (49.0, [])])
def test_the_bandwidth_binds(most: float, layers: list[str]) -> None:
    """4,096 bytes in 8,192 cycles of 10 ns are 50 MB/s."""
    assert streamed(solved(replace(SHORT, dram_mb_per_s=most), dram=True)) == layers


def test_a_board_that_states_no_bandwidth_is_refused() -> None:
    with pytest.raises(ValueError, match="need dram_mb_per_s in the board's file, got none for Pynq-Z2: add it, or"):
        Request(GRAPH, load_board("Pynq-Z2"), 100.0, dram=True, shell=OWN_SHELL)
    with pytest.raises(ValueError, match="need dram_mb_per_s > 0, got 0"):
        replace(BOARD, dram_mb_per_s=0)


@pytest.mark.parametrize("shell", [OWN_SHELL, LEAN_SHELL])
def test_its_file_names_the_shell(shell: str, tmp_path: Path) -> None:
    build = BuildConfig("dram", "tiny", BOARD, 100.0, None, solved(SHORT, dram=True).folding, shell=shell)
    text, path = results.toml(build, "a test"), tmp_path / "dram.toml"
    path.write_text(text)
    assert f'shell = "{shell}"' in text and load_build(path) == build


def test_the_shell_of_the_build_takes_its_allowance() -> None:
    """By whose BRAM18 alone, of its self-test, AUFlow's shell is more than the lean one here."""
    limits = {shell: Request(GRAPH, SHORT, 100.0, shell=shell).limits for shell in (OWN_SHELL, LEAN_SHELL)}
    assert limits[LEAN_SHELL]["bram18"] == 1 and limits[OWN_SHELL]["bram18"] == 0
    assert limits[LEAN_SHELL] == SHORT.usable(LEAN_SHELL).as_json()
    assert default_shell(dram=False) == FINN_SHELL and default_shell(dram=True) == OWN_SHELL


def test_finns_shell_cannot_read_weights() -> None:
    with pytest.raises(ValueError, match="weights from DRAM need a shell of AUFlow's, which reads them, got FINN's"):
        Request(GRAPH, BOARD, 100.0, dram=True)
