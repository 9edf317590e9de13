# SPDX-License-Identifier: Apache-2.0
"""Mark an output buffer before a transfer, and tell afterwards how much of it was overwritten."""

from __future__ import annotations

import numpy as np

from board.core.contract import StreamPacking


class Watermark:
    """A beat that results do not hold: every element at an end of its range, padding bits set.

    An element can reach that value only in theory, where beats have no padding. A driver that tries again with the
    other end cannot be deceived twice by one result.

    Args:
        stream: Packing of the results.
        high: Which end of the range.
    """

    def __init__(self, stream: StreamPacking, high: bool) -> None:
        low_code = -(1 << (stream.bits - 1)) if stream.signed else 0
        code = low_code + (1 << stream.bits) - 1 if high else low_code
        padding = np.ones(8 * stream.bytes_per_beat, np.uint8)
        padding[: stream.lanes * stream.bits] = 0
        beat = stream.lane_rule.pack(np.full(stream.lanes, code))[0]
        self.beat = beat | np.packbits(padding, bitorder="little")  # (bytes_per_beat,)
        self._frame = np.tile(self.beat, stream.beats_per_frame)

    def fill(self, frames: np.ndarray) -> None:
        """Mark frames of shape (N, frame_bytes)."""
        frames[:] = self._frame

    def whole_frames(self, frames: np.ndarray) -> int:
        """How many frames came, from the first on: those whose last beat was overwritten."""
        unwritten = (frames[:, -len(self.beat) :] == self.beat).all(axis=1)
        return int(unwritten.argmax()) if unwritten.any() else len(frames)

    def moved_bytes(self, frames: np.ndarray) -> int:
        """How many bytes came, judged by the last one that was overwritten."""
        written = np.flatnonzero((frames != self._frame).ravel())
        return int(written[-1]) + 1 if len(written) else 0
