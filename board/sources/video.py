# SPDX-License-Identifier: Apache-2.0
"""Video files, every frame at its own place even where some cannot be decoded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import cv2

from board.sources.frame import Frame, to_rgb

VIDEOS = (".avi", ".gif", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
GIVE_UP = 100
"""Frames in a row that cannot be decoded, after which a video is at its end: OpenCV fails alike on both."""


class VideoSource:
    """A video file.

    Args:
        path: The file.

    Raises:
        ValueError: OpenCV cannot read it.
    """

    live = False
    moving = True

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, path.name
        capture = self._open()
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate < 1000 else 25.0
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = announced if announced > 0 else None
        capture.release()

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every frame, decoding from the beginning, since containers seek inexactly.

        A frame that cannot be decoded, or that damage took out of the file, has no picture, and those after it keep
        their places. A file that ends early by more than its header may be wrong yields one last frame that says so.
        """
        capture, index, failed, holes, shown_ms = self._open(), 0, 0, 0, 0.0
        try:
            while failed < GIVE_UP:
                if not capture.grab():
                    failed += 1
                    continue
                now_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                passed = round((now_ms - shown_ms) * self.fps / 1000) - 1 if index else 0
                # a video of uneven rate has such gaps too, but lacks nothing
                if passed > failed and passed - failed <= self._lacking - holes:
                    holes += passed - failed
                    failed = passed
                yield from self._undecoded(max(start, index), index + failed)
                index, failed, shown_ms = index + failed, 0, now_ms
                if index >= start:
                    yield self._frame(capture, index)
                index += 1
        finally:
            capture.release()
        if self.count is None or index >= self.count:
            return
        end = max(index, self._held + holes)
        yield from self._undecoded(max(start, index), end)
        if end < self.count - max(2, self.count // 50):  # many headers only estimate
            error = f"the video ends at frame {end}, its header announces {self.count}: copy it again"
            yield Frame(end, end / self.fps, self.name, None, error, time.perf_counter())

    @cached_property
    def _held(self) -> int:
        """Frames that the file holds, decodable or not."""
        capture, count = cv2.VideoCapture(str(self._path)), 0
        capture.set(cv2.CAP_PROP_FORMAT, -1)  # packets as they are
        while capture.grab():
            count += 1
        capture.release()
        return count

    @property
    def _lacking(self) -> int:
        """Frames that the header announces and the file does not hold."""
        return max(0, (self.count or 0) - self._held)

    def _undecoded(self, start: int, end: int) -> Iterator[Frame]:
        for index in range(start, end):
            yield Frame(index, index / self.fps, self.name, None, _why(index), time.perf_counter())

    def _frame(self, capture: cv2.VideoCapture, index: int) -> Frame:
        done, picture = capture.retrieve()
        now = time.perf_counter()
        if not done or picture is None:
            return Frame(index, index / self.fps, self.name, None, _why(index), now)
        return Frame(index, index / self.fps, self.name, to_rgb(picture), "", now)

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened() or not any(capture.grab() for _ in range(GIVE_UP)):
            capture.release()
            raise ValueError(
                f"a video must be a file that OpenCV decodes, got {self._path}: convert it, for example with"
                " `ffmpeg -i IN OUT.mp4`"
            )
        capture.release()
        return cv2.VideoCapture(str(self._path))  # from its first frame again


def _why(index: int) -> str:
    return f"frame {index} cannot be decoded"
