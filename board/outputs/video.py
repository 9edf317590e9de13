# SPDX-License-Identifier: Apache-2.0
"""Annotated videos."""

from __future__ import annotations

import logging
import math
import os
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.contract import Contract
from board.core.files import check_writable, partial_name, unwritable
from board.core.lock import lock_name, locked
from board.observation import Observation
from board.outputs.annotate import SMALLEST_PX, draw
from board.outputs.sound import add_sound
from board.sources.frame import Frame

CODECS = {".mp4": ("mp4v", "avc1"), ".mkv": ("mp4v", "MJPG"), ".avi": ("MJPG",), ".mov": ("mp4v", "avc1")}
"""By suffix, tried in this order: which of them OpenCV can write depends on how it was built."""
STANDSTILL_S = 600.0
"""Longest time for which one frame is shown: a damaged clock must not fill the disk."""
SMOOTH_FPS = 24.0
LOG = logging.getLogger("auflow.outputs")
UNDECODED = np.full((SMALLEST_PX, SMALLEST_PX * 4 // 3, 3), 40, np.uint8)
"""Stands in a video for a first frame that cannot be decoded."""


class VideoOutput:
    """A video of annotated frames, as large as the first one, at a constant rate.

    Every frame is shown from its own time to the next one's, to the nearest step of the rate: a frame of a source that
    is slower or pauses is repeated, one that shares its step with the next is left out.

    Args:
        path: The file, whose suffix chooses the container.
        contract: Names the action units.
        fps: Frames per second.
        original: The video file that the frames come from: its sound is kept, as far as ffmpeg can.

    Raises:
        ValueError: The suffix is none of CODECS.
        RuntimeError: The folder cannot be written, or another process writes the video.
    """

    def __init__(self, path: Path, contract: Contract, fps: float, original: Path | None = None) -> None:
        if path.suffix.lower() not in CODECS:
            raise ValueError(f"an annotated video must end in {', '.join(CODECS)}, got {path}")
        if not str(path).isprintable():  # OpenCV crashes on it
            raise ValueError(f"the name of an annotated video must be plain UTF-8, got {path}: name another")
        self.path, self._contract, self._fps, self._original = path, contract, fps, original
        self._partial = partial_name(path)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._written = 0
        self._last: Pixels = UNDECODED
        self._shown: cv2.typing.MatLike = UNDECODED
        self._first_s = self._latest_s = self._passed_s = 0.0
        check_writable(path.parent)
        self._held = ExitStack()
        self._held.enter_context(locked(lock_name(path), f"the annotated video {path}"))

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Add a frame; one without a picture shows the last one, dimmed."""
        self._last = frame.picture if frame.picture is not None else self._last // 2
        drawn = draw(self._last, observations, self._contract)
        if self._writer is None:
            self._size = drawn.shape[1] // 2 * 2, drawn.shape[0] // 2 * 2  # codecs want even sizes
            self._writer = self._open()
            self._first_s = self._latest_s = frame.timestamp_s
        self._passed_s += min(max(0.0, frame.timestamp_s - self._latest_s), STANDSTILL_S)
        self._latest_s = frame.timestamp_s
        due = round(self._passed_s * self._fps)
        while self._written < due:
            self._add(self._shown)
        self._shown = cv2.cvtColor(_fitted(drawn, self._size), cv2.COLOR_RGB2BGR)
        if self._written == due:
            self._add(self._shown)

    def close(self) -> None:
        """Finish the video."""
        try:
            if self._writer is not None:
                self._finish(self._writer)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Delete it, if it is not finished: a video cannot be continued."""
        if self._writer is not None:
            self._writer.release()
        self._partial.unlink(missing_ok=True)
        self._held.close()

    def _add(self, picture: cv2.typing.MatLike) -> None:
        assert self._writer is not None, "opened with the first frame"
        self._writer.write(picture)
        self._written += 1

    def _finish(self, writer: cv2.VideoWriter) -> None:
        writer.release()
        check = cv2.VideoCapture(str(self._partial))
        # a full disk goes unsaid and leaves an .avi or .mkv that plays its first frames; only the count betrays it
        whole = check.isOpened() and check.grab() and check.get(cv2.CAP_PROP_FRAME_COUNT) == self._written
        check.release()
        if not whole:
            raise RuntimeError(
                f"cannot write {self.path}: OpenCV did not write all of its {self._written} frames, is the disk full?"
            )
        sounding = self._partial.with_name(f".sound{self._partial.name}")
        try:
            if self._original is not None:
                seconds = self._written / self._fps
                lacking = add_sound(self._partial, self._original, self._first_s, seconds, sounding)
                if lacking:
                    LOG.warning("the sound of %s is left out of %s: %s", self._original, self.path, lacking)
            os.replace(sounding if sounding.exists() else self._partial, self.path)
        except OSError as error:
            raise unwritable(self.path, error) from None
        finally:
            sounding.unlink(missing_ok=True)

    def _open(self) -> cv2.VideoWriter:
        for codec in CODECS[self.path.suffix.lower()]:
            writer = cv2.VideoWriter(str(self._partial), cv2.VideoWriter.fourcc(*codec), self._fps, self._size)
            if writer.isOpened():
                return writer
        self._partial.unlink(missing_ok=True)
        raise RuntimeError(
            f"OpenCV {cv2.__version__} writes no {self.path.suffix} here: use one of {', '.join(CODECS)}"
        )


def smooth(fps: float) -> float:
    """A multiple of a rate from SMOOTH_FPS on: a video of uneven rate is in places faster than its mean rate."""
    return fps * math.ceil(SMOOTH_FPS / fps) if fps < SMOOTH_FPS else fps


def _fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture scaled into (width, height), its proportions kept, what is left over dark."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    scale = min(size[0] / width, size[1] / height)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[: size[1], : size[0]]
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas
