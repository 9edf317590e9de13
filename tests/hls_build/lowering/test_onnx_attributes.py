# SPDX-License-Identifier: Apache-2.0
"""Attributes of ONNX nodes: the table names all of every schema, and defaults are ONNX's own."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from qonnx.custom_op.registry import getCustomOp

from hls_build.compiler import RULES
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.lower import QUANTIZERS
from hls_build.lowering.onnx_attributes import ATTRIBUTES, OLDEST_OPSET, Window, attributes

OPS = sorted({rule.op_type for rule in RULES})
SCHEMAS = [
    schema
    for schema in onnx.defs.get_all_schemas_with_history()
    if schema.domain == "" and schema.name in OPS and not schema.deprecated
]


def in_use(schema: onnx.defs.OpSchema) -> bool:
    """Whether a model of an opset that is read may have this version of an op."""
    newer = [other.since_version for other in SCHEMAS if other.name == schema.name]
    return schema.since_version >= OLDEST_OPSET or not any(
        schema.since_version < version <= OLDEST_OPSET for version in newer
    )


def test_the_table_has_every_op_that_is_lowered() -> None:
    assert sorted(ATTRIBUTES) == OPS


@pytest.mark.parametrize("op_type", [op_type for op_type in OPS if op_type not in QUANTIZERS])
def test_every_attribute_of_a_schema_is_in_the_table(op_type: str) -> None:
    schemas = [schema for schema in SCHEMAS if schema.name == op_type and in_use(schema)]
    assert schemas
    assert {name for schema in schemas for name in schema.attributes} <= set(ATTRIBUTES[op_type])
    for schema in schemas:
        for name, attribute in schema.attributes.items():
            default = ATTRIBUTES[op_type][name].default
            if attribute.default_value.type and default is not None:
                assert helper.get_attribute_value(attribute.default_value) == default, (schema.since_version, name)


@pytest.mark.parametrize("op_type", QUANTIZERS)
def test_every_attribute_of_a_quantizer_is_in_the_table(op_type: str) -> None:
    node = helper.make_node(op_type, ["x"], ["y"], domain="qonnx.custom_op.general", signed=1, narrow=1)
    assert set(getCustomOp(node).get_nodeattr_types()) == set(ATTRIBUTES[op_type])


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(LoweringError, match=r"node n \(Relu\) has an attribute alpha, known are none"):
        attributes(helper.make_node("Relu", ["x"], ["y"], name="n", alpha=0.5))


def test_an_attribute_without_a_default_is_missed() -> None:
    with pytest.raises(LoweringError, match=r"node n \(MaxPool\) must have the attribute kernel_shape, got none"):
        attributes(helper.make_node("MaxPool", ["x"], ["y"], name="n"))


def test_what_training_does_is_refused() -> None:
    node = helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], name="n", training_mode=1)
    with pytest.raises(LoweringError, match=r"node n \(BatchNormalization\) has training_mode 1, supported is 0"):
        attributes(node)


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [5, 8])
def test_padding_is_what_onnx_runtime_makes_of_it(mode: str, stride: int, kernel: int, size: int) -> None:
    """A window's explicit padding gives what `auto_pad` gives, to the last element."""
    import onnxruntime

    given: dict[str, Any] = {"kernel_shape": [kernel, kernel], "strides": [stride, stride]}
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", auto_pad=mode, **given)
    window = Window.of_node(node, (kernel, kernel), (size, size))
    told = helper.make_node("Conv", ["x", "w"], ["y"], name="c", pads=window.pads, **given)
    rng = np.random.default_rng(0)
    feed = {
        "x": rng.integers(0, 9, (1, 1, size, size)).astype(np.float32),
        "w": rng.integers(-3, 4, (1, 1, kernel, kernel)).astype(np.float32),
    }
    results = []
    for each in (node, told):
        inputs = [helper.make_tensor_value_info(name, 1, list(value.shape)) for name, value in feed.items()]
        graph = helper.make_graph([each], "g", inputs, [helper.make_tensor_value_info("y", 1, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        results.append(onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)[0])
    np.testing.assert_array_equal(results[0], results[1])
