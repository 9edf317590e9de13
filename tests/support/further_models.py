# SPDX-License-Identifier: Apache-2.0
"""Small networks of the field's kinds of layer, as QONNX with random weights, each with one thing of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx
from public_shapes import ShapeBuilder


class Small(ShapeBuilder):
    """A network of few channels on small pictures."""

    def first(self, width: int = 4, kernel: int = 3, stride: int = 1) -> str:
        """Pixels and a convolution."""
        return self.layer(self.quant("pixels", 1.0, bits=8), 3, width, kernel, stride)

    def joined(self, *parts: str) -> str:
        """Channels behind channels, at one scale."""
        return self.quant(self.node("Concat", *parts, axis=1), max(self.scales[part] for part in parts))

    def added(self, a: str, b: str) -> str:
        """Two maps added up."""
        return self.activation(self.node("Add", a, b), 2 * max(self.scales[a], self.scales[b]))

    def axes(self, *numbers: int) -> str:
        """Axes as an operand."""
        name = self.constant(0)
        self.constants[name] = np.array(numbers, np.int64)
        return name

    def codes(self, x: str) -> str:
        """A quantized tensor as integers."""
        return self.node("Mul", x, self.constant(1 / self.scales[x]))


def small(size: int = 8, seed: int = 0) -> Small:
    """An empty network for square pictures."""
    return Small(size, np.random.default_rng(seed))


def chain(*layers: tuple[int, int, int, int], size: int = 8) -> onnx.ModelProto:
    """Convolutions one behind the other, each of (outputs, kernel, stride, groups)."""
    net = small(size)
    x, channels = net.first(), 4
    for outputs, kernel, stride, groups in layers:
        x, channels = net.layer(x, channels, outputs, kernel, stride, groups), outputs
    return net.model(x, channels, 5)


def padded(pads: list[int], strides: list[int], kernel: tuple[int, int], groups: int) -> onnx.ModelProto:
    """A convolution of four channels whose window moves in some way."""
    net = small()
    x = net.first()
    weights = net.weights(4, 4 // groups, *kernel)
    sums = net.node("Conv", x, weights, pads=pads, strides=strides, group=groups)
    return net.model(net.activation(sums, net.scales[x] * 32), 4, 5)


def means_of(form: str) -> onnx.ModelProto:
    """A mean over all pixels in one of ONNX's forms."""
    net = small()
    x = net.first()
    how: dict[str, dict[str, Any]] = {
        "AveragePool": {"kernel_shape": [8, 8]},
        "ReduceMean": {"axes": [2, 3]},
        "GlobalAveragePool": {},
    }
    mean = net.quant(net.node(form, x, **how[form]), net.scales[x] / 16, bits=8)
    flat = net.node("Flatten", mean)
    net.scales[flat] = net.scales[mean]
    return net.network(net.dense(flat, 4, 5))


def residual(depth: int, early: bool) -> onnx.ModelProto:
    """A branch of some convolutions beside what it branches from, which comes first or second."""
    net = small()
    x = source = net.first()
    for _ in range(depth):
        x = net.layer(x, 4, 4, 3)
    return net.model(net.added(source, x) if early else net.added(x, source), 4, 5)


def two_residuals() -> onnx.ModelProto:
    """A residual block behind another."""
    net = small()
    x = net.first()
    for _ in range(2):
        x = net.added(net.layer(net.layer(x, 4, 4, 3), 4, 4, 3), x)
    return net.model(x, 4, 5)


def inception(*kernels: int) -> onnx.ModelProto:
    """Convolutions of several windows over one map, joined."""
    net = small()
    x = net.first()
    parts = [net.layer(x, 4, 2 + index, kernel) for index, kernel in enumerate(kernels)]
    return net.model(net.joined(*parts), sum(2 + index for index in range(len(kernels))), 5)


def densely_connected(layers: int) -> onnx.ModelProto:
    """Every convolution reads what all before it gave."""
    net = small()
    x, channels = net.first(), 4
    for _ in range(layers):
        x, channels = net.joined(x, net.layer(x, channels, 3, 3)), channels + 3
    return net.model(x, channels, 5)


def joined_vectors() -> onnx.ModelProto:
    """Two dense layers over one vector, joined before a third."""
    net = small()
    vector = net.means(net.first())
    parts = []
    for outputs in (3, 6):
        sums = net.node("Gemm", vector, net.weights(outputs, 4), transB=1)
        parts.append(net.activation(sums, net.scales[vector] * 64))
    return net.network(net.dense(net.joined(*parts), 9, 5))


def depthwise_and_residual() -> onnx.ModelProto:
    """MobileNet v2's inverted residual: wider by a 1x1 convolution, depthwise, narrower, and the shortcut."""
    net = small()
    x = net.first()
    inner = net.layer(net.layer(net.layer(x, 4, 8, 1), 8, 8, 3, groups=8), 8, 4, 1)
    return net.model(net.added(inner, x), 4, 5)


def gated(net: Small, x: str, gate: str) -> onnx.ModelProto:
    """A map times a gate of codes for 0 to 1, and the classes of that."""
    return net.model(net.quant(net.node("Mul", x, gate), net.scales[x]), 4, 5)


def squeeze_and_excitation() -> onnx.ModelProto:
    """The mean of every channel through two dense layers as its gate."""
    net = small()
    x = net.first()
    hidden = net.activation(net.node("Gemm", net.means(x), net.weights(2, 4), transB=1), net.scales[x] * 8)
    sums = net.node("Gemm", hidden, net.weights(4, 2), transB=1)
    near = net.node("Mul", sums, net.constant(1 / (16 * net.scales[hidden])))
    gate = net.quant(net.node("Sigmoid", near), 1 / 16)
    axes = net.axes(2, 3)
    return gated(net, x, net.node("Unsqueeze", gate, axes))


def spatial_attention() -> onnx.ModelProto:
    """CBAM's second half by itself: mean and maximum over the channels, a window over both, a gate for each pixel."""
    net = small()
    x = net.first()
    over = net.axes(1)
    mean = net.node("Mul", net.node("ReduceSum", x, over, keepdims=1), net.constant(0.25))
    top = net.node("ReduceMax", x, axes=[1], keepdims=1)
    pair = net.quant(net.node("Concat", mean, top, axis=1), net.scales[x] / 4, bits=8)
    sums = net.conv(pair, 2, 1, 7)
    near = net.node("Mul", sums, net.constant(2.0 ** -np.round(np.log2(net.scales[pair] * 512))))
    return gated(net, x, net.quant(net.node("Sigmoid", near), 1 / 16))


def channel_attention() -> onnx.ModelProto:
    """CBAM's first half by itself: mean and maximum of every channel through one dense layer, added up."""
    net = small()
    x = net.first()
    over, first = net.axes(2, 3), net.axes(1)
    mean = net.node("Mul", net.node("ReduceSum", x, over, keepdims=0), net.constant(1 / 64))
    top = net.node("ReduceMax", x, axes=[2, 3], keepdims=0)
    pair = net.node("Concat", net.node("Unsqueeze", mean, first), net.node("Unsqueeze", top, first), axis=1)
    codes = net.quant(pair, net.scales[x] / 16, bits=8)
    turned = net.node("Transpose", net.weights(4, 4), perm=[1, 0])
    sums = net.node("ReduceSum", net.node("MatMul", codes, turned), first, keepdims=0)
    near = net.node("Mul", sums, net.constant(2.0 ** -np.round(np.log2(net.scales[codes] * 512))))
    gate = net.quant(net.node("Sigmoid", near), 1 / 16)
    return gated(net, x, net.node("Unsqueeze", gate, over))


def heads(*kinds: str) -> onnx.ModelProto:
    """Several outputs: means through a dense layer, a map of cells, or codes from the middle of the network."""
    net = small()
    early = net.first()
    late = net.layer(early, 4, 6, 3, 2)
    made = {
        "classes": lambda: net.dense(net.means(late), 6, 5),
        "cells": lambda: net.codes(net.layer(late, 6, 3, 1)),
        "early": lambda: net.codes(early),
        "angles": lambda: net.dense(net.means(early), 4, 2),
    }
    return net.network(*(made[kind]() for kind in kinds))


def of_bits(weight_bits: int, bits: int) -> onnx.ModelProto:
    """Weights and activations of some bits."""
    net = small()
    x = net.first()
    top = (1 << (weight_bits - 1)) - 1
    values = net.constant(net.rng.integers(-top, top + 1, (6, 4, 3, 3)))
    sums = net.node("Conv", x, net.quant(values, 1.0, weight_bits, signed=1, narrow=1), pads=[1] * 4)
    spread = net.scales[x] * max(1, top) * 64 / (1 << bits)
    return net.model(net.quant(net.node("Relu", sums), float(2.0 ** np.round(np.log2(spread))), bits), 6, 5)


def of_function(op_type: str, signed: int = 0, **how: Any) -> onnx.ModelProto:
    """A scalar function before a quantizer."""
    net = small()
    x = net.first()
    sums = net.conv(x, 4, 6, 3)
    near = net.node("Mul", sums, net.constant(2.0 ** -np.round(np.log2(net.scales[x] * 12))))
    return net.model(net.quant(net.node(op_type, near, **how), 1 / 8, signed=signed), 6, 5)


FURTHER: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "1x1, 3x3, 5x5": partial(chain, (4, 1, 1, 1), (6, 3, 1, 1), (4, 5, 1, 1)),
    "stride 2 twice": partial(chain, (4, 3, 2, 1), (6, 3, 2, 1)),
    "7x7 window": partial(chain, (3, 7, 1, 1)),
    "wide 24x24": partial(chain, (6, 3, 2, 1), (8, 3, 2, 1), size=24),
    "valid padding": partial(padded, [0] * 4, [1, 1], (3, 3), 1),
    "padding on one side": partial(padded, [2, 0, 0, 1], [1, 1], (3, 3), 1),
    "window 2x4": partial(padded, [0, 1, 1, 2], [1, 1], (2, 4), 1),
    "strides 2 and 1": partial(padded, [1] * 4, [2, 1], (3, 3), 1),
    "two groups": partial(padded, [1] * 4, [1, 1], (3, 3), 2),
    "two groups, stride 2": partial(padded, [1] * 4, [2, 2], (3, 3), 2),
    "two outputs for each channel": partial(chain, (8, 3, 1, 4)),
    "depthwise 3x3": partial(chain, (4, 3, 1, 4)),
    "depthwise 5x5": partial(chain, (4, 5, 1, 4)),
    "depthwise 1x1": partial(chain, (4, 1, 1, 4)),
    "depthwise, stride 2": partial(padded, [1] * 4, [2, 2], (3, 3), 4),
    "depthwise, valid padding": partial(padded, [0] * 4, [1, 1], (3, 3), 4),
    "depthwise 2x4, strides 2 and 1": partial(padded, [0, 1, 0, 2], [2, 1], (2, 4), 4),
    "depthwise twice": partial(chain, (4, 3, 1, 4), (6, 1, 1, 1), (6, 3, 2, 6), (8, 1, 1, 1)),
    "depthwise on 16x16": partial(chain, (8, 3, 2, 1), (8, 3, 1, 8), size=16),
    "AveragePool of the map": partial(means_of, "AveragePool"),
    "ReduceMean": partial(means_of, "ReduceMean"),
    "residual, branch second": partial(residual, 1, True),
    "residual, branch first": partial(residual, 2, False),
    "residual of three": partial(residual, 3, True),
    "two residual blocks": two_residuals,
    "inverted residual": depthwise_and_residual,
    "inception 1, 3": partial(inception, 1, 3),
    "inception 1, 3, 5": partial(inception, 1, 3, 5),
    "inception 5, 1, 3, 1": partial(inception, 5, 1, 3, 1),
    "densely connected, 2": partial(densely_connected, 2),
    "densely connected, 3": partial(densely_connected, 3),
    "joined vectors": joined_vectors,
    "squeeze and excitation": squeeze_and_excitation,
    "channel attention": channel_attention,
    "spatial attention": spatial_attention,
    "outputs classes, cells": partial(heads, "classes", "cells"),
    "outputs cells, classes": partial(heads, "cells", "classes"),
    "outputs early, classes": partial(heads, "early", "classes"),
    "outputs classes, early": partial(heads, "classes", "early"),
    "outputs classes, angles, cells": partial(heads, "classes", "angles", "cells"),
    "weights of 2 bits": partial(of_bits, 2, 2),
    "weights of 3, activations of 6 bits": partial(of_bits, 3, 6),
    "weights of 8 bits": partial(of_bits, 8, 8),
    "activations of 1 bit": partial(of_bits, 4, 1),
    "LeakyRelu": partial(of_function, "LeakyRelu", 1, alpha=0.25),
    "HardSigmoid": partial(of_function, "HardSigmoid"),
    "Sigmoid": partial(of_function, "Sigmoid"),
    "Tanh": partial(of_function, "Tanh", 1),
    "Elu": partial(of_function, "Elu", 1),
}
"""Networks by what is their own."""
