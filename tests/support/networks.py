# SPDX-License-Identifier: Apache-2.0
"""Random integer networks of the real topology, small enough for tests, with varied activations everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.arrays import Integers
from board.core.graph import IntegerGraph
from board.core.layers.channel_descriptors import ChannelDescriptors
from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from board.core.layers.fork import Fork
from board.core.layers.gate import Gate
from board.core.layers.global_descriptors import GlobalDescriptors
from board.core.layers.max_pool import MaxPool
from board.core.layers.sum_pixels import SumPixels
from board.core.layers.threshold import Threshold
from board.core.node import Node, Tensor


@dataclass(frozen=True)
class Sizes:
    """Shape of a random network.

    Attributes:
        size: Height and width of the picture, a multiple of 16.
        channels: Of the five convolutions.
        hidden: Of the attention's MLP.
        dense: Outputs of the first two dense layers.
        outputs: Of the network.
        attention: Whether both attention blocks are there.
        weight_bits: Of convolutions and attention.
        bits: Of activations.
        head_bits: Of the weights of fc1 and fc2.
        descriptor_bits: Of pooled descriptors.
    """

    size: int = 48
    channels: tuple[int, int, int, int, int] = (32, 64, 128, 128, 64)
    hidden: int = 32
    dense: tuple[int, int] = (1024, 512)
    outputs: int = 13
    attention: bool = True
    weight_bits: int = 4
    bits: int = 4
    head_bits: int = 2
    descriptor_bits: int = 8


TINY = Sizes(channels=(4, 8, 16, 16, 8), hidden=4, dense=(128, 64))
"""An eighth of every width."""
SMALL = Sizes(size=32, channels=(4, 4, 8, 8, 4), hidden=4, dense=(16, 8), outputs=5)
"""For tests that simulate many frames."""


def random_network(seed: int, sizes: Sizes = TINY) -> IntegerGraph:
    """A network of random weights whose thresholds are quantiles of what really reaches them."""
    return _Network(np.random.default_rng(seed), sizes).graph()


def random_block(seed: int, size: int = 8, channels: int = 4) -> IntegerGraph:
    """One convolution and one attention block on a small picture: quick to compile."""
    network = _Network(np.random.default_rng(seed), Sizes(size=size, hidden=2))
    x = network.quantize(network.conv("conv1", "pixels", channels, 3, 8), 4, True)
    x = network.attention("attention1", x)
    x = network.add(Flatten("flatten", (x,), ("flatten",)), network.type_of(x))
    x = network.conv("fc1", x, 3, 1, 2)
    return IntegerGraph(network.tensors, tuple(network.nodes), "pixels", x)


def random_chain(seed: int, outputs: int = 3, channels: int = 4) -> IntegerGraph:
    """One convolution and one dense layer on a small picture: so few foldings that all can be tried."""
    network = _Network(np.random.default_rng(seed), Sizes(size=8))
    x = network.quantize(network.conv("conv1", "pixels", channels, 3, 8), 4, False)
    x = network.add(Flatten("flatten", (x,), ("flatten",)), network.type_of(x))
    x = network.conv("fc1", x, outputs, 1, 2)
    return IntegerGraph(network.tensors, tuple(network.nodes), "pixels", x)


def evenly(graph: IntegerGraph, scales: list[float]) -> IntegerGraph:
    """The graph with thresholds of its quantizer of round(scale * x), half to even, of one scale for each channel."""
    x, nodes = np.arange(-1 << 17, 1 << 17), list(graph.nodes)
    for place, node in enumerate(nodes):
        if isinstance(node, Threshold):
            codes = np.arange(node.first + 1, graph.tensors[node.outputs[0]].high + 1)
            reached = [np.searchsorted(np.round(scale * x), codes) + x[0] for scale in scales]
            nodes[place] = replace(node, thresholds=np.stack(reached))
    return IntegerGraph(graph.tensors, tuple(nodes), graph.input, graph.output)


class _Network:
    """Layers appended one by one, together with the values of a few random frames."""

    def __init__(self, rng: np.random.Generator, sizes: Sizes) -> None:
        self.rng, self.sizes = rng, sizes
        self.tensors = {"pixels": Tensor("pixels", (sizes.size, sizes.size, 3), 8, False)}
        self.values: dict[str, Integers] = {"pixels": random_faces(rng, 6, sizes.size).astype(np.int64)}
        self.nodes: list[Node] = []

    def add(self, node: Node, *types: tuple[int, bool]) -> str:
        """Append a layer with its outputs' bits and signedness; return the name of the last output."""
        results = node.run(*(self.values[name] for name in node.inputs))
        for name, value, (bits, signed) in zip(node.outputs, results, types, strict=True):
            self.values[name] = value
            self.tensors[name] = Tensor(name, value.shape[1:], bits, signed)
            assert self.tensors[name].low <= value.min() and value.max() <= self.tensors[name].high
        self.nodes.append(node)
        return node.outputs[-1]

    def conv(self, name: str, x: str, outputs: int, kernel: int, bits: int) -> str:
        top = (1 << (bits - 1)) - 1
        shape = (outputs, kernel, kernel, self.tensors[x].shape[2])
        weights = self.rng.integers(-top, top + 1, shape)
        source = self.tensors[x]
        low, high = accumulator_bounds(weights, source.low, source.high)
        width = needed_bits(int(low.min()), int(high.max()), True)
        return self.add(Conv(name, (x,), (name,), weights, bits), (width, True))

    def quantize(self, x: str, bits: int, signed: bool, shared: bool = False, name: str = "") -> str:
        steps = (1 << bits) - 1 - signed * int(self.rng.integers(2))  # sometimes the least code is left out
        channels = self.values[x].reshape(-1, self.values[x].shape[-1])
        rows = [channels.ravel()] if shared else list(channels.T)
        levels = (np.arange(steps) + 0.5 + 0.3 * self.rng.random(steps)) / (steps + 1)
        thresholds = np.sort(np.array([np.quantile(row, levels).round().astype(np.int64) for row in rows]), axis=1)
        thresholds[:, -1] = np.where(self.rng.random(len(rows)) < 0.2, 1 << 40, thresholds[:, -1])  # unreachable
        name = name or f"{x}_q"
        first = ((1 << (bits - 1)) - 1 - steps) if signed else 0
        return self.add(Threshold(name, (x,), (name,), thresholds, first), (bits, signed))

    def pool(self, name: str, x: str) -> str:
        return self.add(MaxPool(name, (x,), (name,)), self.type_of(x))

    def type_of(self, x: str) -> tuple[int, bool]:
        return self.tensors[x].bits, self.tensors[x].signed

    def fork(self, x: str) -> tuple[str, str]:
        outputs = (f"{x}_0", f"{x}_1")
        self.add(Fork(f"{x}_fork", (x,), outputs), self.type_of(x), self.type_of(x))
        return outputs

    def gate(self, name: str, x: str, g: str) -> str:
        bits, signed = self.type_of(x)
        levels = np.arange(1 << bits)
        values = np.where(levels >= 1 << (bits - 1), levels - (1 << bits), levels) if signed else levels
        product = values[:, None] * np.arange(1, (1 << self.tensors[g].bits) + 1)
        table = np.round(product / (1 << self.tensors[g].bits)).astype(np.int64)
        return self.add(Gate(name, (x, g), (name,), table), (bits, signed))

    def attention(self, block: str, x: str) -> str:
        sizes, (bits, signed) = self.sizes, self.type_of(x)
        height, width, channels = self.tensors[x].shape
        body, branch = self.fork(x)
        shift = (height * width).bit_length() - 1
        name = f"{block}_channel_descriptors"
        wide = bits + (height * width).bit_length()
        y = self.add(GlobalDescriptors(name, (branch,), (name,), shift), (wide, signed))
        y = self.quantize(y, sizes.descriptor_bits, signed, shared=True)
        y = self.quantize(self.conv(f"{block}_fc1", y, sizes.hidden, 1, sizes.weight_bits), bits, False)
        y = self.conv(f"{block}_fc2", y, channels, 1, sizes.weight_bits)
        y = self.add(SumPixels(f"{y}_sum", (y,), (f"{y}_sum",)), (self.tensors[y].bits + 1, True))
        y = self.gate(f"{block}_channel_q", body, self.quantize(y, 4, False, name=f"{block}_channel_gate_q"))
        body, branch = self.fork(y)
        shift = channels.bit_length() - 1
        name = f"{block}_spatial_descriptors"
        y = self.add(ChannelDescriptors(name, (branch,), (name,), shift), (bits + channels.bit_length(), signed))
        y = self.quantize(y, sizes.descriptor_bits, signed, shared=True)
        y = self.conv(f"{block}_spatial", y, 1, 7, sizes.weight_bits)
        y = self.quantize(y, 4, False, name=f"{block}_spatial_gate_q")
        return self.gate(f"{block}_spatial_q", body, y)

    def graph(self) -> IntegerGraph:
        sizes = self.sizes
        c1, c2, c3, c4, c5 = sizes.channels
        x = self.quantize(self.conv("conv1", "pixels", c1, 3, 8), sizes.bits, False)
        x = self.quantize(self.conv("conv2", x, c2, 3, sizes.weight_bits), sizes.bits, False)
        x = self.quantize(self.conv("conv3", self.pool("pool1", x), c3, 3, sizes.weight_bits), sizes.bits, True)
        x = self.pool("pool2", self.attention("attention1", x) if sizes.attention else x)
        x = self.quantize(self.conv("conv4", x, c4, 3, sizes.weight_bits), sizes.bits, False)
        x = self.quantize(self.conv("conv5", self.pool("pool3", x), c5, 3, sizes.weight_bits), sizes.bits, False)
        x = self.pool("pool4", x)
        x = self.attention("attention2", x) if sizes.attention else x
        x = self.add(Flatten("flatten", (x,), ("flatten",)), self.type_of(x))
        x = self.quantize(self.conv("fc1", x, sizes.dense[0], 1, sizes.head_bits), sizes.bits, False)
        x = self.quantize(self.conv("fc2", x, sizes.dense[1], 1, sizes.head_bits), sizes.bits, False)
        x = self.conv("fc3", x, sizes.outputs, 1, 4)
        return IntegerGraph(self.tensors, tuple(self.nodes), "pixels", x)


def random_faces(rng: np.random.Generator, count: int, size: int = 48) -> np.ndarray:
    """Pictures (count, size, size, 3), uint8, of blobs with noise: smoother than noise, so layers differ."""
    coarse = rng.integers(0, 256, (count, size // 8, size // 8, 3))
    smooth = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return np.clip(smooth + rng.integers(-40, 41, smooth.shape), 0, 255).astype(np.uint8)
