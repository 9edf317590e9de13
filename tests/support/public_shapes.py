# SPDX-License-Identifier: Apache-2.0
"""Networks of shapes that everybody knows, as QONNX with random weights: ResNet-8 and MobileNet, of any size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
BITS = 4
"""Of weights and activations, but for the pixels and the means."""


@dataclass
class ShapeBuilder:
    """A network that grows layer by layer from `pixels` (1, 3, size, size).

    Attributes:
        size: Height and width of the picture.
        rng: Draws the weights.
        nodes: So far.
        constants: Initializers by name.
        scales: Of the integers at each quantized tensor.
    """

    size: int
    rng: np.random.Generator
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)

    def constant(self, value: ArrayLike) -> str:
        """Add an initializer."""
        name = f"constant{len(self.constants)}"
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def node(self, op_type: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node, and give its result's name."""
        name = f"{op_type.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def quant(self, x: str, scale: float, bits: int = BITS, signed: int = 0, narrow: int = 0) -> str:
        """Quantize a tensor."""
        operands = [self.constant(scale), self.constant(0.0), self.constant(float(bits))]
        how: dict[str, Any] = {"signed": signed, "narrow": narrow, "rounding_mode": "ROUND"}
        name = self.node("Quant", x, *operands, domain=QONNX, **how)
        self.scales[name] = scale
        return name

    def weights(self, *shape: int) -> str:
        """Quantized random weights at scale 1."""
        return self.quant(self.constant(self.rng.integers(-7, 8, shape)), 1.0, signed=1, narrow=1)

    def conv(self, x: str, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        """A convolution whose sums are not quantized yet, with half its kernel as padding."""
        how: dict[str, Any] = {"pads": [kernel // 2] * 4, "strides": [stride] * 2, "group": groups}
        return self.node("Conv", x, self.weights(outputs, inputs // groups, kernel, kernel), **how)

    def activation(self, sums: str, scale: float, signed: int = 0) -> str:
        """ReLU where unsigned, and a quantizer."""
        return self.quant(sums if signed else self.node("Relu", sums), scale, signed=signed)

    def layer(self, x: str, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        """A convolution, ReLU and quantizer that spread its codes."""
        spread = self.scales[x] * np.sqrt(inputs // groups) * kernel * (64 if self.scales[x] == 1.0 else 2)
        return self.activation(self.conv(x, inputs, outputs, kernel, stride, groups), 2.0 ** np.round(np.log2(spread)))

    def means(self, x: str) -> str:
        """The means of a map, quantized, as a vector."""
        mean = self.quant(self.node("GlobalAveragePool", x), self.scales[x] / 8, bits=8)
        vector = self.node("Flatten", mean)
        self.scales[vector] = self.scales[mean]
        return vector

    def dense(self, x: str, inputs: int, outputs: int) -> str:
        """A dense layer over a vector, its sums as integers."""
        sums = self.node("Gemm", x, self.weights(outputs, inputs), transB=1)
        return self.node("Mul", sums, self.constant(1 / self.scales[x]))

    def network(self, *outputs: str) -> onnx.ModelProto:
        """The whole network, with outputs of these names."""
        graph = helper.make_graph(
            self.nodes,
            "shape",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, self.size, self.size])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def model(self, x: str, channels: int, outputs: int) -> onnx.ModelProto:
        """The whole network: the means of x, a dense layer, integers out."""
        return self.network(self.dense(self.means(x), channels, outputs))


def resnet_8(size: int, width: int, outputs: int, seed: int, stages: int = 3) -> onnx.ModelProto:
    """ResNet-8 as MLPerf Tiny has it, without batch norm: one residual block a stage, each from the second on halved.

    Args:
        size: Height and width of the picture.
        width: Channels of the first stage, doubled in every other one.
        outputs: Of the network.
        seed: Draws the weights.
        stages: Residual blocks.
    """
    net = ShapeBuilder(size, np.random.default_rng(seed))
    x, channels = net.layer(net.quant("pixels", 1.0, bits=8), 3, width, 3), width
    for stage in range(stages):
        stride, inputs, channels = (1, width, width) if stage == 0 else (2, channels, 2 * channels)
        inner = net.layer(x, inputs, channels, 3, stride)
        scale = net.scales[inner] * 2.0 ** np.round(np.log2(4 * 3 * np.sqrt(channels)))
        branch = net.activation(net.conv(inner, channels, channels, 3), scale, signed=1)
        shortcut = x
        if stride > 1:
            spread = 2.0 ** np.round(np.log2(net.scales[x] * 4 * np.sqrt(inputs)))
            shortcut = net.activation(net.conv(x, inputs, channels, 1, stride), spread, signed=1)
        x = net.activation(net.node("Add", branch, shortcut), max(scale, net.scales[shortcut]))
    return net.model(x, channels, outputs)


def mobilenet(size: int, width: int, outputs: int, seed: int, blocks: int = 4) -> onnx.ModelProto:
    """MobileNet: a halving convolution, then depthwise and 1x1 ones, every other block halved and doubled in width.

    Args:
        size: Height and width of the picture.
        width: Channels of the first convolution.
        outputs: Of the network.
        seed: Draws the weights.
        blocks: Pairs of a depthwise and a 1x1 convolution.
    """
    net = ShapeBuilder(size, np.random.default_rng(seed))
    x, channels = net.layer(net.quant("pixels", 1.0, bits=8), 3, width, 3, stride=2), width
    for block in range(blocks):
        halved = block % 2
        x = net.layer(x, channels, channels, 3, stride=1 + halved, groups=channels)
        x = net.layer(x, channels, channels * (1 + halved), 1)
        channels *= 1 + halved
    return net.model(x, channels, outputs)
