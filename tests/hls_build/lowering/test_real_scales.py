# SPDX-License-Identifier: Apache-2.0
"""Scales that are no powers of two become thresholds of integers, exact wherever float32 itself decides."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from foreign_models import ForeignModel
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from qonnx_models import model, quant
from random_verdicts import judge

from hls_build.compiler import RULES
from hls_build.lowering import activation_thresholds
from hls_build.lowering.lower import Lowered, lower, lower_scaled

FRAMES = 6


def by_qonnx(network: onnx.ModelProto, frames: np.ndarray) -> np.ndarray:
    """What qonnx's executor gives for frames (N, H, W, C), as (N, ...)."""
    wrapper = ModelWrapper(network).transform(InferShapes())
    planes = frames.transpose(0, 3, 1, 2).astype(np.float32)
    name = wrapper.graph.output[0].name
    return np.concatenate([execute_onnx(wrapper, {"frame": plane[np.newaxis]})[name] for plane in planes])


def check(network: onnx.ModelProto, seed: int) -> Lowered:
    """Compare the integers of a network's output with qonnx's reals."""
    lowered = lower_scaled(network, RULES)
    shape = lowered.graph.tensors[lowered.graph.input].shape
    frames = np.random.default_rng(seed).integers(0, 256, (FRAMES, *shape)).astype(np.uint8)
    integers = lowered.graph.run(frames)
    reals = by_qonnx(network, frames)
    reals = reals.transpose(0, 2, 3, 1) if reals.ndim == 4 else reals.reshape(integers.shape)
    np.testing.assert_array_equal(integers, np.rint((reals - lowered.offset) / lowered.scale))
    np.testing.assert_allclose(integers * lowered.scale + lowered.offset, reals, rtol=1e-4, atol=1e-5)
    assert len(np.unique(integers)) > 3
    return lowered


@pytest.mark.parametrize("seed", range(8))
def test_random_scales_are_exact(seed: int) -> None:
    network = ForeignModel((3, 6, 6), seed, real_scales=True).conv(4, per_output=bool(seed % 2), bias=seed > 3)
    network.conv(3, 1, function="LeakyRelu" if seed == 5 else "Relu", norm=seed in (2, 6), signed=seed in (2, 6))
    check(network.flatten().dense(5, bits=None, bias=bool(seed % 3)).model(), seed)


def test_the_output_says_what_it_is_worth() -> None:
    network = ForeignModel((1, 4, 4), 1)
    network.flatten().dense(3, bits=None)
    weights = network.scale * network.constants["k4"].item()
    network.then("Sub", network.constant(1.5)).then("Mul", network.constant([[2.0, -3.0, 0.1]]))
    lowered = check(network.model(), 1)
    np.testing.assert_allclose(lowered.scale, weights * np.array([2.0, -3.0, np.float32(0.1)]))
    np.testing.assert_allclose(lowered.offset, [-3.0, 4.5, -0.15])
    with pytest.raises(ValueError, match="not made of integer accumulators"):
        lower(network.model(), RULES)


def test_sums_on_the_border_of_codes_are_refused() -> None:
    """Sums at a scale of 0.01 and codes at 0.1: float32 rounds every fifth sum by the order of its summation."""
    network = ForeignModel((1, 4, 4), 3, real_scales=True)
    network.quantize(4, 25.6)  # which leaves codes 0 to 9
    scale = network.constant(0.1)
    weights = network.constant(network.rng.integers(-7, 8, (2, 1, 3, 3)) * np.float32(0.1))
    operands = [scale, network.constant(0), network.constant(4)]
    weights = network.node("Quant", *operands, source=weights, signed=1, narrow=1, rounding_mode="ROUND")
    network.then("Conv", weights, kernel_shape=[3, 3], pads=[1] * 4)
    network.quantize(4, 25.6)
    with pytest.raises(ValueError, match=r"a sum beside \d+ of channel 0 on the border of code \d+, where float32"):
        lower_scaled(network.model(), RULES)


def test_a_few_borderline_sums_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    network = ForeignModel((3, 6, 6), 4, real_scales=True).conv(4)
    assert lower_scaled(network.model(), RULES).remarks == ()
    monkeypatch.setattr(activation_thresholds, "ROUNDING", 1e-4)
    monkeypatch.setattr(activation_thresholds, "BORDERLINE", 1.0)
    (remark,) = lower_scaled(network.model(), RULES).remarks
    assert remark.endswith("may round to either side of an activation threshold")


@pytest.mark.parametrize("scale", [0.0, -0.5])
def test_a_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(ValueError, match=rf"has scale {scale:g}, need a positive number"):
        lower(model([quant("pixels", "out", 4)], {"one": np.array(scale)}), RULES)


def flattened(operand: np.ndarray, rng: np.random.Generator) -> onnx.ModelProto:
    """Flatten, an operand added, a quantizer and a dense layer."""
    nodes = [
        quant("pixels", "x", 8),
        helper.make_node("Flatten", ["x"], ["flat"], name="flatten", axis=1),
        helper.make_node("Add", ["flat", "operand"], ["moved"], name="move"),
        quant("moved", "y", 4, scale="coarse"),
        quant("w", "w_q", 4, signed=1),
        helper.make_node("MatMul", ["y", "w_q"], ["sums"], name="dense"),
        helper.make_node("Mul", ["sums", "inverse"], ["out"], name="rescale"),
    ]
    weights = rng.integers(-7, 8, (48, 3)).astype(np.float32)
    constants = {"operand": operand, "coarse": np.array(16.0), "inverse": np.array(1 / 16), "w": weights}
    return model(nodes, constants)


def test_a_quantizer_behind_a_flatten_keeps_the_order_of_elements(rng: np.random.Generator) -> None:
    """The dense layer behind it once took the elements in ONNX's order, which is not the streams'."""
    verdict = judge(flattened(np.array(-20.0), rng), 1)
    assert verdict.kind == "exact", verdict.said
    verdict = judge(flattened(rng.normal(size=(1, 48)), rng), 1)
    assert verdict.kind == "refused" and "takes the elements of a flattened map" in verdict.said
