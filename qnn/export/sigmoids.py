# SPDX-License-Identifier: Apache-2.0
"""Sigmoid correction: an offset, mostly 0, with which every runtime quantizes each reachable value alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from brevitas.nn import QuantIdentity
from onnx import TensorProto, helper

from board.core.arithmetic import accumulator_bounds
from board.core.quantizer import Quantizer
from qnn.network.quantized import GATE_BITS, QuantCbam, QuantCbamCnn

MARGINS = (2.0**-20, 2.0**-22, 0.0)
"""Distances from a rounding boundary to ask for, the first that can be had. torch errs by up to 9e-8 and ONNX Runtime
by 1.7e-7 (measured against float64): a sigmoid farther off than that has the same code on every machine, whatever
its instruction set. With 0 the codes agree where the export ran."""

STEP = 1e-6  # of a correction: no power of two, so that steps do not fall on the accumulators' grid again
STEPS = 1000
GATE = Quantizer(np.array(2.0**-GATE_BITS), GATE_BITS, signed=False)
"""What follows every sigmoid."""


@dataclass(frozen=True)
class SigmoidCheck:
    """What was found on one sigmoid.

    Attributes:
        layer: Name in the network, such as `attention1.channel_sigmoid`.
        values: Reachable accumulator values that were evaluated, over all channels.
        disagreements: How many of them torch, ONNX Runtime and float64 quantize differently without a correction.
        margin: Every value's sigmoid is at least so far from a rounding boundary with the correction.
        correction: Added to the sigmoid's input.
    """

    layer: str
    values: int
    disagreements: int
    margin: float
    correction: float


def correct_sigmoids(network: QuantCbamCnn) -> tuple[SigmoidCheck, ...]:
    """Set every sigmoid's correction in a frozen network so that torch, ONNX Runtime and float64 agree on every code.

    Raises:
        ValueError: No small correction does.
    """
    checks = []
    for name, block in network.named_children():
        if isinstance(block, QuantCbam):
            checks.append(settle(f"{name}.channel_sigmoid", channel_values(block)))
            block.channel_sigmoid.correction.fill_(checks[-1].correction)
            checks.append(settle(f"{name}.spatial_sigmoid", spatial_values(block)))
            block.spatial_sigmoid.correction.fill_(checks[-1].correction)
    return tuple(checks)


def channel_values(block: QuantCbam) -> np.ndarray:
    """What the channel sigmoid can meet, every channel's values one after the other: sums of two MLP results."""
    weight = block.fc2.quant_weight()
    return _reachable(
        weight.int().numpy(), weight.scale.detach().numpy().reshape(-1), block.fc1_q, results=2, bias=None
    )


def spatial_values(block: QuantCbam) -> np.ndarray:
    """What the spatial sigmoid can meet: results of the 7x7 convolution with its bias."""
    weight = block.spatial.quant_weight()
    assert block.spatial.bias is not None
    return _reachable(
        weight.int().flatten(1).numpy(),
        weight.scale.detach().numpy().reshape(-1),
        block.spatial_descriptors_q,
        results=1,
        bias=block.spatial.bias.detach().numpy(),
    )


def torch_sigmoids(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sigmoid as torch computes it, by vectors and, as at a tensor's end, one by one: the last bit differs."""
    one_by_one = torch.from_numpy(np.repeat(x, 2))[::2]
    return torch.sigmoid(torch.from_numpy(x)).numpy(), torch.sigmoid(one_by_one).numpy()


def onnx_sigmoid(x: np.ndarray) -> np.ndarray:
    """The sigmoid as ONNX Runtime computes it."""
    graph = helper.make_graph(
        [helper.make_node("Sigmoid", ["x"], ["y"])],
        "sigmoid",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def exact_sigmoid(x: np.ndarray) -> np.ndarray:
    """The sigmoid in float64."""
    with np.errstate(over="ignore"):  # far below zero the power is infinite and the sigmoid 0
        return 1 / (1 + np.exp(-x.astype(np.float64)))


def gate_codes(sigmoid: np.ndarray) -> np.ndarray:
    """Codes of the gates' quantizer."""
    return GATE.codes(sigmoid)


def _reachable(
    weights: np.ndarray, scale: np.ndarray, source: QuantIdentity, results: int, bias: np.ndarray | None
) -> np.ndarray:
    """Every value between the least and the greatest accumulator of each channel, as float32.

    Args:
        weights: Integers (channels, inputs).
        scale: Of the weights, powers of two (channels,).
        source: The quantizer of the inputs.
        results: How many results are summed.
        bias: Real values (channels,), which the accumulator takes as integers.
    """
    inputs = quantizer_of(source)
    unit = scale * inputs.scale
    least, greatest = (results * bound for bound in accumulator_bounds(weights, inputs.low, inputs.high))
    offset = np.zeros(len(weights)) if bias is None else np.rint(bias / unit)
    return np.concatenate(
        [((np.arange(least[c], greatest[c] + 1) + offset[c]) * unit[c]).astype(np.float32) for c in range(len(weights))]
    )


def quantizer_of(module: QuantIdentity) -> Quantizer:
    """What a Brevitas quantizer of activations computes."""
    quant = module.act_quant
    scale = quant.scale().detach().double().numpy()
    return Quantizer(scale, int(quant.bit_width()), bool(quant.is_signed), bool(quant.is_narrow_range))


def settle(layer: str, values: np.ndarray) -> SigmoidCheck:
    """The largest margin, and then the least correction, with which all runtimes quantize the sigmoid alike.

    Args:
        layer: Name of the sigmoid.
        values: Its inputs, float32.

    Raises:
        ValueError: There is none.
    """
    distinct, counts = np.unique(values, return_counts=True)
    disagreements = int(counts[_disagree(distinct)].sum())
    reach = STEP * STEPS / 4 + MARGINS[0]  # a sigmoid rises by at most 1/4 per unit
    near = distinct[_too_near(distinct, reach)]  # only these can come too near by a correction
    for margin in MARGINS:
        for correction in _candidates():
            if not _too_near(near + correction, margin).any() and not _disagree(distinct + correction).any():
                return SigmoidCheck(layer, len(values), disagreements, margin, float(correction))
    raise ValueError(
        f"no correction up to {STEP * STEPS:g} makes torch and ONNX Runtime quantize {layer} alike:"
        f" its accumulator's steps of {np.diff(distinct).min():g} are too fine for float32"
    )


def _candidates() -> Iterator[np.float32]:
    """0, then steps away from it on both sides."""
    yield np.float32(0)
    for step in range(1, STEPS + 1):
        yield from (np.float32(step * STEP), np.float32(-step * STEP))


def _too_near(x: np.ndarray, margin: float) -> np.ndarray:
    """Whether the sigmoid of each value is within the margin of a rounding boundary."""
    exact = exact_sigmoid(x)
    return gate_codes(exact - margin) != gate_codes(exact + margin)


def _disagree(x: np.ndarray) -> np.ndarray:
    """Whether torch or ONNX Runtime gives another code than float64."""
    codes = gate_codes(exact_sigmoid(x))
    return np.any([gate_codes(y) != codes for y in (*torch_sigmoids(x), onnx_sigmoid(x))], axis=0)
