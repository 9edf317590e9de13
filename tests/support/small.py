# SPDX-License-Identifier: Apache-2.0
"""A network of four layers on real-sized faces, its contract, and an emulated board with it, for quick tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from board.core.layers.max_pool import MaxPool
from board.core.layers.sum_pixels import SumPixels
from board.core.node import Tensor
from board.core.outputs import ActionUnit
from board.emulator import EmulatedBoard, Fault, TimedAccelerator

SIZE = 48
UNITS = tuple(ActionUnit(f"AU{number}", scale=2.0**-8, offset=0.0) for number in (1, 4, 12))
FIRST_OUT_CYCLES, INTERVAL_CYCLES = 30_000, 7_000
ZYNQ, ZYNQMP = "xc7z020clg400-1", "xczu3eg-sbva484-1-e"


def small_graph(seed: int = 1) -> IntegerGraph:
    """Largest of 2x2 pixels, their sum over the face, and a dense layer of ternary weights."""
    weights = np.random.default_rng(seed).integers(-1, 2, (len(UNITS), 1, 1, 3))
    weights[:, 0, 0, 0] = 1  # no output is always zero
    half = SIZE // 2
    tensors = {
        tensor.name: tensor
        for tensor in (
            Tensor("face", (SIZE, SIZE, 3), 8, False),
            Tensor("pooled", (half, half, 3), 8, False),
            Tensor("sums", (1, 1, 3), 18, False),
            Tensor("flat", (1, 1, 3), 18, False),
            Tensor("accumulators", (1, 1, len(UNITS)), 20, True),
        )
    }
    nodes = (
        MaxPool("pool", ("face",), ("pooled",)),
        SumPixels("sum", ("pooled",), ("sums",)),
        Flatten("flatten", ("sums",), ("flat",)),
        Conv("dense", ("flat",), ("accumulators",), weights, 2),
    )
    return IntegerGraph(tensors, nodes, "face", "accumulators")


def small_contract(part: str = ZYNQ, **changes: Any) -> Contract:
    """Contract of `small_graph`; no bitfile yet, emulator.write_overlay binds one."""
    contract = Contract(
        model_sha256="0" * 64,
        bitfile_sha256=None,
        input=InputRule((SIZE, SIZE, 3), "uint8", "grey", 0.0),
        action_units=UNITS,
        accumulator="INT20",
        input_stream=StreamPacking.of_frame(SIZE * SIZE * 3, lanes=3, bits=8, signed=False),
        output_stream=StreamPacking.of_frame(len(UNITS), lanes=1, bits=20, signed=True),
        clock_mhz=100.0,
        part=part,
        board="Pynq-Z2" if part == ZYNQ else "Ultra96",
        folding={},
        layers=(),
    )
    return replace(contract, **changes)


def small_board(contract: Contract, faults: Sequence[Fault] = (), **settings: Any) -> EmulatedBoard:
    """An emulated board with `small_graph`, to be entered with `with`."""
    accelerator = TimedAccelerator(small_graph(), contract, FIRST_OUT_CYCLES, INTERVAL_CYCLES)
    return EmulatedBoard(contract, accelerator, faults, **settings)


def random_faces(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise, uint8 (count, 48, 48, 3)."""
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def expected(faces: np.ndarray) -> np.ndarray:
    """What `small_graph` makes of faces, int64 (N, AUs)."""
    return small_graph().run(faces).reshape(-1, len(UNITS)) if len(faces) else np.empty((0, len(UNITS)), np.int64)
