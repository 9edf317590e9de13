# SPDX-License-Identifier: Apache-2.0
"""Damaged videos keep every frame in its place, oversized pictures stop no folder, silent cameras end a run."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources import camera
from board.sources.camera import CameraSource
from board.sources.open_source import open_source
from board.sources.video import VideoSource

FRAMES, STEP = 40, 6


def video(path: Path, codec: str) -> Path:
    """Frame i has brightness STEP * i, at 20 frames per second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 20.0, (160, 128))
    if not writer.isOpened():
        pytest.skip(f"this OpenCV writes no {codec} in {path.suffix}")
    for index in range(FRAMES):
        picture = np.full((128, 160, 3), STEP * index, np.uint8)
        cv2.putText(picture, str(index), (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
        writer.write(picture)
    writer.release()
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Where in a file the data of each frame lies."""
    content, at = path.read_bytes(), 0
    places: list[tuple[int, int]] = []
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    while True:
        done, packet = capture.read()
        if not done:
            return places
        data = packet.tobytes()
        at = content.index(data[-64:], at) + 64 - len(data)  # containers strip or add a few bytes at the beginning
        places.append((at, at + len(data)))
        at += len(data)


def erase(path: Path, spans: list[tuple[int, int]]) -> None:
    content = bytearray(path.read_bytes())
    for begin, end in spans:
        content[begin:end] = bytes(end - begin)
    path.write_bytes(content)


def shown(path: Path, start: int = 0) -> dict[int, int | None]:
    """Which frame each index shows, by its brightness; None without a picture."""
    found: dict[int, int | None] = {}
    for frame in VideoSource(path).frames(start):
        assert (frame.picture is None) == (frame.error != "")
        assert frame.timestamp_s == frame.index / 20
        found[frame.index] = None if frame.picture is None else round(float(frame.picture[2:20, 2:20].mean()) / STEP)
    assert list(found) == list(range(start, start + len(found)))
    return found


@pytest.mark.parametrize("name", ["x.avi", "x.mkv"])
@pytest.mark.parametrize("damaged", [[15], [15, 16, 17, 30], [0], [0, 1], [39], [37, 38, 39]], ids=str)
def test_frames_after_a_damaged_one_keep_their_places(tmp_path: Path, name: str, damaged: list[int]) -> None:
    path = video(tmp_path / name, "MJPG")
    places = packet_places(path)
    assert len(places) == FRAMES
    erase(path, [places[index] for index in damaged])
    expected = {index: None if index in damaged else index for index in range(FRAMES)}
    assert shown(path) == expected
    assert shown(path, start=16) == {index: expected[index] for index in range(16, FRAMES)}  # as resumed


def test_frames_after_a_hole_in_the_file_keep_their_places(tmp_path: Path) -> None:
    path = video(tmp_path / "x.mkv", "MJPG")
    places = packet_places(path)
    erase(path, [(places[12][0] - 16, places[14][1])])  # their headers too: the reader goes on somewhere later
    found = shown(path)
    lost = [index for index, picture in found.items() if picture is None]
    assert len(found) == FRAMES and set(lost) >= {12, 13, 14}
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert all(picture in (None, index) for index, picture in found.items())


def test_a_video_of_uneven_rate_is_not_taken_for_a_damaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, even = video(tmp_path / "x.avi", "MJPG"), cv2.VideoCapture

    class Uneven:
        """Every fifth frame comes three times as late as its header's rate has it."""

        def __init__(self, name: str) -> None:
            self._capture, self._late_ms = even(name), 0.0

        def grab(self) -> bool:
            self._late_ms += 100 if self._capture.get(cv2.CAP_PROP_POS_FRAMES) % 5 == 4 else 0
            return self._capture.grab()

        def get(self, key: int) -> float:
            return self._capture.get(key) + (self._late_ms if key == cv2.CAP_PROP_POS_MSEC else 0)

        def __getattr__(self, name: str) -> object:
            return getattr(self._capture, name)

    monkeypatch.setattr(cv2, "VideoCapture", Uneven)
    assert shown(path) == {index: index for index in range(FRAMES)}


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_picture_too_large_for_opencv_is_unreadable_and_the_folder_goes_on(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)  # of 10 GB in 70 bytes
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(huge)
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((64, 64, 3), np.uint8))
    first, second = open_source(str(tmp_path)).frames()
    assert first.picture is None and "a.png" in first.error
    assert second.picture is not None
    with pytest.raises(ValueError, match=r"a\.png"):
        open_source(str(tmp_path / "a.png"))


class Camera:
    """Delivers three pictures after the one that opening takes, then ends or hangs."""

    hangs = False
    released = threading.Event()
    go_on = threading.Event()

    def __init__(self, name: str) -> None:
        self._left = 3

    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        return True

    def get(self, key: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self._left -= 1
        if self._left < 0:
            if self.hangs:
                self.go_on.wait(10)
            return False, None
        return True, np.full((48, 64, 3), (9, 0, 0), np.uint8)

    def release(self) -> None:
        self.released.set()


@pytest.mark.parametrize("hangs", [False, True], ids=["ends", "hangs"])
def test_a_camera_that_delivers_no_more_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    (tmp_path / "video0").touch()
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(camera, "CAMERA_TIMEOUT_S", 0.2)
    monkeypatch.setattr(Camera, "hangs", hangs)
    Camera.released.clear()
    Camera.go_on.clear()
    seen: list[int] = []
    began = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"camera .*video0 must deliver pictures, got none after frame 2"):
        for frame in CameraSource(str(tmp_path / "video0")).frames():
            assert frame.picture is not None and frame.picture[0, 0].tolist() == [0, 0, 9]  # RGB
            seen.append(frame.index)
    assert time.perf_counter() - began < 3
    assert seen == [0, 1, 2]
    Camera.go_on.set()
    assert Camera.released.wait(3)  # given back as soon as its driver returns
