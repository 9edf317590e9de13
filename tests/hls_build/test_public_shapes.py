# SPDX-License-Identifier: Apache-2.0
"""Networks of public shapes, residual and depthwise, from QONNX to RTL: the same integers on every level."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from public_shapes import mobilenet, resnet_8
from random_verdicts import judge

from board.core.layers.residual_add import ResidualAdd
from hls_build.compiler import RULES
from hls_build.lowering.lower import lower

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
