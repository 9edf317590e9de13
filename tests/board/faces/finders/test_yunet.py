# SPDX-License-Identifier: Apache-2.0
"""YuNet is decoded as OpenCV's own detector decodes it, on both runtimes, and finds what the cascade does not."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from finders import finder_files, yunet
from scenes import astronaut

from board.deployment import FINDER_MODEL, FINDER_PARAM, FINDER_WEIGHTS
from board.faces.crop import Box, to_grey
from board.faces.find import Face
from board.faces.finders.networks import OUTPUTS, Ncnn, Network, OpenCv
from board.faces.finders.yunet import SIDE_BY_BOX, YuNet, decoded, roll_of, shrunk, square_of, strongest
from board.sources.pictures import read_picture

PHOTOS = "AUFLOW_FACES"
"""Names a folder of portraits, one face each."""


def networks() -> list[Network]:
    """All runtimes that are here."""
    files = finder_files()
    there: list[Network] = [OpenCv(files[FINDER_MODEL])]
    if find_spec("ncnn"):
        there.append(Ncnn(files[FINDER_PARAM], files[FINDER_WEIGHTS]))
    return there


def turned(degrees: float, picture: np.ndarray | None = None) -> np.ndarray:
    """The astronaut, her head turned clockwise."""
    picture = astronaut() if picture is None else picture
    turn = cv2.getRotationMatrix2D((224, 114), -degrees, 1)
    return np.asarray(cv2.warpAffine(picture, turn, (512, 512), borderValue=(90, 90, 90)), np.uint8)


def placed(scale: float, grey: bool = False) -> np.ndarray:
    """A frame of 640x480 with the astronaut in it at a scale; her face has about 100 pixels at 1."""
    small = cv2.resize(astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:440, :600]
    frame = np.full((480, 640, 3), 110, np.uint8)
    frame[30 : 30 + len(small), 20 : 20 + small.shape[1]] = small
    return to_grey(frame) if grey else frame


def group() -> np.ndarray:
    """Five of her in one picture: at three sizes, mirrored, turned, darker."""
    canvas = np.full((900, 1400, 3), 100, np.uint8)
    portrait = astronaut()[20:240, 110:340]
    shapes = [(portrait, 1.0), (portrait[:, ::-1], 0.8), ((portrait * 0.3).astype(np.uint8), 0.6), (portrait, 0.35)]
    for place, (one, scale) in enumerate(shapes):
        small = cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas[60 : 60 + len(small), 40 + 300 * place : 40 + 300 * place + small.shape[1]] = small
    canvas[500:720, 500:730] = turned(30)[20:240, 110:340]
    return canvas


@pytest.mark.skipif(
    tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 8),
    reason="FaceDetectorYN reads this YuNet from OpenCV 4.8 on",
)
@pytest.mark.parametrize("picture", ["one", "tilted", "group", "none"])
def test_it_decodes_as_opencv_does(picture: str) -> None:
    rgb = {"one": astronaut(), "tilted": turned(30), "group": group(), "none": np.full((96, 160, 3), 90, np.uint8)}
    for factor in (1.0, 2.0, 4.0):
        small, _ = shrunk(rgb[picture], factor)
        size = small.shape[1], small.shape[0]
        judge = cv2.FaceDetectorYN.create(str(finder_files()[FINDER_MODEL]), "", size, 0.6, 0.3, 5000)
        _, expected = judge.detect(np.ascontiguousarray(small[..., ::-1]))
        expected = np.empty((0, 15), np.float32) if expected is None else expected
        for network in networks():
            found = strongest(decoded(network, small, 0.6))
            assert len(found) == len(expected), (network.runtime, factor)
            np.testing.assert_allclose(found[:, :14], expected[:, :14], atol=1.0)  # pixels
            np.testing.assert_allclose(found[:, 14], expected[:, 14], atol=1e-3)
    assert picture == "none" or len(expected)


@pytest.mark.skipif(find_spec("ncnn") is None, reason="ncnn is not installed")
@pytest.mark.parametrize("shape", [(128, 160, 3), (128, 160), (160, 96, 3), (64, 64), (512, 640, 3)])
def test_both_runtimes_compute_the_same(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    one, other = (network.run(noise) for network in networks())
    for name in OUTPUTS:
        np.testing.assert_allclose(one(name), other(name), atol=2e-3, err_msg=name)


def test_a_tilted_head_is_found_and_its_roll_told() -> None:
    finder, rolls = yunet(), []
    for degrees in (-60, -45, -30, -15, 0, 15, 30, 45):
        (face,) = finder.search_still(turned(degrees))
        centre = face.box.left + face.box.side / 2, face.box.top + face.box.side / 2
        assert np.hypot(centre[0] - 224, centre[1] - 120) < 25, degrees
        assert 80 < face.box.side < 125, degrees
        rolls.append(face.roll_deg)
    assert all(more > less for less, more in zip(rolls[1:5], rolls[3:7], strict=True)), rolls  # 30 degrees apart
    assert rolls[2] <= -8 and rolls[6] >= 8 and abs(rolls[4]) <= 12
    assert all(roll == round(roll) for roll in rolls)


@pytest.mark.parametrize("gain", [0.5, 0.25, 0.12])
def test_a_dark_face_is_found(gain: float) -> None:
    dark = (astronaut() * gain).astype(np.uint8)
    assert len(yunet().search(dark)) == len(yunet().search_still(dark)) == 1


def test_everybody_in_a_group_is_found() -> None:
    faces = yunet().search_still(group())
    assert len(faces) == 5
    assert [face.face_id for face in faces] == [0, 1, 2, 3, 4]
    sides = [face.box.side for face in faces]
    assert sides == sorted(sides, reverse=True)


@pytest.mark.parametrize(("scale", "grey"), [(0.3, False), (0.4, False), (0.4, True), (0.6, True)])
def test_small_faces_are_found_in_a_still_picture(scale: float, grey: bool) -> None:
    (face,) = yunet().search_still(placed(scale, grey))
    assert abs(face.box.side - 100 * scale) < 12 * max(scale, 0.5)
    assert abs(face.box.left + face.box.side / 2 - 20 - 224 * scale) < 6


def test_a_video_is_searched_more_finely_for_smaller_faces() -> None:
    frame = placed(0.4)  # a face of about 42 pixels
    usual = yunet()
    assert usual.search(frame) == []
    for network in networks():
        (face,) = YuNet(network, least_face_px=30).search(frame)
        assert abs(face.box.left + face.box.side / 2 - 20 - 224 * 0.4) < 6
        assert YuNet(network, least_face_px=60).search_still(frame) == []


def test_a_face_followed_in_grey_takes_a_smaller_search() -> None:
    shapes: list[tuple[int, ...]] = []

    class Watched:
        runtime = "none"

        def run(self, picture: np.ndarray) -> object:
            shapes.append(picture.shape)
            return yunet()._network.run(picture)

    finder, frame = YuNet(Watched()), placed(1.0)  # type: ignore[arg-type]
    assert finder.search(frame, 105) == finder.search(frame)
    for followed_px in (None, 60, 105):
        assert len(finder.search(to_grey(frame), followed_px)) == 1
    assert shapes == [(128, 160, 3), (128, 160, 3), (160, 192), (160, 192), (128, 160)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 700, 3), (700, 1), (31, 33), (32, 160, 3), (3, 2000)])
def test_odd_shapes_are_searched(shape: tuple[int, ...]) -> None:
    assert yunet().search(np.full(shape, 90, np.uint8)) == yunet().search_still(np.full(shape, 90, np.uint8)) == []


def test_a_face_that_fills_the_picture_or_passes_its_edge_is_found() -> None:
    close = astronaut()[50:190, 160:290]
    large = np.asarray(cv2.resize(close, (1300, 1400), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert len(yunet().search_still(large)) == 1
    assert len(yunet().search_still(np.ascontiguousarray(astronaut()[:, 195:]))) == 1  # half of it is out of sight


def test_the_least_confidence_is_kept() -> None:
    network = yunet()._network
    (face,) = yunet().search(astronaut())
    assert YuNet(network, face.confidence + 0.02).search(astronaut()) == []
    assert len(YuNet(network, face.confidence - 0.02).search(astronaut())) == 1


def test_nothing_is_seen_where_no_face_is() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for picture in (noise, noise[..., 0], np.full((480, 640, 3), 90, np.uint8), np.zeros((480, 640), np.uint8)):
        assert yunet().search(picture) == yunet().search_still(picture) == []
        assert yunet().with_roll(picture, Face(0, Box(200, 200, 100), 0.9, 7.0)).roll_deg == 0.0


def test_rows_that_overlap_are_one_face() -> None:
    rows = np.zeros((4, 15), np.float32)
    rows[:, :4] = [(10, 10, 20, 20), (12, 11, 20, 20), (60, 10, 20, 20), (29, 10, 20, 20)]
    rows[:, 14] = [0.7, 0.9, 0.65, 0.8]
    assert [round(float(row[14]), 2) for row in strongest(rows)] == [0.9, 0.8, 0.65]
    assert strongest(rows[:0]).shape == (0, 15)


def test_the_square_and_the_roll_of_a_row() -> None:
    row = np.zeros(15, np.float32)
    row[:4] = (100, 100, 80, 100)
    row[4:14] = (120, 140, 160, 140, 140, 160, 125, 180, 155, 180)  # eyes level, mouth below their middle
    box = square_of(row)
    assert box.side == round(SIDE_BY_BOX * np.sqrt(8000))
    assert abs(box.left + box.side / 2 - 140) <= 0.5 and 148 < box.top + box.side / 2 < 152
    assert roll_of(row) == 0
    lean = cv2.getRotationMatrix2D((140, 160), -20, 1)  # clockwise
    points = row[4:14].reshape(5, 2) @ lean[:, :2].T + lean[:, 2]
    row[4:14] = points.astype(np.float32).ravel()
    assert 18 <= roll_of(row) <= 22
    row[4:14] = (points @ cv2.getRotationMatrix2D((0, 0), -90, 1)[:, :2].T).astype(np.float32).ravel()
    assert roll_of(row) == 60


@pytest.mark.skipif(PHOTOS not in os.environ, reason=f"{PHOTOS} names no folder of portraits")
def test_every_portrait_is_found_once() -> None:
    for path in sorted(Path(os.environ[PHOTOS]).glob("*.jpg")):
        picture = read_picture(path)
        (face,) = yunet().search(picture)
        (still,) = yunet().search_still(picture)
        assert replace(face, box=still.box, confidence=still.confidence, roll_deg=still.roll_deg) == still
