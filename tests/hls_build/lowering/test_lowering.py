# SPDX-License-Identifier: Apache-2.0
"""Lowering: small QONNX graphs against the arithmetic they stand for, and what is refused in which words."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, helper
from qonnx_models import model, quant

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.threshold import Threshold
from board.core.quantizer import Quantizer
from hls_build.compiler import RULES, lower_file
from hls_build.lowering import weighted
from hls_build.lowering.activation_thresholds import thresholds_from_steps
from hls_build.lowering.context import LoweringContext, Value
from hls_build.lowering.lower import lower
from hls_build.lowering.rule import Rule

SIZE = 4


def conv_model(function: list[NodeProto], constants: dict[str, np.ndarray], weights: np.ndarray) -> onnx.ModelProto:
    """Pixels through a 3x3 convolution `sums`, a scalar function `real` and a signed 4-bit quantizer."""
    kernel: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        quant("pixels", "x", 8),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["x", "wq"], ["sums"], name="conv", **kernel),
        *function,
        quant("real", "y", 4, scale="y_scale", signed=1),
        helper.make_node("Mul", ["y", "y_inverse"], ["out"], name="rescale"),
    ]
    scale = {"w": weights.astype(np.float32), "y_scale": np.array(0.25), "y_inverse": np.array(4.0)}
    return model(nodes, {**scale, **constants})


def test_relu_and_batch_norm_of_either_sign_become_thresholds(rng: np.random.Generator) -> None:
    weights = rng.integers(-7, 8, (8, 3, 3, 3))
    gain = rng.normal(size=(8, 1, 1)).astype(np.float32) * 1e-3
    offset = rng.normal(size=(8, 1, 1)).astype(np.float32)
    assert (gain < 0).any() and (gain > 0).any()
    function = [
        helper.make_node("Relu", ["sums"], ["positive"]),
        helper.make_node("Mul", ["positive", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["real"]),
    ]
    graph = lower(conv_model(function, {"gain": gain, "offset": offset}, weights), RULES)
    x = rng.integers(0, 256, (6, SIZE, SIZE, 3))
    plain = Conv("plain", ("pixels",), ("y",), weights.transpose(0, 2, 3, 1), 4)
    (sums,) = plain.run(x)
    real = np.maximum(sums, 0).astype(np.float32) * gain.reshape(-1) + offset.reshape(-1)
    expected = np.clip(np.rint(real / 0.25), -8, 7)
    assert len(np.unique(expected)) > 8
    np.testing.assert_array_equal(graph.run(x), expected)


def test_a_shared_threshold_row_is_kept_once(rng: np.random.Generator) -> None:
    weights = rng.integers(-7, 8, (4, 3, 3, 3))
    weights[...] = weights[:1]
    graph = lower(conv_model([helper.make_node("Relu", ["sums"], ["real"])], {}, weights), RULES)
    (thresholds,) = [node for node in graph.nodes if isinstance(node, Threshold)]
    assert thresholds.thresholds.shape == (1, 15)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("block.conv", "block.act/quant"), ["block_conv", "block_act_quant"]),
        (("output", "7"), ["output_", "_7"]),
        (("", ""), ["Conv1", "Quant1"]),
        (("pixels", "pixels_2"), ["pixels_2", "pixels_2_2"]),
        (("a.b", "a_b"), ["a_b", "a_b_2"]),
    ],
)
def test_layers_are_called_as_their_nodes(
    names: tuple[str, str], expected: list[str], rng: np.random.Generator
) -> None:
    weights = rng.integers(-7, 8, (4, 3, 3, 3))
    foreign = conv_model([helper.make_node("Relu", ["sums"], ["real"])], {}, weights)
    for node, name in zip([foreign.graph.node[2], foreign.graph.node[4]], names, strict=True):
        node.name = name
    graph = lower(foreign, RULES)
    assert [node.name for node in graph.nodes] == expected
    assert [node.outputs for node in graph.nodes] == [(name,) for name in expected]


def test_the_first_rule_that_matches_lowers_a_node(rng: np.random.Generator) -> None:
    seen: list[str] = []

    def conv(context: LoweringContext, node: NodeProto) -> Value:
        seen.append(node.name)
        return weighted.conv(context, node)

    def never(context: LoweringContext, node: NodeProto) -> bool:
        return False

    given = conv_model([helper.make_node("Relu", ["sums"], ["real"])], {}, rng.integers(-7, 8, (4, 3, 3, 3)))
    lower(given, (Rule("Conv", "nothing", conv, never), *RULES))
    assert seen == []
    lower(given, (Rule("Conv", "all", conv), *RULES))
    assert seen == ["conv"]
    without = [rule for rule in RULES if rule.op_type != "Conv"]
    with pytest.raises(
        ValueError, match=r"node conv is of type Conv, which has no hardware; supported are Add, .*Quant"
    ):
        lower(given, without)
    unfit = [*without, Rule("Conv", "one thing", conv, never), Rule("Conv", "another", conv, never)]
    complaint = r"node conv \(Conv\) of x \(4, 4, 3\), wq has no hardware; supported are one thing; another$"
    with pytest.raises(ValueError, match=complaint):
        lower(given, unfit)


def test_thresholds_are_where_codes_change() -> None:
    quantizer = Quantizer(np.array(1.0), 2, signed=False)
    found = thresholds_from_steps(np.array([-4, -1, 1]), np.array([0, 1, 2]), 4, quantizer)
    np.testing.assert_array_equal(found, [-1, 1, 5])
    found = thresholds_from_steps(np.array([-4]), np.array([3]), 4, quantizer)
    np.testing.assert_array_equal(found, [-4, -4, -4])


def test_a_graph_survives_its_file(tmp_path: Path, rng: np.random.Generator) -> None:
    weights = rng.integers(-7, 8, (4, 3, 3, 3))
    graph = lower(conv_model([helper.make_node("Relu", ["sums"], ["real"])], {}, weights), RULES)
    graph.save(tmp_path / "graph.npz")
    again = IntegerGraph.load(tmp_path / "graph.npz")
    assert again.tensors == graph.tensors
    x = rng.integers(0, 256, (2, SIZE, SIZE, 3))
    np.testing.assert_array_equal(again.run(x), graph.run(x))


def test_refuses_an_unknown_op() -> None:
    nodes = [quant("pixels", "x", 8), helper.make_node("Tan", ["x"], ["out"], name="odd")]
    with pytest.raises(ValueError, match=r"node odd is of type Tan, which has no hardware; supported are Add, .*Unsq"):
        lower(model(nodes, {}), RULES)


def test_refuses_an_unquantized_tensor(rng: np.random.Generator) -> None:
    nodes = [
        quant("pixels", "x", 8),
        helper.make_node("Relu", ["x"], ["r"]),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["r", "wq"], ["out"], name="late", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ]
    with pytest.raises(ValueError, match=r"node late \(Conv\) reads r, which is not quantized"):
        lower(model(nodes, {"w": rng.integers(-7, 8, (4, 3, 3, 3)).astype(np.float32)}), RULES)


def test_refuses_float_weights(rng: np.random.Generator) -> None:
    nodes = [
        quant("pixels", "x", 8),
        helper.make_node("Conv", ["x", "w"], ["out"], name="float", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ]
    with pytest.raises(ValueError, match=r"node float \(Conv\) has weights w that are not quantized"):
        lower(model(nodes, {"w": rng.normal(size=(4, 3, 3, 3)).astype(np.float32)}), RULES)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"one": np.array(-0.3)}, r"has scale -0\.3, need a positive number"),
        ({"zero": np.array(1.0)}, r"has zero point 1\.0, need 0"),
    ],
)
def test_refuses_a_quantizer_that_is_not_exact(constants: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lower(model([quant("pixels", "out", 4)], constants), RULES)


@pytest.mark.parametrize(
    ("shape", "attributes", "complaint"),
    [
        ((4, 3, 3, 3), {"pads": [2] * 4, "dilations": [2, 2]}, r"has dilations \[2, 2\], supported is \[1, 1\]"),
        ((4, 3, 5, 5), {}, r"has a window of 5x5 over a padded map that is smaller, 4x4 with pads \[0, 0, 0, 0\]"),
        ((4, 3, 5, 5), {"auto_pad": "VALID", "pads": [1] * 4}, r"has a window of 5x5 over a padded map that is"),
        ((4, 3, 3, 3), {"auto_pad": "SAME"}, r"has auto_pad b'SAME', supported is b'NOTSET'"),
        ((4, 3, 3, 3), {"pads": [1] * 4, "kernel_shape": [5, 5]}, r"has kernel_shape \[5, 5\], need \[3, 3\]"),
        ((4, 3, 3, 3), {"pads": [1] * 4, "padding": 1}, "has an attribute padding, known are auto_pad, .*strides"),
        ((4, 3, 3), {"pads": [1] * 2}, "has 1 spatial axes, supported are 2"),
        ((4, 1, 3, 3), {"pads": [1] * 4, "group": 3}, "has group 3, need a divisor of its 4 outputs"),
        ((4, 3, 3, 3), {"pads": [1] * 4, "group": 2}, "has weights for 6 inputs, gets 3"),
        ((4, 2, 3, 3), {"pads": [1] * 4}, "has weights for 2 inputs, gets 3"),
    ],
)
def test_refuses_a_convolution_that_the_hardware_lacks(
    shape: tuple[int, ...], attributes: dict[str, Any], complaint: str, rng: np.random.Generator
) -> None:
    nodes = [
        quant("pixels", "x", 8),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["x", "wq"], ["out"], name="c", **attributes),
    ]
    with pytest.raises(ValueError, match=rf"node c \(Conv\) ({complaint})"):
        lower(model(nodes, {"w": rng.integers(-7, 8, shape).astype(np.float32)}), RULES)


def test_a_group_sees_its_own_inputs_alone(rng: np.random.Generator) -> None:
    nodes = [
        quant("pixels", "x", 8),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["x", "wq"], ["out"], name="c", pads=[1] * 4, group=3),
    ]
    weights, x = rng.integers(-7, 8, (6, 1, 3, 3)), rng.integers(0, 256, (2, SIZE, SIZE, 3))
    graph = lower(model(nodes, {"w": weights.astype(np.float32)}), RULES)
    for output in range(6):
        alone = Conv("alone", ("x",), ("y",), weights[output : output + 1].transpose(0, 2, 3, 1), 4)
        (expected,) = alone.run(x[..., output // 2 : output // 2 + 1])
        np.testing.assert_array_equal(graph.run(x)[..., output : output + 1], expected)


@pytest.mark.parametrize(
    ("flat", "dense", "complaint"),
    [
        (("Flatten", {}), {"transB": 1, "alpha": 2.0}, r"dense \(Gemm\) has alpha 2.0, supported is 1.0"),
        (("Flatten", {}), {"transB": 1, "transA": 1}, r"dense \(Gemm\) has transA 1, supported is 0"),
        (("Flatten", {}), {}, r"dense \(Gemm\) has weights for 2 inputs, gets 48"),
        (("Flatten", {"axis": 2}), {"transB": 1}, r"flat \(Flatten\) has axis 2, supported is 1"),
        (("Reshape", {}), {"transB": 1}, r"flat \(Reshape\) makes a shape of \[3, 16\], supported is \[0, -1\]"),
    ],
)
def test_refuses_a_dense_layer_that_reads_otherwise(
    flat: tuple[str, dict[str, Any]], dense: dict[str, Any], complaint: str
) -> None:
    op_type, attributes = flat
    nodes = [
        quant("pixels", "x", 8),
        helper.make_node(op_type, ["x", "shape"] if op_type == "Reshape" else ["x"], ["v"], name="flat", **attributes),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Gemm", ["v", "wq"], ["out"], name="dense", **dense),
    ]
    with pytest.raises(ValueError, match=complaint):
        lower(model(nodes, {"w": np.ones((2, 48), np.float32), "shape": np.array([3, 16])}), RULES)


@pytest.mark.parametrize("whole", [False, True])
def test_a_reshape_flattens_too(rng: np.random.Generator, whole: bool) -> None:
    """A zero copies the batch's size, or is none where allowzero says so, as PyTorch's exporter does of every shape."""
    nodes = [
        quant("pixels", "x", 8),
        helper.make_node("Reshape", ["x", "shape"], ["v"], name="flat", allowzero=int(whole)),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Gemm", ["v", "wq"], ["out"], name="dense", transB=1),
    ]
    weights, x = rng.integers(-7, 8, (2, 48)), rng.integers(0, 256, (3, SIZE, SIZE, 3))
    planes = x.transpose(0, 3, 1, 2).reshape(3, -1)
    if whole:
        with pytest.raises(ValueError, match=r"flat \(Reshape\) has allowzero 1, supported is 0"):
            lower(model(nodes, {"w": weights.astype(np.float32), "shape": np.array([0, -1])}), RULES)
    for shape in ([0, -1], [1, 48], [-1, 48])[whole:]:
        graph = lower(model(nodes, {"w": weights.astype(np.float32), "shape": np.array(shape)}), RULES)
        np.testing.assert_array_equal(graph.run(x)[:, 0, 0], planes @ weights.T)


def test_refuses_to_read_integers_of_several_scales(rng: np.random.Generator) -> None:
    """Each channel would stand for other real values, which no layer's one scale says."""
    nodes = [
        quant("pixels", "x", 8),
        helper.make_node("Mul", ["x", "powers"], ["scaled"], name="gain"),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["scaled", "wq"], ["out"], name="c", kernel_shape=[1, 1]),
    ]
    constants = {"powers": np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1), "w": np.ones((3, 3, 1, 1), np.float32)}
    with pytest.raises(ValueError, match=r"node c \(Conv\) reads scaled, which has a scale per channel: put a Quant"):
        lower(model(nodes, constants), RULES)


def test_a_batch_norm_node_with_negative_gain_negates_the_weights(rng: np.random.Generator) -> None:
    weights = rng.integers(-7, 8, (4, 3, 3, 3))
    function = [
        helper.make_node("Relu", ["sums"], ["positive"]),
        helper.make_node("BatchNormalization", ["positive", "gain", "offset", "mean", "variance"], ["real"]),
    ]
    statistics = {"gain": np.full(4, -1e-2), "offset": np.ones(4), "mean": np.zeros(4), "variance": np.ones(4)}
    graph = lower(conv_model(function, statistics, weights), RULES)
    assert isinstance(graph.nodes[0], Conv)
    np.testing.assert_array_equal(graph.nodes[0].weights, -weights.transpose(0, 2, 3, 1))


def test_refuses_a_function_that_rises_and_falls(rng: np.random.Generator) -> None:
    function = [helper.make_node("PRelu", ["sums", "slopes"], ["real"], name="bent")]
    slopes = {"slopes": np.array([0.5, -0.5, 0.5, 0.5]).reshape(4, 1, 1)}
    rule = r"quant_y \(Quant\) quantizes a function that rises and falls over channel 1's accumulator range"
    with pytest.raises(ValueError, match=rule):
        lower(conv_model(function, slopes, rng.integers(-7, 8, (4, 3, 3, 3))), RULES)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_constants_that_are_not_finite(value: float, rng: np.random.Generator) -> None:
    function = [helper.make_node("PRelu", ["sums", "slopes"], ["real"], name="bent")]
    slopes = {"slopes": np.array([0.5, value, 0.5, 0.5]).reshape(4, 1, 1)}
    with pytest.raises(ValueError, match=rf"constants must be finite, got {value} in slopes: train or export again"):
        lower(conv_model(function, slopes, rng.integers(-7, 8, (4, 3, 3, 3))), RULES)


def test_refuses_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not protobuf at all")
    with pytest.raises(ValueError, match=r"must be a whole ONNX file, got .* in .*bad\.onnx: export it again"):
        lower_file(tmp_path / "bad.onnx")
    with pytest.raises(ValueError, match=r"no model at .*: run `auflow export` first"):
        lower_file(tmp_path / "none.onnx")
