# SPDX-License-Identifier: Apache-2.0
"""Annotated videos and pictures."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from board.core.contract import Contract
from board.core.files import partial_name, write_bytes
from board.observation import Observation
from board.outputs.annotate import SMALLEST_PX, draw
from board.sources.frame import Frame

CODECS = {".mp4": ("mp4v", "avc1"), ".mkv": ("mp4v", "MJPG"), ".avi": ("MJPG",), ".mov": ("mp4v", "avc1")}
"""By suffix, tried in this order: which of them OpenCV can write depends on how it was built."""
UNDECODED = np.full((SMALLEST_PX, SMALLEST_PX * 4 // 3, 3), 40, np.uint8)
"""Stands in a video for a first frame that cannot be decoded."""


class VideoOutput:
    """A video of annotated frames, as large as the first one.

    Args:
        path: The file, whose suffix chooses the container.
        contract: Names the action units.
        fps: Frames per second.

    Raises:
        ValueError: The suffix is none of CODECS.
    """

    def __init__(self, path: Path, contract: Contract, fps: float) -> None:
        if path.suffix.lower() not in CODECS:
            raise ValueError(f"an annotated video must end in {', '.join(CODECS)}, got {path}")
        self.path, self._contract, self._fps = path, contract, fps
        self._partial = partial_name(path)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._written = 0
        self._last = UNDECODED

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Add a frame; one without a picture shows the last one, dimmed."""
        self._last = frame.picture if frame.picture is not None else self._last // 2
        drawn = draw(self._last, observations, self._contract)
        if self._writer is None:
            self._size = drawn.shape[1] // 2 * 2, drawn.shape[0] // 2 * 2  # codecs want even sizes
            self._writer = self._open()
        self._writer.write(cv2.cvtColor(_fitted(drawn, self._size), cv2.COLOR_RGB2BGR))
        self._written += 1

    def close(self) -> None:
        """Finish the video."""
        if self._writer is None:
            return
        self._writer.release()
        check = cv2.VideoCapture(str(self._partial))
        # a full disk goes unsaid and leaves an .avi or .mkv that plays its first frames; only the count betrays it
        whole = check.isOpened() and check.grab() and check.get(cv2.CAP_PROP_FRAME_COUNT) == self._written
        check.release()
        if not whole:
            self._partial.unlink(missing_ok=True)
            raise RuntimeError(
                f"cannot write {self.path}: OpenCV did not write all of its {self._written} frames, is the disk full?"
            )
        try:
            os.replace(self._partial, self.path)
        except OSError as error:
            raise RuntimeError(f"cannot write {self.path}: {error.strerror}") from None

    def abandon(self) -> None:
        """Delete it: a video cannot be continued."""
        if self._writer is not None:
            self._writer.release()
        self._partial.unlink(missing_ok=True)

    def _open(self) -> cv2.VideoWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._partial.write_bytes(b"")  # OpenCV does not say why it cannot
        except OSError as error:
            raise RuntimeError(f"cannot write {self.path}: {error.strerror}") from None
        for codec in CODECS[self.path.suffix.lower()]:
            writer = cv2.VideoWriter(str(self._partial), cv2.VideoWriter.fourcc(*codec), self._fps, self._size)
            if writer.isOpened():
                return writer
        self._partial.unlink(missing_ok=True)
        raise RuntimeError(
            f"OpenCV {cv2.__version__} writes no {self.path.suffix} here: use one of {', '.join(CODECS)}"
        )


class PicturesOutput:
    """An annotated picture for every frame: a folder of them, or a single file.

    Args:
        path: A folder, or the one picture's name.
        contract: Names the action units.
        single: Whether `path` is the picture's name.
    """

    def __init__(self, path: Path, contract: Contract, single: bool) -> None:
        self.path, self._contract, self._single = path, contract, single

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Write the picture of a frame, whole or not at all; a frame without a picture leaves none."""
        if frame.picture is None:
            return
        named = Path(frame.source).stem if frame.source else "frame"
        path = self.path if self._single else self.path / f"{named}_{frame.index + 1:06d}.jpg"
        drawn = cv2.cvtColor(draw(frame.picture, observations, self._contract), cv2.COLOR_RGB2BGR)
        done, content = cv2.imencode(path.suffix.lower(), drawn)
        assert done, "OpenCV writes the suffixes that open_outputs allows"
        write_bytes(path, content.tobytes())

    def close(self) -> None:
        """Every picture is complete already."""

    def abandon(self) -> None:
        """Every picture is complete already."""


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
