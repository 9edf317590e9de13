# SPDX-License-Identifier: Apache-2.0
"""A live camera, read by a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from board.sources.frame import Frame, to_rgb

CAMERA_TIMEOUT_S = 5.0
"""Longest wait for a camera's next frame."""


class CameraSource:
    """A live camera.

    Args:
        device: Such as "/dev/video0", or its number.

    Raises:
        RuntimeError: There is no such camera, or it does not deliver.
    """

    live = True
    moving = True
    count = None

    def __init__(self, device: str) -> None:
        self.name = device if device.startswith("/") else f"/dev/video{device}"
        if not Path(self.name).exists():
            found = ", ".join(str(path) for path in sorted(Path("/dev").glob("video*"))) or "none"
            raise RuntimeError(f"a camera must be there, got {self.name}; found {found}: plug one in or name another")
        self._capture = cv2.VideoCapture(self.name)
        if not self._capture.isOpened() or not self._capture.grab():
            self._capture.release()
            raise RuntimeError(f"camera {self.name} must deliver pictures, got none: close what else uses it")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate < 1000 else 30.0

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield frames until nobody asks for more.

        Raises:
            RuntimeError: The camera stops, or delivers nothing for CAMERA_TIMEOUT_S.
        """
        arrived: queue.Queue[tuple[cv2.typing.MatLike | None, float]] = queue.Queue(1)
        ended = threading.Event()
        # a thread of its own, since a driver may never return from a read
        threading.Thread(target=self._read, args=(arrived, ended), name="camera", daemon=True).start()
        began, index = time.perf_counter(), start
        try:
            while True:
                try:
                    picture, now = arrived.get(timeout=CAMERA_TIMEOUT_S)
                except queue.Empty:
                    picture, now = None, 0.0
                if picture is None:
                    raise RuntimeError(
                        f"camera {self.name} must deliver pictures, got none after frame {index - 1}: is it plugged in?"
                    )
                yield Frame(index, now - began, self.name, to_rgb(picture), "", now)
                index += 1
        finally:
            ended.set()

    def _read(self, arrived: queue.Queue[tuple[cv2.typing.MatLike | None, float]], ended: threading.Event) -> None:
        """Hand on what the camera delivers, None where it stops."""
        done = True
        while done and not ended.is_set():
            done, decoded = self._capture.read()
            picture = decoded if done else None
            now = time.perf_counter()
            while not ended.is_set():
                try:
                    arrived.put((picture, now), timeout=0.1)
                    break
                except queue.Full:
                    continue
        self._capture.release()
