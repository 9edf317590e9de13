# SPDX-License-Identifier: Apache-2.0
"""The hub: an output of the pipeline that keeps what is seen now and the action units of the last minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from board.core.arrays import Reals
from board.observation import OK, Observation
from board.sources.frame import Frame

HISTORY_S = 60.0
"""How long action units are kept."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest frame.

    Attributes:
        number: Of the frames since the hub was made, from 1; a later one has a larger number.
        frame: As the pipeline wrote it.
        observations: Of its faces.
    """

    number: int
    frame: Frame
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The action units of one face at one time.

    Attributes:
        number: Of the frame, see Seen.
        time_s: Since the hub was made.
        face_id: Of the face.
        probabilities: Real (AUs,), from 0 to 1.
    """

    number: int
    time_s: float
    face_id: int
    probabilities: Reals


class Hub:
    """What is seen now, for whoever looks; taking a frame costs a few references.

    Attributes:
        newest: The newest frame; None before the first.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._changed = threading.Condition()
        self._changes = 0
        self._frames = 0
        self._points: deque[Point] = deque()
        self.newest: Seen | None = None

    @property
    def now_s(self) -> float:
        """Seconds since the hub was made, as points count them."""
        return time.perf_counter() - self._began

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Take the next frame."""
        now_s = self.now_s
        with self._changed:
            self._frames += 1
            self.newest = Seen(self._frames, frame, tuple(observations))
            for seen in observations:
                if seen.status == OK and seen.face is not None and seen.aus is not None:
                    point = Point(self._frames, now_s, seen.face.face_id, seen.aus.probabilities)
                    self._points.append(point)
            while self._points and self._points[0].time_s < now_s - HISTORY_S:
                self._points.popleft()
        self.touch()

    def close(self) -> None:
        """Nothing is left to do: the last frame stays."""

    abandon = close

    def touch(self) -> None:
        """Wake whoever waits: something else than a frame has changed."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def wait(self, after: int, timeout_s: float) -> int:
        """Wait for a change.

        Args:
            after: What the last call returned, 0 before it.
            timeout_s: Longest wait.

        Returns:
            A number that grows with every change.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._changes > after, timeout_s)
            return self._changes

    def points(self, after: int = 0) -> Sequence[Point]:
        """The action units of the last minute, of frames with a number above `after`, oldest first."""
        found = []
        with self._changed:
            for point in reversed(self._points):
                if point.number <= after:
                    break
                found.append(point)
        return found[::-1]
