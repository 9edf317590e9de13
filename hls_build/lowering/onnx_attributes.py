# SPDX-License-Identifier: Apache-2.0
"""Attributes of ONNX nodes: for every op that is lowered, each attribute of its schema, its default, what has hardware.

tests/hls_build/lowering/test_onnx_attributes.py holds the table to ONNX's own schemas, so that none is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onnx import NodeProto, helper

from hls_build.lowering.errors import LoweringError

OLDEST_OPSET = 7
"""Of ONNX's own ops: the oldest whose broadcasting is numpy's, and that ONNX Runtime still runs."""

ONNX_DOMAINS = ("", "ai.onnx")
"""Of ONNX's own ops."""

_REQUIRED = object()


@dataclass(frozen=True)
class Attribute:
    """One attribute of an op.

    Attributes:
        default: Its value where a node lacks it; None where ONNX computes that from the operands.
        supported: Its only values with hardware; None where a rule reads it, or ONNX Runtime evaluates the node.
    """

    default: Any = None
    supported: tuple[Any, ...] | None = None


_FREE = Attribute()
_AXES = {"axes": _FREE, "keepdims": Attribute(1), "noop_with_empty_axes": Attribute(0, (0,))}
_QUANT = {
    "narrow": Attribute(_REQUIRED),
    "rounding_mode": Attribute(b"ROUND"),
    "signed": Attribute(_REQUIRED),
}
_WINDOW = {
    "auto_pad": Attribute(b"NOTSET"),
    "dilations": _FREE,
    "pads": _FREE,
    "strides": _FREE,
}

ATTRIBUTES: Mapping[str, Mapping[str, Attribute]] = {
    "Add": {},
    "AveragePool": {
        **_WINDOW,
        "ceil_mode": Attribute(0, (0,)),
        "count_include_pad": Attribute(0),
        "kernel_shape": Attribute(_REQUIRED),
    },
    "BatchNormalization": {
        "epsilon": _FREE,
        "momentum": _FREE,  # of training alone
        "spatial": Attribute(1, (1,)),
        "training_mode": Attribute(0, (0,)),
    },
    "BipolarQuant": {},
    "Ceil": {},
    "Clip": {"max": _FREE, "min": _FREE},
    "Concat": {"axis": Attribute(_REQUIRED)},
    "Conv": {**_WINDOW, "group": Attribute(1), "kernel_shape": _FREE},
    "Div": {},
    "Dropout": {"ratio": _FREE, "seed": _FREE},  # of training alone
    "Elu": {"alpha": _FREE},
    "Erf": {},
    "Exp": {},
    "Flatten": {"axis": Attribute(1)},
    "Floor": {},
    "Gemm": {"alpha": Attribute(1.0), "beta": Attribute(1.0), "transA": Attribute(0), "transB": Attribute(0)},
    "GlobalAveragePool": {},
    "HardSigmoid": {"alpha": _FREE, "beta": _FREE},
    "Identity": {},
    "IntQuant": _QUANT,
    "LeakyRelu": {"alpha": _FREE},
    "MatMul": {},
    "MaxPool": {
        **_WINDOW,
        "ceil_mode": Attribute(0, (0,)),
        "kernel_shape": Attribute(_REQUIRED),
        "storage_order": Attribute(0, (0,)),
    },
    "Mul": {},
    "Neg": {},
    "PRelu": {},
    "Quant": _QUANT,
    "ReduceMax": _AXES,
    "ReduceMean": _AXES,
    "ReduceSum": _AXES,
    "Relu": {},
    "Reshape": {"allowzero": Attribute(0, (0, 1))},
    "Round": {},
    "Selu": {"alpha": _FREE, "gamma": _FREE},
    "Sigmoid": {},
    "Softplus": {},
    "Softsign": {},
    "Sub": {},
    "Tanh": {},
    "Transpose": {"perm": _FREE},
    "Unsqueeze": {"axes": _FREE},
}


def attributes(node: NodeProto) -> dict[str, Any]:
    """A node's attributes by name, with ONNX's default for each that it lacks.

    Raises:
        LoweringError: One is unknown, is missing though ONNX has no default, or has a value without hardware.
    """
    known = ATTRIBUTES.get(node.op_type, {})
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if unknown := sorted(set(given) - set(known)):
        raise LoweringError(
            f"node {node.name} ({node.op_type}) has an attribute {unknown[0]}, known are {', '.join(known) or 'none'}"
        )
    found = {name: given.get(name, attribute.default) for name, attribute in known.items()}
    for name, value in found.items():
        if value is _REQUIRED:
            raise LoweringError(f"node {node.name} ({node.op_type}) must have the attribute {name}, got none")
        supported = known[name].supported
        if supported is not None and value not in supported:
            raise LoweringError(_unsupported(node, name, value, supported[0]))
    return found


def check_attributes(node: NodeProto, supported: Mapping[str, Any]) -> None:
    """Refuse a node with any other value of an attribute.

    Raises:
        LoweringError: It has another value.
    """
    found = attributes(node)
    for name, need in supported.items():
        if found[name] != need:
            raise LoweringError(_unsupported(node, name, found[name], need))


def _unsupported(node: NodeProto, name: str, value: Any, need: Any) -> str:
    return f"node {node.name} ({node.op_type}) has {name} {value}, supported is {need}"


@dataclass(frozen=True)
class Window:
    """How a window moves over a map, as ONNX's attributes and their defaults say.

    Attributes:
        kernel: Height and width.
        strides: Likewise.
        pads: Rows above, columns before, rows below, columns behind.
        dilations: Height and width.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]

    @classmethod
    def of_node(cls, node: NodeProto, kernel: tuple[int, int], size: tuple[int, int]) -> Window:
        """Read a Conv's or MaxPool's attributes.

        Args:
            node: The node.
            kernel: Height and width, of the weights for a Conv.
            size: Height and width of the map.

        Raises:
            LoweringError: They contradict one another.
        """
        found = attributes(node)
        told = found["kernel_shape"]
        if told is not None and tuple(told) != kernel:
            raise LoweringError(f"node {node.name} ({node.op_type}) has kernel_shape {list(told)}, need {list(kernel)}")
        strides, dilations = (tuple(found[key] or (1, 1)) for key in ("strides", "dilations"))
        mode = bytes(found["auto_pad"]).upper()
        pads = tuple(found["pads"] or (0, 0, 0, 0))
        if len(strides) != 2 or len(dilations) != 2 or len(pads) != 4:
            raise LoweringError(f"node {node.name} ({node.op_type}) must move over two axes, has strides {strides}")
        if mode in (b"SAME_UPPER", b"SAME_LOWER"):
            before, behind = zip(*map(_same, kernel, strides, dilations, size), strict=True)
            pads = (*before, *behind) if mode == b"SAME_UPPER" else (*behind, *before)
        elif mode == b"VALID":
            pads = (0, 0, 0, 0)
        elif mode != b"NOTSET":
            raise LoweringError(_unsupported(node, "auto_pad", found["auto_pad"], b"NOTSET"))
        return cls(kernel, strides, pads, dilations)

    def check_dilations(self, node: NodeProto) -> None:
        """Refuse a window with gaps.

        Raises:
            LoweringError: It has some.
        """
        if self.dilations != (1, 1):
            raise LoweringError(_unsupported(node, "dilations", list(self.dilations), [1, 1]))

    def check(self, node: NodeProto, strides: tuple[int, int], pads: tuple[int, int, int, int]) -> None:
        """Refuse a window that moves otherwise.

        Raises:
            LoweringError: It does.
        """
        for name, need in (("strides", strides), ("pads", pads), ("dilations", (1, 1))):
            if (value := getattr(self, name)) != need:
                raise LoweringError(_unsupported(node, name, list(value), list(need)))


def _same(kernel: int, stride: int, dilation: int, size: int) -> tuple[int, int]:
    """Padding before and behind one axis that gives ceil(size / stride) outputs, the odd one behind."""
    steps = -(-size // stride)
    total = max(0, (steps - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2
