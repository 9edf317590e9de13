# SPDX-License-Identifier: Apache-2.0
"""Node and Tensor: a layer of the integer graph, and the stream of frames that flows into or out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from board.core.arrays import Integers
from board.core.verilog import KEYWORDS


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

    Attributes:
        needs_whole_frame: Whether it gives its first element only after a frame's last has come.
    """

    needs_whole_frame: ClassVar[bool] = False

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, *x: Integers) -> tuple[Integers, ...]:
        """Compute all outputs from all inputs, integers of shape (N, H, W, C)."""
        raise TypeError(f"{type(self).__name__} is abstract")
