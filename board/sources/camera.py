# SPDX-License-Identifier: Apache-2.0
"""A live camera, read by a thread of its own and decoded no more than is asked for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.sources.frame import Frame, to_picture, to_rgb
from board.sources.selection import ALL, Selection

CAMERA_TIMEOUT_S = 5.0
"""Longest wait for a camera's next frame."""
SIZE_PX = (640, 480)
MOST_RAW_PIXELS = 640 * 480
"""Of a picture that USB 2 carries uncompressed at 30 frames per second."""
RAW, JPEG, DRIVER = "YUYV", "MJPG", "driver"
PIXEL_FORMATS = ("auto", RAW, JPEG, DRIVER)
"""`driver` leaves the conversion to OpenCV, which knows every format."""
REDUCED = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
}
"""How OpenCV decodes a JPEG at a part of its size, without and with colour."""


class CameraSource:
    """A live camera.

    Args:
        device: Such as "/dev/video0", or its number.
        size: Width and height of its pictures in pixels; a camera that has no such size gives another.
        fps: Frames per second to ask for; the camera's own by default.
        pixel_format: One of PIXEL_FORMATS. "auto" asks for YUYV up to 640x480, whose luminance is the grey picture, and
            for MJPG where the camera does not have it, or above.
        colour: Whether pictures are RGB; else they are grey, the luminance that the camera sends.
        reduce: 1, 2 or 4: give pictures of a half or a quarter of the size, which take less to decode.
        selection: Which frames to yield.

    Attributes:
        pixel_format: What the camera sends: YUYV, MJPG, or "driver" where OpenCV converts it.
        size: Width and height of what it sends.

    Raises:
        ValueError: An argument is none of these.
        RuntimeError: There is no such camera, it has no such format, or it does not deliver.
    """

    live = True
    moving = True
    count = None

    def __init__(
        self,
        device: str,
        size: tuple[int, int] = SIZE_PX,
        fps: float | None = None,
        pixel_format: str = "auto",
        *,
        colour: bool = True,
        reduce: int = 1,
        selection: Selection = ALL,
    ) -> None:
        if pixel_format not in PIXEL_FORMATS:
            raise ValueError(f"a pixel format must be one of {', '.join(PIXEL_FORMATS)}, got {pixel_format!r}")
        if reduce not in REDUCED:
            raise ValueError(f"need reduce of {', '.join(map(str, REDUCED))}, got {reduce}")
        if min(size) < 1:
            raise ValueError(f"need a size of at least 1x1 pixels, got {size[0]}x{size[1]}")
        self.name = self.fingerprint = device if device.startswith("/") else f"/dev/video{device}"
        self.left_out: list[str] = []
        self._colour, self._reduce, self._selection = colour, reduce, selection
        if not Path(self.name).exists():
            found = ", ".join(str(path) for path in sorted(Path("/dev").glob("video*"))) or "none"
            raise RuntimeError(f"a camera must be there, got {self.name}; found {found}: plug one in or name another")
        self._capture = cv2.VideoCapture(self.name, cv2.CAP_V4L2)
        self.pixel_format = self._set(size, fps, pixel_format) if self._capture.isOpened() else DRIVER
        if not self._capture.isOpened() or not self._capture.grab():
            self._capture.release()
            raise RuntimeError(f"camera {self.name} must deliver pictures, got none: close what else uses it")
        if pixel_format not in ("auto", self.pixel_format):
            self._capture.release()
            raise RuntimeError(
                f"camera {self.name} must have the pixel format that is asked for, got {pixel_format} of"
                f" {size[0]}x{size[1]} pixels, which it has not: take another size, or auto"
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 0 < rate < 1000 else 30.0
        self.size = self._size()

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield frames until nobody asks for more; one that arrives damaged has no picture.

        Raises:
            RuntimeError: The camera stops, or delivers nothing for CAMERA_TIMEOUT_S.
        """
        arrived: queue.Queue[tuple[cv2.typing.MatLike | None, float]] = queue.Queue(1)
        ended = threading.Event()
        began, index = time.perf_counter(), start
        # a thread of its own, since a driver may never return from a read
        threading.Thread(target=self._read, args=(arrived, ended), name="camera", daemon=True).start()
        try:
            while True:
                try:
                    sent, now = arrived.get(timeout=CAMERA_TIMEOUT_S)
                except queue.Empty:
                    sent, now = None, 0.0
                if sent is None:
                    raise RuntimeError(
                        f"camera {self.name} must deliver pictures, got none after frame {index - 1}: is it plugged in?"
                    )
                if self._selection.is_over(now - began):
                    return
                if self._selection.takes(index, now - began):
                    picture = self._picture(sent)
                    error = "" if picture is not None else f"frame {index} arrived damaged"
                    yield Frame(index, now - began, self.name, picture, error, now)
                index += 1
        finally:
            ended.set()

    def _set(self, size: tuple[int, int], fps: float | None, pixel_format: str) -> str:
        """Set the camera up, and say which of PIXEL_FORMATS it will send."""
        capture = self._capture
        wanted = (RAW, JPEG) if size[0] * size[1] <= MOST_RAW_PIXELS else (JPEG, RAW)
        for code in wanted if pixel_format == "auto" else (pixel_format,):
            if code != DRIVER:
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            if fps is not None:
                capture.set(cv2.CAP_PROP_FPS, fps)
            if code == DRIVER or int(capture.get(cv2.CAP_PROP_FOURCC)) != cv2.VideoWriter.fourcc(*code):
                continue
            # a camera that would shrink raw pictures may have the size in JPEG
            if (pixel_format == code or self._size() == size) and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0):
                return code
        return DRIVER

    def _size(self) -> tuple[int, int]:
        """Width and height that the camera is set to."""
        capture = self._capture
        return int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))

    def _picture(self, sent: cv2.typing.MatLike) -> Pixels | None:
        """The picture in what the camera sent; None where it is damaged."""
        if self.pixel_format == JPEG:
            decoded = cv2.imdecode(np.ravel(sent), REDUCED[self._reduce][self._colour])
            if decoded is None:
                return None
            return to_rgb(decoded) if self._colour else np.asarray(decoded, np.uint8)
        if self.pixel_format == RAW and self._colour:
            picture = np.asarray(cv2.cvtColor(sent, cv2.COLOR_YUV2RGB_YUYV), np.uint8)
        elif self.pixel_format == RAW:
            picture = np.ascontiguousarray(sent[..., 0], np.uint8)
        else:
            picture = to_picture(sent, self._colour)
        if self._reduce == 1:
            return picture
        part = 1 / self._reduce
        return np.asarray(cv2.resize(picture, None, fx=part, fy=part, interpolation=cv2.INTER_AREA), np.uint8)

    def _read(self, arrived: queue.Queue[tuple[cv2.typing.MatLike | None, float]], ended: threading.Event) -> None:
        """Hand on what the camera delivers, None where it stops."""
        done = True
        while done and not ended.is_set():
            done, sent = self._capture.read()
            now = time.perf_counter()
            while not ended.is_set():
                try:
                    arrived.put((sent if done else None, now), timeout=0.1)
                    break
                except queue.Full:
                    continue
        self._capture.release()
