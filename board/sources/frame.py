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
        timestamp_s: Its own time in the source, from the first frame on.
        source: Name of the file, or of the video or camera.
        picture: RGB uint8 (H, W, 3), or grey (H, W) where the source was opened without colour; None where it could
            not be decoded.
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
        fps: Frames per second; of an uneven rate the mean.
        count: How many frames are expected; None where nobody knows. A video's header may estimate.
        live: Whether frames come by themselves, and those that nobody takes in time are lost.
        moving: Whether successive frames show the same scene, so that faces can be followed.
        left_out: What was there and is not read, a sentence each.
        fingerprint: Tells this source from another of the same name, and from the same one read with other options.
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
    @property
    def left_out(self) -> list[str]: ...
    @property
    def fingerprint(self) -> str: ...

    def name_of(self, index: int) -> str:
        """`Frame.source` of a frame."""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield frames from an index on."""


def to_rgb(decoded: cv2.typing.MatLike) -> Pixels:
    """A picture as OpenCV decodes it, BGR uint8 (H, W, 3), with its colours in the order RGB."""
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def to_picture(decoded: cv2.typing.MatLike, colour: bool) -> Pixels:
    """A picture as OpenCV decodes it, BGR uint8 (H, W, 3), as RGB, or as exactly the grey (H, W) of that RGB."""
    return to_rgb(decoded) if colour else np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2GRAY), np.uint8)
