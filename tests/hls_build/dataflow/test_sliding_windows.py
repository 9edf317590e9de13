# SPDX-License-Identifier: Apache-2.0
"""Windows of any sides, strides and padding: what FINN+'s RTL makes of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv, windows
from board.core.node import Tensor
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.dataflow.sliding_windows import Geometry
from hls_build.estimate import estimate
from hls_build.parity.executors import DataflowExecutor
from hls_build.rtl.stitch import stitch
from hls_build.simulation.open_rtl import open_rtl

Move = tuple[tuple[int, int], tuple[int, int], tuple[int, ...]]
"""Kernel, strides and padding."""
SAMPLE: list[Move] = [
    ((3, 3), (2, 2), (0, 1, 1, 1)),
    ((2, 3), (1, 1), (0, 0, 0, 0)),
    ((1, 1), (2, 2), (0, 0, 0, 0)),
]
CHAINS: list[list[Move]] = [
    [((3, 3), (2, 2), (1, 1, 1, 1)), ((4, 4), (2, 2), (1, 1, 1, 1)), ((3, 1), (1, 1), (1, 0, 1, 0))],
    [((5, 5), (1, 1), (0, 0, 0, 0)), ((2, 2), (2, 2), (0, 0, 0, 0)), ((3, 3), (1, 1), (2, 2, 2, 2))],
    [((3, 5), (3, 2), (1, 0, 0, 2)), ((1, 3), (1, 1), (0, 1, 0, 1)), ((2, 2), (1, 1), (0, 0, 1, 1))],
    [((3, 3), (1, 1), (1, 1, 1, 1)), ((1, 1), (3, 3), (0, 0, 0, 0)), ((3, 3), (1, 1), (0, 0, 0, 0))],
]
SIZE = (12, 13)
BUILD = BuildConfig("windows", "none", load_board("Pynq-Z2"), 100.0)


def chain(moves: list[Move], rng: np.random.Generator) -> IntegerGraph:
    """Convolutions of two channels with weights of -1, 0 and 1 behind each other; their sums are never quantized."""
    tensors = {"pixels": Tensor("pixels", (*SIZE, 2), 8, False)}
    nodes: list[Conv] = []
    source = tensors["pixels"]
    for index, (kernel, strides, pads) in enumerate(moves):
        weights = rng.integers(-1, 2, (2, *kernel, 2))
        low, high = accumulator_bounds(weights, source.low, source.high)
        bits = needed_bits(int(low.min()), int(high.max()), True)
        name = f"conv{index}"
        tensors[name] = Tensor(name, (*windows(source.shape[:2], kernel, strides, pads), 2), bits, True)
        nodes.append(Conv(name, (source.name,), (name,), weights, 2, strides, pads))
        source = tensors[name]
    return IntegerGraph(tensors, tuple(nodes), "pixels", source.name)


def check(moves: list[Move], build: BuildConfig, folder: Path, rng: np.random.Generator) -> None:
    """The dataflow graph's Python and the RTL, without and with stalls, give the integer graph's integers."""
    graph = chain(moves, rng)
    frames = rng.integers(0, 256, (4, *SIZE, 2)).astype(np.uint8)
    frames[1] = 255
    expected = graph.run(frames).reshape(len(frames), -1)
    assert np.ptp(expected, axis=0).all(), "answers that never vary show nothing"
    dataflow = compile_graph(graph, build)
    np.testing.assert_array_equal(DataflowExecutor(dataflow).accumulators(frames), expected)
    stitch(dataflow, folder, build.board.part, build.clk_period_ns)
    with open_rtl(folder) as live:
        run = live.run(frames)
        np.testing.assert_array_equal(run.accumulators, expected)
        np.testing.assert_array_equal(live.run(frames, "both", 3).accumulators, expected)
    slowest = estimate(dataflow, build).slowest_layer_cycles
    assert slowest <= np.median(run.interval_cycles) <= 1.25 * slowest


@pytest.mark.verilator
def test_windows_are_exact_in_rtl(tmp_path: Path, rng: np.random.Generator) -> None:
    wide = {"conv1": Folding(pe=2, simd=6, window_simd=2)}
    check(SAMPLE, BuildConfig("windows", "none", BUILD.board, 100.0, None, wide), tmp_path, rng)


@pytest.mark.verilator
def test_windows_by_columns_are_exact_in_rtl(tmp_path: Path, rng: np.random.Generator) -> None:
    """Of a multiplier of FINN+'s and one of ours, whose beats are a column's, a third of it and two of it."""
    moves: list[Move] = [((3, 3), (1, 1), (1, 1, 1, 1)), ((3, 2), (1, 1), (0, 1, 2, 0)), ((2, 3), (1, 1), (1, 2, 0, 0))]
    ours = {
        "conv0": Folding(pe=1, simd=6, window="columns", window_simd=2, multiplier="lut"),
        "conv1": Folding(pe=2, simd=2, window="columns", window_simd=2),
        "conv2": Folding(pe=1, simd=4, window="columns", window_simd=1),
    }
    narrow = BuildConfig("windows", "none", BUILD.board, 100.0, None, ours)
    check(moves, narrow, tmp_path, rng)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("moves", CHAINS, ids=str)
def test_more_windows_are_exact_in_rtl(moves: list[Move], tmp_path: Path, rng: np.random.Generator) -> None:
    check(moves, BUILD, tmp_path, rng)


@pytest.mark.parametrize(("strides", "pads"), [((2, 1), (1, 1, 1, 1)), ((1, 1), (3, 1, 1, 1)), ((1, 1), (1, 1, 1, 4))])
def test_windows_without_columns_are_refused(
    strides: tuple[int, int], pads: tuple[int, ...], rng: np.random.Generator
) -> None:
    ours = BuildConfig("windows", "none", BUILD.board, 100.0, None, {"conv0": Folding(window="columns")})
    with pytest.raises(ValueError, match=r"^conv0 needs strides of 1 and padding narrower than its window for window"):
        compile_graph(chain([((3, 3), strides, pads)], rng), ours)


@pytest.mark.parametrize(
    ("geometry", "rule"),
    [
        (
            Geometry("c", (1, 8, 2), (1, 3), (1, 1), (0, 1, 0, 1)),
            "at least 2x2 pixels for its sliding window, got 1x8",
        ),
        (Geometry("c", (4, 4, 2), (2, 2), (3, 3), (0,) * 4), "no greater than its window of 2x2, got 3 and 3"),
        (Geometry("c", (6, 5, 2), (1, 3), (2, 1), (0, 1, 0, 1)), "no greater than its window of 1x3, got 2 and 1"),
        (Geometry("c", (2, 2, 2), (1, 1), (2, 2), (0,) * 4), "no greater than its window of 1x1, got 2 and 2"),
    ],
)
def test_what_the_sliding_window_lacks_is_refused(geometry: Geometry, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^c needs .*{rule}$"):
        geometry.check()
