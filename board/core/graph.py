# SPDX-License-Identifier: Apache-2.0
"""The network as integers: nodes that numpy executes and the compiler makes hardware of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from board.core import arithmetic
from board.core.arrays import Integers
from board.core.files import write_npz
from board.core.verilog import KEYWORDS

FORMAT = "auflow-integer-graph-1"


def identifier(name: str) -> str:
    """What a node of another form of the network is called here and in the RTL: a legal Verilog identifier.

    `attention1.channel_gate_q` of torch, QONNX and ONNX is `attention1_channel_gate_q`.

    Raises:
        ValueError: The name is empty.
    """
    if not name:
        raise ValueError("a layer needs a name, got an empty one")
    words = re.sub(r"\W", "_", name, flags=re.ASCII)
    if words[0].isdigit():
        return f"_{words}"
    return f"{words}_" if words in KEYWORDS else words


@dataclass(frozen=True)
class Tensor:
    """A stream of frames.

    Attributes:
        name: Unique in its graph.
        shape: (height, width, channels) of one frame.
        bits: Width of one element.
        signed: Two's complement if true.
    """

    name: str
    shape: tuple[int, int, int]
    bits: int
    signed: bool

    @property
    def low(self) -> int:
        """Least value of the type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Greatest value of the type."""
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True)
class Node:
    """One layer; `inputs` and `outputs` name tensors.

    Its name is the `identifier` of the QONNX node that it does the work of: of the Conv, Gemm or MatMul with its
    weights, of the Quant that a Threshold or Gate ends in, of the Concat that joins descriptors; a Fork is called
    after the tensor that it copies.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        """Compute all outputs from all inputs, integers of shape (N, H, W, C)."""
        raise TypeError(f"{type(self).__name__} is abstract")


@dataclass(frozen=True)
class Conv(Node):
    """'Same' convolution or, with a 1x1 kernel, a dense layer on every pixel; no bias, no activation.

    Attributes:
        weights: Integers of shape (O, k, k, I), symmetric range of `weight_bits`.
        weight_bits: Bits per weight.
    """

    weights: Integers
    weight_bits: int

    @cached_property
    def kernel(self) -> arithmetic.Kernel:
        """The weights as the arithmetic wants them."""
        return arithmetic.Kernel.of(self.weights)

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.convolve_same(x[0], self.kernel),)


@dataclass(frozen=True)
class Threshold(Node):
    """Whatever stood between an accumulator and the next quantizer.

    Attributes:
        thresholds: Integers of shape (C, T) or (1, T), ascending along T.
        first: Output below the lowest threshold.
    """

    thresholds: Integers
    first: int

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.multi_threshold(x[0], self.thresholds, self.first),)


@dataclass(frozen=True)
class MaxPool(Node):
    """Maximum over 2x2 tiles."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.max_pool_2x2(x[0]),)


@dataclass(frozen=True)
class Fork(Node):
    """One stream to several."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (x[0],) * len(self.outputs)


@dataclass(frozen=True)
class GlobalDescriptors(Node):
    """Sum and maximum over pixels, as two pixels; the maximum carries the sum's scale by `shift`."""

    shift: int

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.global_descriptors(x[0], self.shift),)


@dataclass(frozen=True)
class SumPixels(Node):
    """Sum over pixels."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.sum_pixels(x[0]),)


@dataclass(frozen=True)
class ChannelDescriptors(Node):
    """Sum and maximum over channels, as two channels; the maximum carries the sum's scale by `shift`."""

    shift: int

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.channel_descriptors(x[0], self.shift),)


@dataclass(frozen=True)
class Gate(Node):
    """Attention: inputs are the feature map and its channel gate (1, 1, C) or spatial gate (H, W, 1).

    Attributes:
        table: Integers of shape (2**x_bits, 2**gate_bits), indexed by two's complement codes.
    """

    table: Integers

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (arithmetic.gate(x[0], x[1], self.table),)


@dataclass(frozen=True)
class Flatten(Node):
    """A frame as one pixel, in stream order (height, width, channel): no hardware."""

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        return (x[0].reshape(x[0].shape[0], 1, 1, -1),)


NODE_TYPES: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        Conv, Threshold, MaxPool, Fork, GlobalDescriptors, SumPixels, ChannelDescriptors, Gate, Flatten
    )
}  # fmt: skip


@dataclass(frozen=True)
class IntegerGraph:
    """Nodes in execution order over named tensors, with one input and one output."""

    tensors: dict[str, Tensor]
    nodes: tuple[Node, ...]
    input: str
    output: str
    consumers: dict[str, Node] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        consumers: dict[str, Node] = {}
        known = {self.input}
        for node in self.nodes:
            for name in node.inputs:
                if name not in known:
                    raise ValueError(f"node {node.name} reads {name}, which no earlier node writes")
                if name in consumers:
                    raise ValueError(f"tensor {name} feeds {consumers[name].name} and {node.name}: need a Fork")
                consumers[name] = node
            known.update(node.outputs)
        if self.output not in known:
            raise ValueError(f"output {self.output} is written by no node")
        if missing := known - set(self.tensors):
            raise ValueError(f"tensors without a type: {', '.join(sorted(missing))}")
        object.__setattr__(self, "consumers", consumers)

    def run(self, x: Integers, observe: Callable[[str, Integers], None] | None = None) -> Integers:
        """Execute on frames.

        Args:
            x: Integers of shape (N, H, W, C) in the input's range.
            observe: Called with every tensor's name and value, the input's first.

        Returns:
            The output tensor, integers of shape (N, H, W, C).
        """
        values: dict[str, Integers] = {self.input: x.astype(np.int32)}
        if observe:
            observe(self.input, values[self.input])
        for node in self.nodes:
            results = node.run(*(values.pop(name) for name in node.inputs))
            for name, value in zip(node.outputs, results, strict=True):
                values[name] = value
                if observe:
                    observe(name, value)
        return values[self.output]

    def save(self, path: Path) -> None:
        """Write one .npz: a JSON description and the arrays, nothing pickled."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        nodes: list[dict[str, Any]] = []
        for node in self.nodes:
            entry: dict[str, Any] = {"type": type(node).__name__}
            for f in fields(node):
                value = getattr(node, f.name)
                if isinstance(value, np.ndarray):
                    arrays[f"{node.name}.{f.name}"] = value
                else:
                    entry[f.name] = value
            nodes.append(entry)
        tensors = [[t.name, t.shape, t.bits, t.signed] for t in self.tensors.values()]
        description = {
            "format": FORMAT, "tensors": tensors, "nodes": nodes, "input": self.input, "output": self.output
        }  # fmt: skip
        write_npz(path, {"description": np.array(json.dumps(description)), **arrays})

    @classmethod
    def load(cls, path: Path) -> IntegerGraph:
        """Read what `save` wrote.

        Raises:
            ValueError: The file is of another format.
        """
        with np.load(path, allow_pickle=False) as archive:
            if "description" not in archive:
                raise ValueError(f"{path} is no integer graph: it holds no description")
            description = json.loads(str(archive["description"]))
            if description.get("format") != FORMAT:
                raise ValueError(f"{path} has format {description.get('format')!r}, need {FORMAT!r}")
            nodes: list[Node] = []
            for entry in description["nodes"]:
                kind = NODE_TYPES[entry.pop("type")]
                values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
                for f in fields(kind):
                    if f.name not in values:
                        values[f.name] = archive[f"{values['name']}.{f.name}"]
                nodes.append(kind(**values))
        tensors = {
            name: Tensor(name, (shape[0], shape[1], shape[2]), bits, signed)
            for name, shape, bits, signed in description["tensors"]
        }
        return cls(tensors, tuple(nodes), description["input"], description["output"])
