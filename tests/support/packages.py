# SPDX-License-Identifier: Apache-2.0
"""A deployment small enough to make by hand: a network of a few integers with attention and thirteen AUs."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from appended import with_codes

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.decoding import CODED, REAL_AND_RENDERED, RENDERED, UNKNOWN
from board.core.facs import AU_NAMES, EMOTIONS
from board.core.files import sha256
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.fork import Fork
from board.core.layers.gate import Gate
from board.core.layers.max_pool import MaxPool
from board.core.layers.sum_pixels import SumPixels
from board.core.layers.threshold import Threshold
from board.core.node import Node, Tensor
from board.core.outputs import ActionUnit, Attention, Emotion
from board.core.plain_contract import PlainContract, PlainInput, PlainOutput
from board.deployment import CONTRACT, INTEGER, Manifest, Timing

CHANNELS = 4


def small_graph(seed: int = 0, attention: bool = False, emotions: bool = False) -> IntegerGraph:
    """Pooling, a 3x3 convolution, a spatial gate on 24x24 pixels, and a dense layer over the sums.

    Args:
        seed: Of the weights.
        attention: Whether the gate's codes follow the sums in the output.
        emotions: Whether it has outputs for emotions too.
    """
    rng = np.random.default_rng(seed)
    outputs = len(AU_NAMES) + (len(EMOTIONS) if emotions else 0)
    tensors = [
        Tensor("face", (48, 48, 3), 8, False),
        Tensor("pooled", (24, 24, 3), 8, False),
        Tensor("map", (24, 24, CHANNELS), 16, True),
        Tensor("levels", (24, 24, CHANNELS), 4, False),
        Tensor("left", (24, 24, CHANNELS), 4, False),
        Tensor("right", (24, 24, CHANNELS), 4, False),
        Tensor("heat", (24, 24, 1), 16, True),
        Tensor("gate", (24, 24, 1), 4, False),
        Tensor("gated", (24, 24, CHANNELS), 8, False),
        Tensor("sums", (1, 1, CHANNELS), 20, False),
        Tensor("out", (1, 1, outputs), 24, True),
    ]
    levels = np.arange(16)
    nodes: tuple[Node, ...] = (
        MaxPool("pool", ("face",), ("pooled",)),
        Conv("conv", ("pooled",), ("map",), rng.integers(-7, 8, (CHANNELS, 3, 3, 3)), 4),
        Threshold("conv_q", ("map",), ("levels",), np.sort(rng.integers(-4000, 4000, (CHANNELS, 15))), 0),
        Fork("fork", ("levels",), ("left", "right")),
        Conv("heat_conv", ("right",), ("heat",), rng.integers(-7, 8, (1, 7, 7, CHANNELS)), 4),
        Threshold("heat_q", ("heat",), ("gate",), np.sort(rng.integers(-3000, 3000, (1, 15))), 0),
        Gate("gate_by_heat", ("left", "gate"), ("gated",), np.outer(levels, levels)),
        SumPixels("sum", ("gated",), ("sums",)),
        Conv("dense", ("sums",), ("out",), rng.integers(-7, 8, (outputs, 1, 1, CHANNELS)), 4),
    )
    graph = IntegerGraph({tensor.name: tensor for tensor in tensors}, nodes, "face", "out")
    return with_codes(graph, "gate") if attention else graph


def small_contract(bits: int = 24, attention: bool = False, emotions: bool = False) -> Contract:
    """The contract of `small_graph`; with emotions its outputs are calibrated, and what they learned from differs."""
    gate = Attention(24, 24, 4, False) if attention else None
    units = tuple(ActionUnit(name, 2.0**-12, 0.25 - index / 16) for index, name in enumerate(AU_NAMES))
    of_emotions: tuple[Emotion, ...] = ()
    if emotions:
        learned = (REAL_AND_RENDERED, RENDERED, CODED, UNKNOWN)
        units = tuple(
            replace(unit, slope=0.5 + index / 8, shift=index / 32 - 0.2, validity=learned[index % 4])
            for index, unit in enumerate(units)
        )
        of_emotions = tuple(Emotion(name, 2.0**-13, index / 16, 0.75) for index, name in enumerate(EMOTIONS))
    elements = len(units) + len(of_emotions) + (gate.codes if gate else 0)
    return Contract(
        model_sha256="0" * 64,
        bitfile_sha256=None,
        input=InputRule((48, 48, 3), "uint8", "grey", 0.0),
        action_units=units,
        accumulator=f"INT{bits}",
        input_stream=StreamPacking.of_frame(48 * 48 * 3, lanes=3, bits=8, signed=False),
        output_stream=StreamPacking.of_frame(elements, lanes=1, bits=bits, signed=True),
        clock_mhz=100.0,
        part="xc7z020clg400-1",
        board="Pynq-Z2",
        folding={},
        layers=(),
        attention=gate,
        emotions=of_emotions,
    )


def write_package(folder: Path, attention: bool = False, emotions: bool = False) -> Path:
    """A deployment folder with the integer network alone."""
    folder.mkdir(parents=True)
    small_contract(attention=attention, emotions=emotions).write(folder / CONTRACT)
    small_graph(attention=attention, emotions=emotions).save(folder / INTEGER)
    seal(folder)
    return folder


def plain_graph(seed: int = 0) -> IntegerGraph:
    """A 3x3 convolution of 4x6 frames of two channels, its codes, and a 1x1 convolution: a map of three channels."""
    rng = np.random.default_rng(seed)
    tensors = [
        Tensor("frame", (4, 6, 2), 8, False),
        Tensor("map", (4, 6, 4), 16, True),
        Tensor("levels", (4, 6, 4), 4, False),
        Tensor("out", (4, 6, 3), 16, True),
    ]
    nodes: tuple[Node, ...] = (
        Conv("conv", ("frame",), ("map",), rng.integers(-7, 8, (4, 3, 3, 2)), 4),
        Threshold("conv_q", ("map",), ("levels",), np.sort(rng.integers(-4000, 4000, (4, 15))), 0),
        Conv("head", ("levels",), ("out",), rng.integers(-7, 8, (3, 1, 1, 4)), 4),
    )
    return IntegerGraph({tensor.name: tensor for tensor in tensors}, nodes, "frame", "out")


def plain_contract() -> PlainContract:
    """The contract of `plain_graph`."""
    return PlainContract(
        model_sha256="0" * 64,
        bitfile_sha256=None,
        input=PlainInput((4, 6, 2)),
        output=PlainOutput((4, 6, 3), (0.5, -0.1, 2.0), (0.0, 1.0, -3.0)),
        input_stream=StreamPacking.of_frame(48, lanes=2, bits=8, signed=False),
        output_stream=StreamPacking.of_frame(72, lanes=1, bits=16, signed=True),
        clock_mhz=100.0,
        part="xc7z020clg400-1",
        board="Pynq-Z2",
        folding={"conv": {"pe": 2, "simd": 3}},
        layers=("conv", "conv_q", "head"),
    )


def write_plain_package(folder: Path) -> Path:
    """A deployment folder of a network that is not of action units, with its integers alone."""
    folder.mkdir(parents=True)
    plain_contract().write(folder / CONTRACT)
    plain_graph().save(folder / INTEGER)
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Write the manifest of what the folder holds."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in paths}
    Manifest("small", "small", files, Timing(5000, 2400), None).write(folder)


def pack(folder: Path) -> Path:
    """The archive of a deployment folder."""
    archive = folder.parent / "package.zip"
    with ZipFile(archive, "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, path.name)
    return archive


def faces(count: int, seed: int = 0) -> np.ndarray:
    """Random faces, uint8 (count, 48, 48, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48, 3), dtype=np.uint8)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
