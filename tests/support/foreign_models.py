# SPDX-License-Identifier: Apache-2.0
"""Small QONNX networks that are not ours: other shapes, sizes, kernels, widths and scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class ForeignModel:
    """A network that grows layer by layer, each closed by its quantizer.

    Args:
        shape: (channels, height, width) of a frame.
        seed: Draws its weights.
        real_scales: Draw scales that are no powers of two.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int = 0, real_scales: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.size, self.shape = shape, shape
        self.real_scales = real_scales
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        self.outputs: list[str] = []
        self.value = "frame"
        self.scale = 1.0
        self.quantize(8, 1.0)

    def constant(self, value: ArrayLike, kind: type[Any] = np.float32) -> str:
        """A constant's name."""
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(value, kind)
        return name

    def node(self, op_type: str, *others: str, source: str | None = None, **attributes: Any) -> str:
        """A node that reads a tensor, by default the one at hand, and constants; the name of what it writes."""
        name = f"{op_type.lower()}{len(self.nodes)}"
        domain = QONNX if op_type == "Quant" else ""
        inputs = [self.value if source is None else source, *others]
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def then(self, op_type: str, *others: str, **attributes: Any) -> ForeignModel:
        """A node that the network goes on from."""
        self.value = self.node(op_type, *others, **attributes)
        return self

    def quantize(self, bits: int, scale: float, signed: bool = False) -> ForeignModel:
        """A quantizer of activations."""
        operands = [self.constant(scale), self.constant(0), self.constant(bits)]
        self.scale = float(np.float32(scale))
        return self.then("Quant", *operands, signed=int(signed), narrow=0, rounding_mode="ROUND")

    def weights(self, shape: tuple[int, ...], bits: int, per_output: bool = False) -> tuple[str, np.ndarray]:
        """Quantized weights, outputs first, and the scales of the outputs."""
        drawn = self.rng.uniform(0.02, 0.3, shape[0] if per_output else 1)
        scale = drawn if self.real_scales else np.exp2(np.round(np.log2(drawn)))
        top = (1 << (bits - 1)) - 1
        spread = scale.reshape(-1, *[1] * (len(shape) - 1)).astype(np.float32)
        values = self.constant(self.rng.integers(-top, top + 1, shape) * spread)
        operands = [self.constant(spread if per_output else spread.reshape(())), self.constant(0), self.constant(bits)]
        name = self.node("Quant", *operands, source=values, signed=1, narrow=1, rounding_mode="ROUND")
        return name, np.broadcast_to(spread.ravel().astype(float), shape[0])

    def activate(self, scales: np.ndarray, inputs: int, bits: int, function: str | None, signed: bool) -> ForeignModel:
        """A scalar function and a quantizer that the sums of a layer about fill."""
        if function is not None:
            self.then(function)
        spread = float(scales.max()) * self.scale * 6 * np.sqrt(inputs) * 2.0 ** (4 - bits)
        scale = spread * self.rng.uniform(0.7, 1.4)
        return self.quantize(bits, scale if self.real_scales else 2.0 ** round(np.log2(scale)), signed)

    def conv(
        self,
        outputs: int,
        kernel: int = 3,
        weight_bits: int = 4,
        bits: int = 4,
        function: str | None = "Relu",
        signed: bool = False,
        per_output: bool = False,
        norm: bool = False,
        bias: bool = False,
    ) -> ForeignModel:
        """A 'same' convolution, its function, and its quantizer."""
        channels, height, width = self.shape
        weights, scales = self.weights((outputs, channels, kernel, kernel), weight_bits, per_output)
        extra = [self.constant(self.rng.normal(0, 30, outputs) * scales * self.scale)] if bias else []
        self.then("Conv", weights, *extra, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)
        if norm:
            ranges = [(-1, 2), (-0.5, 0.5), (-0.2, 0.2), (0.5, 2)]
            self.then("BatchNormalization", *[self.constant(self.rng.uniform(*pair, outputs)) for pair in ranges])
        self.shape = outputs, height, width
        return self.activate(scales, channels * kernel**2, bits, function, signed)

    def pool(self) -> ForeignModel:
        """The maximum over 2x2 tiles."""
        channels, height, width = self.shape
        self.shape = channels, height // 2, width // 2
        return self.then("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self) -> ForeignModel:
        """The map as a vector."""
        self.shape = (int(np.prod(self.shape)), 1, 1)
        return self.then("Flatten", axis=1)

    def dense(self, outputs: int, weight_bits: int = 4, bits: int | None = 4, bias: bool = False) -> ForeignModel:
        """A dense layer, and its quantizer; where `bits` is None its sums are the output."""
        inputs = self.shape[0]
        weights, scales = self.weights((outputs, inputs), weight_bits)
        extra = [self.constant(self.rng.normal(0, 9, outputs))] if bias else []
        self.then("Gemm", weights, *extra, transB=1)
        self.shape = (outputs, 1, 1)
        return self if bits is None else self.activate(scales, inputs, bits, "Relu", False)

    def output(self) -> ForeignModel:
        """The tensor at hand as an output, from which the network goes on to others."""
        self.outputs.append(self.value)
        return self

    def model(self) -> onnx.ModelProto:
        """The whole network, from `frame` (1, C, H, W) to the outputs so far and the tensor at hand."""
        graph = helper.make_graph(
            self.nodes,
            "foreign",
            [helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, *self.size])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (*self.outputs, self.value)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _head(network: ForeignModel, outputs: int = 5, **more: Any) -> onnx.ModelProto:
    return network.flatten().dense(outputs, bits=None, **more).model()


FOREIGN: dict[str, Callable[[], onnx.ModelProto]] = {
    "vgg 8x8": lambda: _head(ForeignModel((3, 8, 8)).conv(4).conv(4).pool().conv(6).pool()),
    "vgg 12x16, batch norm": lambda: _head(
        ForeignModel((3, 12, 16), 1).conv(4, norm=True, signed=True).pool().conv(4, norm=True).pool()
    ),
    "odd sizes 9x7": lambda: _head(ForeignModel((3, 9, 7), 2).conv(4).conv(2)),
    "1x1 kernels": lambda: _head(ForeignModel((2, 6, 5), 3).conv(4, 1).conv(6, 1).conv(2, 1)),
    "5x5 kernel": lambda: _head(ForeignModel((3, 8, 8), 4).conv(2, 5).pool()),
    "7x7 kernel on 5x7": lambda: _head(ForeignModel((1, 5, 7), 5).conv(3, 7)),
    "mixed widths": lambda: _head(
        ForeignModel((3, 6, 6), 6).conv(4, weight_bits=8, bits=3).conv(4, weight_bits=2, bits=6).conv(2, weight_bits=5)
    ),
    "w8a8": lambda: _head(ForeignModel((1, 6, 6), 7).conv(3, weight_bits=8, bits=8).conv(3, weight_bits=8, bits=8)),
    "mlp": lambda: ForeignModel((1, 6, 6), 8).flatten().dense(16).dense(8).dense(3, bits=None).model(),
    "wide and flat 2x24": lambda: _head(ForeignModel((4, 2, 24), 9).conv(4).conv(4)),
    "scale per channel": lambda: _head(ForeignModel((3, 6, 6), 10).conv(6, per_output=True).conv(4, per_output=True)),
    "signed activations": lambda: _head(
        ForeignModel((3, 6, 6), 11).conv(4, function=None, signed=True).conv(4, function="Tanh", signed=True)
    ),
    "a map comes out": lambda: (
        ForeignModel((3, 6, 4), 12).conv(4).conv(3, 1, function=None, signed=True, bits=5).model()
    ),
    "five channels": lambda: _head(ForeignModel((5, 6, 6), 13).conv(5).pool()),
    "two outputs": lambda: _head(
        ForeignModel((3, 6, 6), 17, True).conv(4, signed=True).output().conv(3, per_output=True)
    ),
    "real scales": lambda: _head(ForeignModel((3, 8, 8), 14, True).conv(4, per_output=True).pool().conv(4)),
    "real scales, biases and batch norm": lambda: _head(
        ForeignModel((3, 6, 6), 15, True).conv(4, bias=True).conv(4, norm=True, signed=True), bias=True
    ),
    "real scales, mlp": lambda: (
        ForeignModel((1, 5, 5), 16, True).flatten().dense(12, bias=True).dense(4, bits=None, bias=True).model()
    ),
}
"""Networks by what is odd about them, smallest that show it."""
