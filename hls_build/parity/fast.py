# SPDX-License-Identifier: Apache-2.0
"""Fast simulation: beats and integers of every stream by FINN+'s graph in Python, without RTL and without cycles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper

from hls_build.finn_adapter import execute
from hls_build.rtl.streams import Stream, streams_of


@dataclass(frozen=True)
class FastRun:
    """What a run of some frames gave.

    Attributes:
        accumulators: Integers of shape (N, outputs), as the beats of the last stream carry them.
        beats: How many each stream carried, by its name, upstream first.
    """

    accumulators: npt.NDArray[np.int64]
    beats: dict[str, int]


def run(
    model: ModelWrapper, frames: npt.NDArray[np.uint8], progress: Callable[[int], None] = lambda _: None
) -> FastRun:
    """Carry frames through a dataflow graph as beats.

    Every tensor is packed into the beats of its stream and unpacked again, so a stream that is too narrow for what its
    node gives, or carries another number of elements than the next node takes, is found.

    Args:
        model: Graph of one frame.
        frames: uint8 of shape (N, H, W, C).
        progress: Called with the number of frames that are through.

    Raises:
        ValueError: The ends of a stream disagree, or it cannot carry what it is given.
    """
    streams = {stream.tensor: stream for stream in streams_of(model)}
    beats = dict.fromkeys((stream.name for stream in streams.values()), 0)
    carried: dict[str, npt.NDArray[np.int64]] = {}

    def carry(tensor: str, value: npt.NDArray[np.generic]) -> None:
        if (stream := streams.get(tensor)) is not None:
            packed = _packed(stream, value.astype(np.int64))
            beats[stream.name] += len(packed)
            carried[tensor] = stream.packing.lane_rule.unpack(packed).ravel()

    answers = []
    for number, frame in enumerate(frames, 1):
        carry(model.graph.input[0].name, frame)
        execute(model, frame[np.newaxis], carry)
        answers.append(carried[model.graph.output[0].name])
        progress(number)
    return FastRun(np.array(answers), beats)


def _packed(stream: Stream, value: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """A frame as beats."""
    packing = stream.packing
    if value.size != packing.elements:
        raise ValueError(f"stream {stream.name} must carry {packing.elements} elements a frame, got {value.size}")
    try:
        return packing.lane_rule.pack(value)
    except ValueError as error:
        raise ValueError(f"stream {stream.name}: {error}") from None
