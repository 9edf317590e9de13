# SPDX-License-Identifier: Apache-2.0
"""Where frames come from: a picture, a folder of pictures, a video, a camera or a numpy array."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from board.faces.load import ARRAYS, PICTURES, read_picture
from board.sources.frame import Frame, Source
from board.sources.video import VideoSource

VIDEOS = (".avi", ".gif", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
PICTURE_FPS = 1.0
"""Rate at which a folder of pictures, or of an array, counts its time."""
CAMERA_TIMEOUT_S = 5.0
"""Longest wait for a camera's next frame."""


class PictureSource:
    """Picture files, each a scene of its own.

    Args:
        files: In the order in which they are read.
        name: Of the file or folder.
    """

    live = False
    moving = False
    fps = PICTURE_FPS

    def __init__(self, files: list[Path], name: str) -> None:
        self.files, self.name, self.count = files, name, len(files)

    def name_of(self, index: int) -> str:
        """The picture's file name, empty beyond the last."""
        return self.files[index].name if index < len(self.files) else ""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every picture; one that cannot be read has none but says why."""
        for index, file in enumerate(self.files[start:], start):
            try:
                picture, error = read_picture(file), ""
            except (ValueError, OSError) as problem:
                picture, error = None, str(problem)
            yield Frame(index, index / self.fps, file.name, picture, error, time.perf_counter())


class ArraySource:
    """A numpy array of pictures.

    Args:
        array: uint8 of shape (N, H, W) or (N, H, W, 3), colours in the order RGB.
        name: What to call it.
        moving: Whether it is a film.
        fps: Frames per second of the film.
    """

    live = False

    def __init__(self, array: np.ndarray, name: str, moving: bool = False, fps: float = PICTURE_FPS) -> None:
        if array.dtype != np.uint8 or array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3):
            raise ValueError(
                f"pictures must be uint8 of shape (N, H, W) or (N, H, W, 3), got {array.dtype} {array.shape} in {name}"
            )
        if 0 in array.shape:
            raise ValueError(f"an array of pictures must hold at least one, got shape {array.shape} in {name}")
        self._array, self.name, self.moving, self.fps = array, name, moving, fps
        self.count = len(array)

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every picture."""
        for index in range(start, len(self._array)):
            picture = self._array[index]
            if picture.ndim == 2:
                picture = np.repeat(picture[..., np.newaxis], 3, axis=2)
            yield Frame(index, index / self.fps, self.name, picture, "", time.perf_counter())


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
        arrived: queue.Queue[tuple[np.ndarray | None, float]] = queue.Queue(1)
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
                yield Frame(index, now - began, self.name, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), "", now)
                index += 1
        finally:
            ended.set()

    def _read(self, arrived: queue.Queue[tuple[np.ndarray | None, float]], ended: threading.Event) -> None:
        """Hand on what the camera delivers, None where it stops."""
        picture: np.ndarray | None = np.empty(0)
        while picture is not None and not ended.is_set():
            done, picture = self._capture.read()
            picture = picture if done else None
            now = time.perf_counter()
            while not ended.is_set():
                try:
                    arrived.put((picture, now), timeout=0.1)
                    break
                except queue.Full:
                    continue
        self._capture.release()


def open_source(spec: str) -> Source:
    """Open what a user named: a picture, a folder, a video, an .npy file, a camera such as /dev/video0 or 0.

    Raises:
        ValueError: It is missing, empty or of no known kind.
        RuntimeError: A camera does not deliver.
    """
    if re.fullmatch(r"\d+|/dev/video\d+", spec) and not Path(spec).is_file():
        return CameraSource(spec)
    path = Path(spec)
    kinds = "a picture, a folder of pictures, a video, an .npy file or a camera such as /dev/video0"
    if not path.exists():
        raise ValueError(f"the input must be {kinds}, got {spec}, which is missing")
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
        if not files:
            raise ValueError(f"a folder of pictures must hold some ({', '.join(PICTURES)}), found none in {path}")
        return PictureSource(files, path.name)
    if path.stat().st_size == 0:
        raise ValueError(f"the input must hold data, got the empty file {path}: copy it again")
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        read_picture(path)  # the only one must be readable
        return PictureSource([path], path.name)
    if suffix in ARRAYS:
        return ArraySource(_read_array(path), path.name)
    if suffix in VIDEOS:
        return VideoSource(path)
    raise ValueError(f"the input must be {kinds}, got {path}: known videos end in {', '.join(VIDEOS)}")


def _read_array(path: Path) -> np.ndarray:
    if path.suffix.lower() != ".npy":
        raise ValueError(f"an array of pictures must be an .npy file, got {path}: save it with numpy.save")
    try:
        return np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, OSError, EOFError):
        raise ValueError(f"a numpy file must hold a plain array, got {path}, which cannot be read") from None
