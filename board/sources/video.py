# SPDX-License-Identifier: Apache-2.0
"""Video files, every frame at its own time, and none that does not decode."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import cv2

from board.sources.fingerprint import fingerprint
from board.sources.frame import Frame, to_picture
from board.sources.selection import ALL, Selection

VIDEOS = (
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".ogv", ".ts", ".webm", ".wmv",
)  # fmt: skip
GIVE_UP = 2000
"""Frames in a row that cannot be decoded, after which a video is at its end: OpenCV fails alike on both."""
USUAL_FPS = 25.0
"""Taken where a file does not tell its rate."""
MOST_FPS = 10_000
"""Of a rate that can be true: some containers give the ticks of their clock for it."""
MOST_S = 1e9
"""Of a time that can be true: a stream without a clock makes some versions of OpenCV overflow."""
PLACES_TOLD = 3
"""Most places that a warning names."""

log = logging.getLogger("auflow.sources")


class VideoSource:
    """A video file.

    A frame's index counts the frames before it, those that cannot be decoded too as far as OpenCV tells them; these
    yield nothing, and a warning names the place. So does one where the file ends before its header says.

    Args:
        path: The file.
        name: What to call it, its file's name by default.
        colour: Whether pictures are RGB; else they are grey.
        selection: Which frames to yield.

    Raises:
        ValueError: OpenCV cannot read it.
    """

    live = False
    moving = True

    def __init__(self, path: Path, name: str = "", *, colour: bool = True, selection: Selection = ALL) -> None:
        self.path, self.name, self._colour, self._selection = path, name or path.name, colour, selection
        self.left_out: list[str] = []
        with _opened(path) as capture:
            if not any(capture.grab() for _ in range(GIVE_UP)):
                raise ValueError(
                    f"a video must be a file that OpenCV decodes, got {path}: convert it, for example with"
                    " `ffmpeg -i IN OUT.mp4`"
                )
            rate, announced = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.fps = rate if 0 < rate <= MOST_FPS else USUAL_FPS
        self._announced = int(announced) if 0 < announced <= path.stat().st_size else None  # a frame has a byte
        self.count = selection.expected(self._announced, self.fps)

    @cached_property
    def fingerprint(self) -> str:
        """Of the file's size, beginning and end, and the options."""
        return fingerprint([self.path], self._colour, self._selection)

    def use_paths(self) -> None:
        """Call it by its path."""
        self.name = str(self.path)

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every frame that decodes, from the file's beginning on, since containers seek inexactly."""
        clock, damage = _Clock(1 / self.fps), _Damage()
        index = failed = 0
        with _opened(self.path) as capture:
            while failed < GIVE_UP:
                if not capture.grab():
                    failed += 1
                    continue
                before_s, time_s = clock.time_s, clock.tell(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                damage.see(before_s, time_s, failed)
                index, failed = index + failed, 0
                if self._selection.is_over(time_s):
                    return
                if index >= start and self._selection.takes(index, time_s):
                    yield self._frame(capture, index, time_s)
                index += 1
        for problem in (damage.places(), self._end(index, clock.time_s or 0.0)):
            if problem:
                log.warning("%s %s", self.name, problem)

    def _frame(self, capture: cv2.VideoCapture, index: int, time_s: float) -> Frame:
        done, decoded = capture.retrieve()
        now = time.perf_counter()
        if not done or decoded is None:
            return Frame(index, time_s, self.name, None, f"frame {index} cannot be decoded", now)
        return Frame(index, time_s, self.name, to_picture(decoded, self._colour), "", now)

    def _end(self, seen: int, last_s: float) -> str:
        """What is wrong with the end of an MP4 or AVI, whose headers count exactly; empty where it is right."""
        announced = self._announced or 0
        with open(self.path, "rb") as file:
            head = file.read(12)
        avi = head[8:12] == b"AVI "
        if seen >= announced or not (avi or head[4:8] == b"ftyp"):
            return ""
        held = self._held()
        least = announced - max(2, announced // 50)  # some headers count one or two more
        if max(held, last_s * self.fps + 1) < least:
            return f"ends at {last_s:.2f} s after {seen} frames, its header announces {announced}: copy it again"
        if avi and held > seen:  # an MP4 that was cut begins with some that are not to be shown
            return f"lacks its last {held - seen} frames: they cannot be decoded"
        return ""

    def _held(self) -> int:
        """Frames in the file, whether they decode and are to be shown or not."""
        count = 0
        with _opened(self.path) as capture:
            capture.set(cv2.CAP_PROP_FORMAT, -1)  # packets as they are
            while capture.grab():
                count += 1
        return count


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    # by its descriptor: OpenCV takes names with % or : for something else, and dies of those that are not UTF-8
    with open(path, "rb") as file:
        capture = cv2.VideoCapture(f"/proc/self/fd/{file.fileno()}", cv2.CAP_FFMPEG)
        try:
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # some versions leave a phone's video on its side
            yield capture
        finally:
            capture.release()


class _Clock:
    """Makes a video's own time of what OpenCV tells of it.

    Args:
        usual_s: From one frame to the next, until the video shows another.
    """

    def __init__(self, usual_s: float) -> None:
        self.time_s: float | None = None
        self._usual_s, self._first_s = usual_s, 0.0

    def tell(self, read_s: float) -> float:
        """Time of the next frame, 0 for the first, never before the last."""
        if abs(read_s) > MOST_S:
            read_s = 0.0
        if self.time_s is None:
            self.time_s, self._first_s = 0.0, read_s
            return 0.0
        time_s = round(read_s - self._first_s, 6)
        if read_s == 0 and time_s <= self.time_s:
            # not told, as by OpenCV 4.5 of the last frames, which its decoder held back; or a clock that starts anew
            time_s = round(self.time_s + self._usual_s, 6)
            self._first_s = -time_s
        elif time_s > self.time_s:
            self._usual_s = time_s - self.time_s
        self.time_s = max(self.time_s, time_s)
        return self.time_s


class _Damage:
    """Places where a video lacks frames, as far as its decoder or an otherwise even rate betrays them."""

    def __init__(self) -> None:
        self._failed: list[tuple[float | None, float]] = []
        self._gaps: list[tuple[float, float]] = []
        self._steps: Counter[int] = Counter()  # in milliseconds

    def see(self, before_s: float | None, time_s: float, failed: int) -> None:
        """Take in a frame's time and that of the one before it, and how many failed in between."""
        if failed:
            self._failed.append((before_s, time_s))
        elif before_s is not None and len(self._gaps) <= PLACES_TOLD:
            step = round(1000 * (time_s - before_s))
            self._steps[step] += 1
            if step > 1.5 * max(self._steps, key=lambda known: self._steps[known]):
                self._gaps.append((before_s, time_s))

    def places(self) -> str:
        """Where frames are lacking; empty where none are, or where the rate is too uneven to know."""
        uneven = len(self._gaps) > PLACES_TOLD
        places = sorted([*self._failed, *([] if uneven else self._gaps)], key=lambda place: place[1])
        if not places:
            return ""
        told = ["at its beginning" if begin is None else f"from {begin:.2f} to {end:.2f} s" for begin, end in places]
        more = f" and in {len(places) - PLACES_TOLD} places more" if len(places) > PLACES_TOLD else ""
        return f"lacks frames {', '.join(told[:PLACES_TOLD])}{more}"
