# SPDX-License-Identifier: Apache-2.0
"""accelerator.json of a network of any kind: the shape and type of what it takes, and what its integers are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from board.core.arrays import Integers, Reals
from board.core.contract import FILE, AcceleratorContract, Contract, StreamPacking
from board.core.reading import is_count, is_number, keys_of, parsing, read_json, typed
from board.core.timing import TimingClosure
from board.core.weights import Weights

FORMAT = "plain-1"
"""Of a plain accelerator.json; that of a network of action units has a number."""


@dataclass(frozen=True)
class PlainInput:
    """What enters.

    Attributes:
        shape: (height, width, channels) of a frame.
        dtype: "uint8": the integers 0 to 255 that the model's input holds.
    """

    shape: tuple[int, int, int]
    dtype: str = "uint8"

    def __post_init__(self) -> None:
        _check_shape(self.shape, "input.shape")
        if self.dtype != "uint8":
            raise ValueError(f"input.dtype must be uint8, got {self.dtype!r}")


@dataclass(frozen=True)
class Head:
    """One of several outputs of a model.

    Attributes:
        name: As the model calls it.
        shape: (height, width, channels) of it; a vector has height and width 1.
    """

    name: str
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        typed(str, self.name, "output.heads' name")
        _check_shape(self.shape, "output.heads' shape")


@dataclass(frozen=True)
class PlainOutput:
    """What leaves: real = integer * scale + offset, by channel.

    Attributes:
        shape: (height, width, channels) of an output frame; a vector has height and width 1.
        scale: What one unit of each channel is worth, in the order of the channels.
        offset: Real value of each channel at integer 0.
        heads: The model's outputs where it has several: an output frame is a vector of their elements, one head behind
            the other, each by row, column and channel. Empty where it has one.
    """

    shape: tuple[int, int, int]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    heads: tuple[Head, ...] = ()

    def __post_init__(self) -> None:
        _check_shape(self.shape, "output.shape")
        if self.heads and self.shape != (1, 1, sum(prod(head.shape) for head in self.heads)):
            told = ", ".join(f"{head.name} {head.shape}" for head in self.heads)
            raise ValueError(f"output.shape must be that of a vector of {told}, got {self.shape}")
        if len({head.name for head in self.heads}) < len(self.heads):
            raise ValueError(f"output.heads must have names of their own, got {[head.name for head in self.heads]}")
        for key in ("scale", "offset"):
            values = getattr(self, key)
            if len(values) != self.shape[2] or not all(is_number(value) for value in values):
                raise ValueError(f"output.{key} must be one number for each of {self.shape[2]} channels, got {values}")
        if not all(self.scale):
            raise ValueError(f"output.scale must be other than 0, got {self.scale}")


@dataclass(frozen=True)
class PlainContract(AcceleratorContract):
    """All of accelerator.json of a network that `auflow compile` compiled.

    Attributes:
        model_sha256: Digest of model.onnx.
        bitfile_sha256: Digest of the bitfile, None where none was made.
        input: What enters.
        output: What leaves.
        input_stream: Packing of a frame.
        output_stream: Packing of an output frame.
        clock_mhz: Clock that the accelerator is built for.
        part: FPGA part, such as "xc7z020clg400-1".
        board: Board, such as "Pynq-Z2".
        folding: Parameters of each hardware layer by its name.
        layers: Names of the hardware layers, in stream order.
        timing: What Vivado says of the bitfile's paths and clocks; None where nobody knows.
        weights: Those that come from memory; None where all are in the FPGA.
        format: Version of this file's format.
    """

    model_sha256: str
    bitfile_sha256: str | None
    input: PlainInput
    output: PlainOutput
    input_stream: StreamPacking
    output_stream: StreamPacking
    clock_mhz: float
    part: str
    board: str
    folding: Mapping[str, Mapping[str, int | str]]
    layers: tuple[str, ...]
    timing: TimingClosure | None = None
    weights: Weights | None = None
    format: str = FORMAT

    def __post_init__(self) -> None:
        self._check(prod(self.output.shape))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""
        return self.input.shape

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the elements of an output frame: their channels, with row and column where it is a map."""
        heads = self.output.heads or (Head("output", self.output.shape),)
        return tuple(f"{head.name} {place}" for head in heads for place in _places(head.shape))

    def real(self, frames: Integers) -> Reals:
        """What raw integers are worth.

        Args:
            frames: As every executor gives them, of shape (N, elements).

        Returns:
            float64 of shape (N, height, width, channels).

        Raises:
            ValueError: They have another type or shape.
        """
        elements = self.output_stream.elements
        if frames.ndim != 2 or frames.shape[1] != elements or not np.issubdtype(frames.dtype, np.integer):
            raise ValueError(f"need integers of shape (N, {elements}), got {frames.dtype} {frames.shape}")
        real: Reals = frames.reshape(-1, *self.output.shape) * np.array(self.output.scale) + self.output.offset
        return real

    def by_head(self, frames: Integers) -> dict[str, Reals]:
        """What raw integers are worth, by the names of the model's outputs, where it has several.

        Args:
            frames: As every executor gives them, of shape (N, elements).

        Returns:
            float64 of shape (N, height, width, channels) for each.

        Raises:
            ValueError: They have another type or shape, or the model has one output.
        """
        heads = self.output.heads
        if not heads:
            raise ValueError("this needs a network of several outputs, got one: use real")
        ends = list(accumulate(prod(head.shape) for head in heads))
        parts = np.split(self.real(frames).reshape(len(frames), -1), ends[:-1], axis=1)
        return {head.name: part.reshape(-1, *head.shape) for head, part in zip(heads, parts, strict=True)}

    def with_bitfile(self, digest: str | None, timing: TimingClosure | None = None) -> PlainContract:
        """The same with a bitfile's sha256 and timing, or with none."""
        return replace(self, bitfile_sha256=digest, timing=timing)

    def as_json(self) -> dict[str, Any]:
        """What accelerator.json says; where all weights are in the FPGA it is what it was before there were others."""
        content = asdict(self)
        if self.weights is None:
            del content["weights"]
        return content

    @classmethod
    def load(cls, path: Path) -> PlainContract:
        """Read a plain accelerator.json.

        Raises:
            ValueError: It is none, or cannot be.
        """
        contract = read_contract(path)
        if not isinstance(contract, cls):
            raise ValueError(f"this needs a network of `auflow compile`, got one of action units in {path}")
        return contract

    @classmethod
    def parse(cls, content: Any) -> PlainContract:
        """The contract of a file's JSON.

        Raises:
            ValueError: A key is missing or unknown, or a value cannot be.
        """
        top = dict(keys_of(cls, content, "accelerator.json", ("timing", "weights")))
        for key, kind, lists in (("input", PlainInput, "shape"), ("output", PlainOutput, "shape scale offset heads")):
            entry = dict(keys_of(kind, top[key], key, ("heads",)))
            entry |= {name: tuple(typed(list, entry.get(name, []), f"{key}.{name}")) for name in lists.split()}
            if "heads" in entry:
                entry["heads"] = tuple(map(_head, entry["heads"]))
            top[key] = kind(**entry)
        for key in ("input_stream", "output_stream"):
            top[key] = StreamPacking(**keys_of(StreamPacking, top[key], key))
        if top.get("timing") is not None:
            top["timing"] = TimingClosure.parse(top["timing"])
        if top.get("weights") is not None:
            top["weights"] = Weights.parse(top["weights"])
        top["layers"] = tuple(typed(list, top["layers"], "layers"))
        for layer in typed(dict, top["folding"], "folding").values():
            typed(dict, layer, "each layer's folding")
        for key in ("part", "board"):
            typed(str, top[key], key)
        return cls(**top)


def read_contract(path: Path) -> Contract | PlainContract:
    """Read accelerator.json of either kind.

    Raises:
        ValueError: It is of an unknown version, lacks a key, has an unknown one or a bad value.
    """
    content = read_json(path, *FILE)
    if not (isinstance(content, dict) and content.get("format") == FORMAT):
        return Contract.read(path)
    with parsing(path, *FILE):
        return PlainContract.parse(content)


def _head(content: Any) -> Head:
    entry = keys_of(Head, content, "output.heads")
    return Head(entry["name"], tuple(typed(list, entry["shape"], "output.heads' shape")))


def _places(shape: tuple[int, int, int]) -> list[Any]:
    """How the elements of an output are called: by their channels, with row and column where it is a map."""
    height, width, channels = shape
    if height == width == 1:
        return list(range(channels))
    return [list(place) for place in product(range(height), range(width), range(channels))]


def _check_shape(shape: tuple[int, int, int], where: str) -> None:
    if len(shape) != 3 or not all(is_count(size) for size in shape):
        raise ValueError(f"{where} must be three sizes of at least 1, got {shape}")
