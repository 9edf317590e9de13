# SPDX-License-Identifier: Apache-2.0
"""Cameras are set up for what is least to decode, give what OpenCV's own conversion gives, and end when silent."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from functools import cache
from itertools import islice
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from board.sources import camera
from board.sources.camera import CameraSource
from board.sources.open_source import open_source
from board.sources.selection import Selection

YUYV, MJPG = (cv2.VideoWriter.fourcc(*code) for code in ("YUYV", "MJPG"))


@cache
def scene(size: tuple[int, int]) -> np.ndarray:
    """A picture with soft colours, BGR, of a width and height."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2).astype(np.uint8)


@cache
def jpeg(size: tuple[int, int]) -> np.ndarray:
    """The scene as a JPEG's bytes."""
    return cv2.imencode(".jpg", scene(size))[1].ravel()


@cache
def yuyv(size: tuple[int, int]) -> np.ndarray:
    """The scene as a camera sends it raw, (H, W, 2): luminance, and blue and red in turn."""
    bgr = scene(size)
    planes = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    height, width = bgr.shape[:2]
    blue, red = (plane.reshape(height // 2, width // 2) for plane in np.split(planes[height:].ravel(), 2))
    chroma = np.empty((height, width), np.uint8)
    chroma[:, 0::2], chroma[:, 1::2] = blue.repeat(2, axis=0), red.repeat(2, axis=0)
    return np.dstack([planes[:height], chroma])


class Camera:
    """A V4L2 camera as OpenCV has it: formats with their sizes, and pictures converted unless told otherwise.

    Delivers `left` pictures after the one that opening takes, then ends or hangs.
    """

    formats: ClassVar[dict[int, list[tuple[int, int]]]] = {MJPG: [(640, 480)]}
    left, damaged = 3, -1
    hangs = False
    released = threading.Event()
    go_on = threading.Event()

    def __init__(self, name: str, backend: int) -> None:
        assert backend == cv2.CAP_V4L2
        self._left, self._code, self._size, self._rgb, self._fps = self.left, MJPG, (640, 480), 1.0, 30.0
        self._asked = [640, 480]

    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        return True

    def set(self, key: int, value: float) -> bool:
        if key == cv2.CAP_PROP_FOURCC and int(value) in self.formats:
            self._code = int(value)
        elif key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            self._asked[key - cv2.CAP_PROP_FRAME_WIDTH] = int(value)
        elif key == cv2.CAP_PROP_CONVERT_RGB:
            self._rgb = value
        elif key == cv2.CAP_PROP_FPS:
            self._fps = value
        sizes = self.formats[self._code]
        self._size = min(sizes, key=lambda size: abs(size[0] - self._asked[0]) + abs(size[1] - self._asked[1]))
        return True

    def get(self, key: int) -> float:
        values = {cv2.CAP_PROP_FOURCC: self._code, cv2.CAP_PROP_FPS: self._fps}
        sizes = {cv2.CAP_PROP_FRAME_WIDTH: self._size[0], cv2.CAP_PROP_FRAME_HEIGHT: self._size[1]}
        return float({**values, **sizes}[key])

    def read(self) -> tuple[bool, np.ndarray | None]:
        self._left -= 1
        if self._left < 0:
            if self.hangs:
                self.go_on.wait(10)
            return False, None
        if self._code == YUYV:
            raw = yuyv(self._size)
            return True, cv2.cvtColor(raw, cv2.COLOR_YUV2BGR_YUYV) if self._rgb else raw
        coded = jpeg(self._size)
        if self._rgb:
            return True, cv2.imdecode(coded, cv2.IMREAD_COLOR)
        if self._left == self.damaged:
            coded = np.zeros_like(coded)
        return True, np.concatenate([coded, np.zeros(99, np.uint8)])[np.newaxis]  # a buffer is longer than its JPEG

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "video0").touch()
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    Camera.released.clear()
    Camera.go_on.clear()
    return str(tmp_path / "video0")


def first(source: CameraSource) -> np.ndarray:
    (frame,) = islice(source.frames(), 1)
    assert frame.picture is not None
    return frame.picture


def test_raw_pictures_are_taken_where_the_camera_has_them(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Camera, "formats", {MJPG: [(640, 480)], YUYV: [(640, 480)]})
    raw = yuyv((640, 480))
    source = CameraSource(device, colour=False)
    assert (source.pixel_format, source.size, source.fps) == ("YUYV", (640, 480), 30.0)
    np.testing.assert_array_equal(first(source), cv2.cvtColor(raw, cv2.COLOR_YUV2GRAY_YUYV))
    np.testing.assert_array_equal(first(CameraSource(device)), cv2.cvtColor(raw, cv2.COLOR_YUV2RGB_YUYV))
    half = cv2.resize(raw[..., 0], (320, 240), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(first(CameraSource(device, colour=False, reduce=2)), half)


@pytest.mark.parametrize("reduce", [1, 2, 4])
def test_jpegs_are_decoded_no_further_than_asked(device: str, reduce: int) -> None:
    coded = jpeg((640, 480))
    kinds = {1: "", 2: "REDUCED_", 4: "REDUCED_"}[reduce]
    part = "" if reduce == 1 else f"_{reduce}"
    grey = cv2.imdecode(coded, getattr(cv2, f"IMREAD_{kinds}GRAYSCALE{part}"))
    colour = cv2.imdecode(coded, getattr(cv2, f"IMREAD_{kinds}COLOR{part}"))
    source = CameraSource(device, colour=False, reduce=reduce)
    assert source.pixel_format == "MJPG"
    assert grey.shape == (480 // reduce, 640 // reduce)
    np.testing.assert_array_equal(first(source), grey)
    np.testing.assert_array_equal(first(CameraSource(device, reduce=reduce)), colour[..., ::-1])


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_the_luminance_of_raw_pictures_is_ffmpegs(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Camera, "formats", {MJPG: [(640, 480)], YUYV: [(640, 480)]})
    words = "ffmpeg -v error -f rawvideo -pix_fmt yuyv422 -s 640x480 -i - -vf extractplanes=y -f rawvideo -"
    done = subprocess.run(words.split(), input=yuyv((640, 480)).tobytes(), capture_output=True, check=True)
    plane = np.frombuffer(done.stdout, np.uint8).reshape(480, 640)
    np.testing.assert_array_equal(first(CameraSource(device, colour=False)), plane)


@pytest.mark.parametrize(
    ("formats", "size", "taken"),
    [
        ({MJPG: [(640, 480)], YUYV: [(320, 240)]}, (640, 480), "MJPG"),  # the size only in JPEG
        ({MJPG: [(1280, 720)], YUYV: [(1280, 720)]}, (1280, 720), "MJPG"),  # too large for raw at a good rate
        ({MJPG: [(640, 480)], YUYV: [(1280, 720)]}, (1280, 720), "YUYV"),
        ({MJPG: [(160, 120)], YUYV: [(320, 240)]}, (640, 480), "driver"),  # the size in none
    ],
)
def test_auto_takes_the_format_that_has_the_size(
    device: str,
    monkeypatch: pytest.MonkeyPatch,
    formats: dict[int, list[tuple[int, int]]],
    size: tuple[int, int],
    taken: str,
) -> None:
    monkeypatch.setattr(Camera, "formats", formats)
    source = CameraSource(device, size, 15.0, colour=False)
    assert (source.pixel_format, source.fps) == (taken, 15.0)
    assert first(source).shape == source.size[::-1]
    assert (source.size == size) == (taken != "driver")


def test_the_drivers_conversion_gives_rgb(device: str) -> None:
    source = CameraSource(device, pixel_format="driver")
    coded = jpeg((640, 480))
    assert source.pixel_format == "driver"
    np.testing.assert_array_equal(first(source), cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])


def test_what_a_camera_cannot_is_refused(device: str) -> None:
    with pytest.raises(RuntimeError, match="must have the pixel format that is asked for, got YUYV of 640x480"):
        CameraSource(device, pixel_format="YUYV")
    assert Camera.released.is_set()
    with pytest.raises(ValueError, match="a pixel format must be one of auto, YUYV, MJPG, driver, got 'RGB3'"):
        CameraSource(device, pixel_format="RGB3")
    with pytest.raises(ValueError, match="need reduce of 1, 2, 4, got 3"):
        CameraSource(device, reduce=3)
    with pytest.raises(ValueError, match="need a size of at least 1x1 pixels, got 0x480"):
        CameraSource(device, (0, 480))


def test_a_damaged_jpeg_has_no_picture_and_the_next_has(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Camera, "damaged", 1)
    one, two, three = islice(CameraSource(device, colour=False).frames(), 3)
    assert one.picture is not None and three.picture is not None
    assert two.picture is None and two.error == "frame 1 arrived damaged"


def test_a_part_of_a_camera(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Camera, "left", 50)
    source = CameraSource(device, selection=Selection(every=3))
    assert [frame.index for frame in islice(source.frames(), 3)] == [0, 3, 6]
    assert list(CameraSource(device, selection=Selection(end_s=1e-9)).frames()) == []


@pytest.mark.parametrize("hangs", [False, True], ids=["ends", "hangs"])
def test_a_camera_that_delivers_no_more_ends_the_run(device: str, monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    jpeg((640, 480))  # made beforehand: on a slow machine it takes longer than the camera may
    monkeypatch.setattr(camera, "CAMERA_TIMEOUT_S", 0.2)
    monkeypatch.setattr(Camera, "hangs", hangs)
    seen: list[int] = []
    began = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"camera .*video0 must deliver pictures, got none after frame 2"):
        for frame in CameraSource(device).frames():
            assert frame.picture is not None
            seen.append(frame.index)
    assert time.perf_counter() - began < 3
    assert seen == [0, 1, 2]
    Camera.go_on.set()
    assert Camera.released.wait(3)  # given back as soon as its driver returns


@pytest.mark.parametrize("spec", ["/dev/video77", "77"])
def test_a_camera_that_is_not_there_is_named(spec: str) -> None:
    with pytest.raises(RuntimeError, match=r"a camera must be there, got /dev/video77; found .*: plug one in"):
        open_source(spec)
