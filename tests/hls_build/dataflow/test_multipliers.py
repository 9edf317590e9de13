# SPDX-License-Identifier: Apache-2.0
"""Multipliers of ours among FINN+'s blocks: the stitched RTL equals the integer graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import random_block, random_faces

from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.rtl import stitch
from hls_build.simulation.open_rtl import open_rtl


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "pumped"), [("lut", False), ("dsp", False), ("dsp", True)])
def test_a_whole_accelerator_with_multipliers_of_ours_equals_numpy(
    kind: str, pumped: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    ours = {
        "attention1_fc1": Folding(pe=2, simd=2, multiplier=kind, pumped=pumped),
        "attention1_fc2": Folding(pe=4, simd=2, multiplier=kind, pumped=pumped),
        "fc1": Folding(pe=1, simd=8, multiplier=kind, ram_style="block", pumped=pumped),
    }
    graph = random_block(1)
    build = BuildConfig("luts", "tiny", load_board("Pynq-Z2"), 100.0, None, ours)
    model = compile_graph(graph, build)
    found = {node.name for node in model.graph.node if node.op_type in ("LutMvu_rtl", "DspMvu_rtl", "PumpedMvu_rtl")}
    assert found == set(ours)
    stitch.stitch(model, tmp_path / "rtl", build.board.part, build.clk_period_ns)
    faces = random_faces(rng, 6, 8)
    with open_rtl(tmp_path / "rtl") as accelerator:
        got = accelerator.run(faces, "both").accumulators
    np.testing.assert_array_equal(got, graph.run(faces).reshape(len(faces), -1))
