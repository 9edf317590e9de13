# SPDX-License-Identifier: Apache-2.0
"""Several outputs of a model leave as one vector, one behind the other, and each keeps its own scales."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from qonnx_models import model, quant
from random_verdicts import judge

from board.core.layers.append import Append
from board.core.layers.fork import Fork
from hls_build.compiler import RULES
from hls_build.lowering.lower import lower, lower_scaled


def two_heads(*more: str) -> onnx.ModelProto:
    """A convolution; its codes as a map (3, 4, 4), and sums (1, 5) of the flattened codes, scaled by channel."""
    rng = np.random.default_rng(2)
    nodes = [
        quant("pixels", "a", 8),
        quant("w", "wq", 4, signed=1, narrow=1),
        helper.make_node("Conv", ["a", "wq"], ["sums"], name="conv", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Mul", ["sums", "small"], ["scaled"], name="scale"),
        quant("scaled", "codes", 4, signed=1),
        helper.make_node("Flatten", ["codes"], ["flat"], name="flat"),
        quant("v", "vq", 4, signed=1, narrow=1),
        helper.make_node("Gemm", ["flat", "vq"], ["products"], name="dense", transB=1),
        helper.make_node("Mul", ["products", "powers"], ["vector"], name="worth"),
    ]
    constants = {
        "w": rng.integers(-7, 8, (3, 3, 3, 3)).astype(np.float32),
        "v": rng.integers(-7, 8, (5, 48)).astype(np.float32),
        "small": np.array(1 / 256),
        "powers": np.array([1.0, 2.0, 0.5, 4.0, 1.0]),
    }
    network = model(nodes, constants, output="vector", shape=(1, 5))
    for name in more:
        network.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return network


def test_every_output_keeps_its_shape_scale_and_order() -> None:
    lowered = lower_scaled(two_heads("codes"), RULES)
    assert lowered.heads == (("vector", (1, 1, 5)), ("codes", (4, 4, 3)))
    assert lowered.graph.tensors[lowered.graph.output].shape == (1, 1, 53)
    np.testing.assert_array_equal(lowered.scale, [1, 2, 0.5, 4, 1, *[1] * 48])
    assert not lowered.offset.any()
    assert sum(isinstance(node, Fork) for node in lowered.graph.nodes) == 1
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3))
    alone = lower_scaled(two_heads(), RULES).graph
    seen: dict[str, np.ndarray] = {}
    vector = alone.run(frames, seen.__setitem__)
    both = lowered.graph.run(frames).reshape(3, -1)
    np.testing.assert_array_equal(both[:, :5], vector.reshape(3, -1))
    np.testing.assert_array_equal(both[:, 5:], seen["quant_codes"].reshape(3, -1))


def test_three_outputs_are_joined_two_by_two() -> None:
    lowered = lower_scaled(two_heads("codes", "scaled"), RULES)
    assert [name for name, _ in lowered.heads] == ["vector", "codes", "scaled"]
    assert sum(isinstance(node, Append) for node in lowered.graph.nodes) == 2
    np.testing.assert_array_equal(lowered.scale[53:], 1 / 256)


def test_one_output_is_none_of_several() -> None:
    assert lower_scaled(two_heads(), RULES).heads == ()


@pytest.mark.verilator
def test_two_outputs_are_exact_in_rtl(tmp_path: Path) -> None:
    """In units of integers, as random networks are judged."""
    network = two_heads("codes")
    next(tensor for tensor in network.graph.initializer if tensor.name == "powers").CopyFrom(
        onnx.numpy_helper.from_array(np.ones(5, np.float32), "powers")
    )
    lower(network, RULES)
    found = judge(network, 1, tmp_path)
    assert found.kind == "exact", found.said


def test_what_cannot_leave_together_is_refused() -> None:
    with pytest.raises(ValueError, match=r"output wq is not made of integer accumulators"):
        lower(two_heads("wq"), RULES)
    twice = two_heads("again")
    twice.graph.node.append(helper.make_node("Identity", ["vector"], ["again"], name="again"))
    with pytest.raises(ValueError, match=r"outputs vector, again joins one tensor with itself"):
        lower_scaled(twice, RULES)
    with pytest.raises(ValueError, match=r"output vector, codes is not made of integer accumulators: multiply it"):
        lower(two_heads("codes"), RULES)
