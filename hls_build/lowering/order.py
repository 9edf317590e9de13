# SPDX-License-Identifier: Apache-2.0
"""Which elementwise ONNX nodes keep the order of their values, or turn it round, in floating point as well.

What is rounded once keeps order: x <= y gives round(f(x)) <= round(f(y)) where f never falls. So do a sum, a product,
a quotient by a constant and a maximum, and what is composed of them. A sigmoid of ONNX Runtime does not: it is a
quotient of polynomials, whose last bits go up and down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from hls_build.lowering.onnx_attributes import attributes

Constants: TypeAlias = Mapping[str, NDArray[Any]]

LEAKY_RELU_ALPHA, BATCH_NORM_EPSILON = 0.01, 1e-5
"""ONNX's defaults."""


def keeps_order(node: NodeProto, constants: Constants) -> bool:
    """Whether a node of one value and constants is proven to never rise or never fall, for each channel.

    It is also a number for all values between two for which it is a number.
    """
    proof = _PROOFS.get(node.op_type)
    return proof is not None and proof(node, constants)


def _always(node: NodeProto, constants: Constants) -> bool:
    """One rounding, or none, of what keeps order."""
    del node, constants
    return True


def _quotient(node: NodeProto, constants: Constants) -> bool:
    """The value over constants other than zero; what is over the value has a pole."""
    return node.input[1] in constants and bool((constants[node.input[1]] != 0).all())


def _leaky_relu(node: NodeProto, constants: Constants) -> bool:
    """A slope that is not negative."""
    del constants
    alpha = attributes(node)["alpha"]
    return (LEAKY_RELU_ALPHA if alpha is None else alpha) >= 0


def _prelu(node: NodeProto, constants: Constants) -> bool:
    """Slopes that are not negative."""
    return node.input[1] in constants and bool((constants[node.input[1]] >= 0).all())


def _batch_norm(node: NodeProto, constants: Constants) -> bool:
    """A product and a sum, with a factor that is a number."""
    gain, _, _, variance = (constants[name].astype(np.float32) for name in node.input[1:5])
    epsilon = attributes(node)["epsilon"]
    spread = variance + np.float32(BATCH_NORM_EPSILON if epsilon is None else epsilon)
    return bool((spread > 0).all() and np.isfinite(gain / np.sqrt(spread)).all())


_PROOFS: Mapping[str, Callable[[NodeProto, Constants], bool]] = {
    **dict.fromkeys(("Add", "Ceil", "Clip", "Dropout", "Floor", "HardSigmoid", "Identity"), _always),
    **dict.fromkeys(("Mul", "Neg", "Relu", "Round", "Sub"), _always),
    "BatchNormalization": _batch_norm,
    "Div": _quotient,
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
}
