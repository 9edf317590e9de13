# SPDX-License-Identifier: Apache-2.0
"""What a source yields: frames in order, each with its place and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from board.core.arrays import Pixels

STILLS_FPS = 1.0
"""Rate at which pictures, in a folder or an array, count their time."""


@dataclass(frozen=True)
class Frame:
    """One frame on its way.

    Attributes:
        index: Place in the source, from 0; a live source counts what it captured.
        timestamp_s: Time in the source.
        source: Name of the file, or of the video or camera.
        picture: RGB uint8 (H, W, 3), None where it could not be decoded.
        error: Why there is no picture.
        captured_s: time.perf_counter() when it was there.
    """

    index: int
    timestamp_s: float
    source: str
    picture: Pixels | None
    error: str
    captured_s: float


class Source(Protocol):
    """Frames in order.

    Attributes:
        name: Of what is read.
        fps: Frames per second.
        count: How many frames there are; None where nobody knows.
        live: Whether frames come by themselves, and those that nobody takes in time are lost.
        moving: Whether successive frames show the same scene, so that faces can be followed.
    """

    @property
    def name(self) -> str: ...
    @property
    def fps(self) -> float: ...
    @property
    def count(self) -> int | None: ...
    @property
    def live(self) -> bool: ...
    @property
    def moving(self) -> bool: ...

    def name_of(self, index: int) -> str:
        """`Frame.source` of a frame."""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield frames from an index on."""


def to_rgb(decoded: cv2.typing.MatLike) -> Pixels:
    """A picture as OpenCV decodes it, BGR uint8 (H, W, 3), with its colours in the order RGB."""
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
