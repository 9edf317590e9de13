# SPDX-License-Identifier: Apache-2.0
"""The board's `auflow live` on a camera of JPEGs, with an executor that is given its answer; runs on armhf under qemu.

    python3 live.py OUT.json INPUT [OPTION...]

Any camera is the folder `camera` of JPEGs, which are decoded as a camera's are. It begins when there is a file `go`,
and has its next picture when the page has the one before, so that no frame is decoded and then dropped. After FIRST +
FRAMES frames the program ends.

Written are the pictures that were made for the page in the last FRAMES and, where the plugin count.c is loaded, the
instructions of all threads. Then the publisher's clock is that of a board whose two cores have done so many: the page
gets as many pictures as there.
"""

from __future__ import annotations

import itertools
import json
import mmap
import os
import signal
import sys
import threading
import time
from pathlib import Path

import board.sources  # first, since it loads OpenCV as the program does

# isort: split
import cv2
import numpy as np
from instructions import CLOCK_MHZ, PER_CYCLE
from known import Known

import board.executors
import board.live.publisher as publisher
from board.bench import FPS, HEIGHT_PX, WIDTH_PX
from board.cli.main import main
from board.live.hub import Hub
from board.observation import Observation
from board.sources import camera
from board.sources.frame import Frame
from board.sources.open_source import is_camera

FIRST, FRAMES = 16, 48
"""Frames before those that are counted, and these."""
TIMEOUT_S = 600.0
"""Longest wait for a frame, which takes seconds on a machine that has other work too."""
PER_S, CORES = CLOCK_MHZ * 1e6 * PER_CYCLE, 2
"""Instructions of one core in a second, and cores."""


class Camera:
    """What cv2.VideoCapture is to a camera that sends JPEGs."""

    ready = threading.Semaphore(1)

    def __init__(self, *_: object) -> None:
        self._pictures = itertools.cycle(np.fromfile(path, np.uint8) for path in sorted(Path("camera").iterdir()))
        self._settings = {
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*camera.JPEG),
            cv2.CAP_PROP_FRAME_WIDTH: WIDTH_PX,
            cv2.CAP_PROP_FRAME_HEIGHT: HEIGHT_PX,
            cv2.CAP_PROP_FPS: FPS,
        }

    def isOpened(self) -> bool:
        return True

    def set(self, name: int, value: float) -> bool:
        return name not in self._settings or self._settings[name] == value

    def get(self, name: int) -> float:
        return self._settings[name]

    def grab(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        while not Path("go").exists():
            time.sleep(0.05)
        self.ready.acquire()
        return True, next(self._pictures)

    def release(self) -> None:
        pass


class Clock:
    """In place of `time` in the publisher: it goes by instructions.

    Args:
        counters: Of all threads.
    """

    def __init__(self, counters: np.ndarray) -> None:
        self._counters, self._begun, self._thread = counters, counters.copy(), -1
        self.frame = threading.Event()

    def perf_counter(self) -> float:
        """Seconds that the threads' work takes the cores."""
        taken = self._counters - self._begun
        return float(max(taken.max(), taken.sum() / CORES)) / PER_S

    def process_time(self) -> float:
        return float(self._counters.sum()) / PER_S

    def thread_time(self) -> float:
        """Of the publisher, the only thread that asks; the first time all others wait."""
        if self._thread < 0:
            before = self._counters.copy()
            sum(range(100_000))
            self._thread = int((self._counters - before).argmax())
        return float(self._counters[self._thread]) / PER_S

    def sleep(self, _: float) -> None:
        """Until the next frame, which takes about as long as the publisher sleeps."""
        self.frame.clear()
        self.frame.wait(1.0)  # after the last one


class Watch:
    """Sees every frame that reaches the page: lets the camera's next one come, and counts."""

    def __init__(self, out: Path, counters: np.ndarray, clock: Clock) -> None:
        self._out, self._counters, self._clock = out, counters, clock
        self._frames = self._before = self._pictures = 0
        self._write, self._encode = Hub.write, publisher.to_jpeg

    def write(self, hub: Hub, frame: Frame, observations: list[Observation]) -> None:
        """In place of Hub.write."""
        self._write(hub, frame, observations)
        self._frames += 1
        self._clock.frame.set()
        Camera.ready.release()
        if self._frames == FIRST:
            self._before, self._pictures = int(self._counters.sum()), 0
        if self._frames == FIRST + FRAMES:
            taken = int(self._counters.sum()) - self._before
            found = {"frames": FRAMES, "pictures": self._pictures, "instructions": taken}
            self._out.write_text(json.dumps(found) + "\n")
            Camera.ready.release(1000)  # nothing shall wait for it any more
            os.kill(os.getpid(), signal.SIGTERM)

    def encode(self, picture: np.ndarray, width: int) -> bytes:
        """In place of to_jpeg."""
        self._pictures += 1
        return self._encode(picture, width)


def threads() -> np.ndarray:
    """The plugin's counters as they are now, always; zeros without it."""
    path = os.environ.get("COUNTS")
    if path is None:
        return np.zeros(1, np.int64)
    with open(path, "rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), np.int64)[:: 64 // 8]


def run(out: Path, given: str, options: list[str]) -> int:
    """Put camera, executor and clock in their places, and run the command."""
    if is_camera(given):
        os.mkfifo(given)
        cv2.VideoCapture, camera.CAMERA_TIMEOUT_S = Camera, TIMEOUT_S
    counters = threads()
    clock = Clock(counters)
    watch = Watch(out, counters, clock)
    Hub.write = lambda *words: watch.write(*words)
    publisher.to_jpeg = watch.encode
    board.executors.EXECUTORS["numpy"] = Known
    if "COUNTS" in os.environ:
        publisher.time = clock
    return main(["live", given, "--deploy", "deploy", "--executor", "numpy", "--port", "0", *options])


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
