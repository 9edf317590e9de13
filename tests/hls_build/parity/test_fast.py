# SPDX-License-Identifier: Apache-2.0
"""Fast simulation: the beats and integers of the RTL without it, and streams that cannot carry theirs are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import SMALL, random_block, random_faces, random_network
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from hls_build.build.shipped import integer_graph
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BUILDS, BuildConfig, load_build
from hls_build.parity import fast
from hls_build.rtl.stitch import stitch
from hls_build.simulation.open_rtl import open_rtl
from qnn.data.example import example_faces
from qnn.network.presets import shipped_checkpoint

SMALL_BUILD = BuildConfig("small", "w4a4", load_board("Pynq-Z2"), 100.0)


def equal_to_rtl(model: ModelWrapper, build: BuildConfig, frames: np.ndarray, rtl: Path) -> None:
    """Hold a graph's beats, stream by stream, and its integers to those of its RTL."""
    found = fast.run(model, frames)
    stitch(model, rtl, build.board.part, build.clk_period_ns)
    with open_rtl(rtl) as accelerator:
        accelerator.run(frames)  # behind which padding stands ready for the next frame, as it will behind the second
        run = accelerator.run(frames)
    np.testing.assert_array_equal(found.accumulators, run.accumulators)
    assert found.beats == {name: counters.beats for name, counters in run.streams.items()}


@pytest.mark.verilator
def test_a_small_network_has_the_beats_of_its_rtl(rng: np.random.Generator, tmp_path: Path) -> None:
    model = compile_graph(random_block(1), SMALL_BUILD)
    equal_to_rtl(model, SMALL_BUILD, random_faces(rng, 3, 8), tmp_path / "rtl")


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", sorted(path.stem for path in BUILDS.glob("*.toml")))
def test_a_shipped_build_has_the_beats_of_its_rtl(name: str, tmp_path: Path) -> None:
    build = load_build(BUILDS / f"{name}.toml")
    model = compile_graph(integer_graph(shipped_checkpoint(build.preset)), build)
    equal_to_rtl(model, build, example_faces(2), tmp_path / "rtl")


def test_a_stream_that_is_too_narrow_is_named(rng: np.random.Generator) -> None:
    model = compile_graph(random_network(1, SMALL), SMALL_BUILD)
    node = next(node for node in model.graph.node if node.name == "conv1_q")
    thresholds = model.get_initializer(node.input[1])
    model.set_initializer(node.input[1], np.full_like(thresholds, thresholds.min() - 1))
    getCustomOp(node).set_nodeattr("ActVal", 3)  # codes beyond the quantizer's bits
    with pytest.raises(ValueError, match=r"stream conv1_q->.*: "):
        fast.run(model, random_faces(rng, 1, SMALL.size))


def test_ends_of_a_stream_that_disagree_are_named(rng: np.random.Generator) -> None:
    model = compile_graph(random_block(1), SMALL_BUILD)
    node = next(node for node in model.graph.node if node.name == "conv1_q")
    getCustomOp(node).set_nodeattr("PE", 2)
    with pytest.raises(ValueError, match=r"stream conv1->conv1_q must .* of conv1 and .* of conv1_q"):
        fast.run(model, random_faces(rng, 1, 8))
