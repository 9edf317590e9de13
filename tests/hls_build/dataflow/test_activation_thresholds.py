# SPDX-License-Identifier: Apache-2.0
"""Thresholds as FINN+'s block wants them, one for every step of the output's type, and as our requantizer has them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import evenly, random_chain, random_faces

from board.core.layers.threshold import Threshold
from board.core.node import Tensor
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.dataflow.activation_thresholds import complete_thresholds
from hls_build.parity.executors import DataflowExecutor
from hls_build.rtl.stitch import stitch
from hls_build.simulation.open_rtl import open_rtl


def shifting(**more: int | str) -> BuildConfig:
    folding = {"conv1_q": Folding(quantizer="shift", **more)}  # type: ignore[arg-type]  # of integers and texts
    return BuildConfig("shifts", "none", load_board("Pynq-Z2"), 100.0, None, folding)


def test_thresholds_cover_the_output_type() -> None:
    node = Threshold("q", ("x",), ("y",), np.array([[-900, 3, 1 << 40]]), -1)
    table = complete_thresholds(node, Tensor("y", (1, 1, 1), 3, True), -100, 90)
    np.testing.assert_array_equal(table, [[-100, -100, -100, -100, 3, 91, 91]])
    x = np.arange(-100, 91)
    counted = -4 + (x[:, None] >= table).sum(axis=1)
    np.testing.assert_array_equal(counted, node.run(x[:, None])[0][:, 0])


def test_thresholds_beyond_the_output_type_are_refused() -> None:
    node = Threshold("q", ("x",), ("y",), np.zeros((1, 16), np.int64), 0)
    with pytest.raises(ValueError, match="q gives 0 to 16, its output holds 0 to 15"):
        complete_thresholds(node, Tensor("y", (1, 1, 1), 4, False), 0, 1)


@pytest.mark.verilator
@pytest.mark.parametrize(("pe", "style"), [(1, "block"), (2, "distributed"), (4, "auto")])
def test_a_quantizer_that_shifts_is_exact_in_rtl(pe: int, style: str, tmp_path: Path, rng: np.random.Generator) -> None:
    graph = evenly(random_chain(3), [2.0**-10, 2.0**-12, 2.0**-10, 2.0**-11])
    build = shifting(pe=pe, ram_style=style)
    model = compile_graph(graph, build)
    assert [node.op_type for node in model.graph.node if node.name == "conv1_q"] == ["Requantizer_rtl"]
    faces = random_faces(rng, 6, 8)
    expected = graph.run(faces).reshape(len(faces), -1)
    assert np.ptp(expected, axis=0).all()
    np.testing.assert_array_equal(DataflowExecutor(model).accumulators(faces), expected)
    stitch(model, tmp_path / "rtl", build.board.part, build.clk_period_ns)
    with open_rtl(tmp_path / "rtl") as accelerator:
        np.testing.assert_array_equal(accelerator.run(faces, "both").accumulators, expected)


def test_thresholds_that_are_no_shift_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^conv1_q has activation thresholds that do not lie a power of two apart: "):
        compile_graph(random_chain(3), shifting())


@pytest.mark.parametrize(("words", "style", "where"), [(300, "distributed", "256 words in LUTs"), (4001, "auto", "")])
def test_a_table_that_no_memory_holds_is_refused(words: int, style: str, where: str) -> None:
    graph = evenly(random_chain(3, channels=words), [2.0**-10] * words)
    where = where or "4000 words in block RAM"
    with pytest.raises(ValueError, match=rf"^conv1_q shifts by a table of at most {where}, got {words}: raise its pe$"):
        compile_graph(graph, shifting(pe=1, ram_style=style))


def test_what_is_no_quantizer_has_none() -> None:
    build = replace(shifting(), folding={"conv1": Folding(quantizer="shift")})
    with pytest.raises(ValueError, match=r"^quantizer is for activation quantizers, got one for conv1$"):
        compile_graph(random_chain(3), build)
