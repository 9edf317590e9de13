# SPDX-License-Identifier: Apache-2.0
"""A video, array or folder played at its own pace, as a camera would deliver it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from board.sources.frame import Frame, Source

LATE_S = 0.5
"""Lag behind its own pace that is not caught up any more."""


class Playback:
    """A source with an end, made live: a frame comes when it is due, taken or not.

    Args:
        source: What to play.
        loop: Whether to begin again at its end; indices and times go on.
    """

    live = True
    count = None

    def __init__(self, source: Source, loop: bool = False) -> None:
        self._source, self._loop = source, loop
        self.name, self.fps, self.moving = source.name, source.fps, source.moving
        self.left_out, self.fingerprint = source.left_out, source.fingerprint

    def name_of(self, index: int) -> str:
        """As the source says."""
        return self._source.name_of(index)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield each frame when it is due."""
        begun_s: float | None = None  # by our clock, when the source's shows 0
        index, passed_s = 0, 0.0  # of the rounds before
        while True:
            last: Frame | None = None
            for frame in self._source.frames(start):
                last = replace(frame, index=index + frame.index, timestamp_s=passed_s + frame.timestamp_s)
                now_s = time.perf_counter()
                if begun_s is None:
                    begun_s = now_s - last.timestamp_s
                early_s = begun_s + last.timestamp_s - now_s
                if early_s > 0:
                    time.sleep(early_s)
                elif early_s < -LATE_S:
                    begun_s -= early_s
                yield replace(last, captured_s=time.perf_counter())
            if last is None or not self._loop:
                return
            start, index, passed_s = 0, last.index + 1, last.timestamp_s + 1 / self.fps
