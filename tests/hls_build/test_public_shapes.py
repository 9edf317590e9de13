# SPDX-License-Identifier: Apache-2.0
"""Networks of public shapes, residual and depthwise, from QONNX to RTL: the same integers on every level."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import run_cli
from public_shapes import mobilenet, resnet_8
from random_verdicts import judge

from board.core.frames import random_frames
from board.core.graph import IntegerGraph
from board.core.layers.residual_add import ResidualAdd
from board.core.plain_contract import Head, PlainContract
from board.executors.numpy_executor import NumpyExecutor
from hls_build.compiler import RULES
from hls_build.lowering.lower import lower

SCRIPT = Path(__file__).parents[2] / "scripts" / "public_shapes.py"
Shape = Callable[..., onnx.ModelProto]


def exact(model: onnx.ModelProto, rtl: Path | None = None) -> None:
    """Check that a network's answers vary and are those of qonnx's executor on every level."""
    size = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    frames = np.random.default_rng(0).integers(0, 256, (16, size, size, 3))
    answers = lower(model, RULES).run(frames)
    assert np.ptp(answers, axis=0).any(), "answers that never vary show nothing"
    found = judge(model, 1, rtl)
    assert found.kind == "exact", found.said


@pytest.mark.parametrize("shape", [resnet_8, mobilenet])
def test_a_small_one_is_exact_in_software(shape: Shape) -> None:
    exact(shape(size=16, width=4, outputs=5, seed=1))


@pytest.mark.verilator
def test_a_tiny_residual_network_is_exact_in_rtl(tmp_path: Path) -> None:
    model = resnet_8(size=8, width=2, outputs=3, seed=2, stages=2)
    assert sum(isinstance(node, ResidualAdd) for node in lower(model, RULES).nodes) == 2
    exact(model, tmp_path)


@pytest.mark.slow
@pytest.mark.verilator
def test_a_tiny_depthwise_network_is_exact_in_rtl(tmp_path: Path) -> None:
    exact(mobilenet(size=12, width=4, outputs=3, seed=2, blocks=2), tmp_path)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("shape", [resnet_8, mobilenet])
def test_a_whole_one_is_exact_in_rtl(shape: Shape, tmp_path: Path) -> None:
    exact(shape(size=32, width=8, outputs=10, seed=3), tmp_path)


def written(name: str, path: Path, *options: str) -> Path:
    """A network as scripts/public_shapes.py writes it."""
    command = [sys.executable, str(SCRIPT), name, str(path), *options]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])})
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    return path


def test_two_outputs_of_brevitas_are_exact_in_software(tmp_path: Path) -> None:
    model, out = written("two-heads", tmp_path / "two.onnx", "--size", "12", "--width", "4"), tmp_path / "out"
    ran = run_cli("compile", model, "--out", out, "--fps", 5000, "--sim-frames", 3, "--stop-after", "check")
    assert ran.status == 0 and "Equal, 0 differences" in ran.stdout, ran
    contract = PlainContract.load(out / "accelerator.json")
    assert contract.output.heads == (Head("classes", (1, 1, 10)), Head("cells", (3, 3, 5)))
    integers = NumpyExecutor(IntegerGraph.load(out / "integer.npz")).accumulators(random_frames(9, (12, 12, 3), 5))
    found = contract.by_head(integers)
    assert all(np.ptp(values, axis=0).any() for values in found.values()), "outputs that never vary show nothing"


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", ["resnet8", "mobilenet", "two-heads"])
def test_whole_ones_of_brevitas_go_to_a_deployment(name: str, tmp_path: Path) -> None:
    model, out = written(name, tmp_path / "network.onnx"), tmp_path / "out"
    ran = run_cli("compile", model, "--out", out, "--fps", 1000)
    assert ran.status == 0 and "Equal, 0 differences" in ran.stdout, ran
