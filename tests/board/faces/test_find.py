# SPDX-License-Identifier: Apache-2.0
"""Faces are found in both colour worlds and cut by the contract's rules."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import astronaut

from board.faces import find as face
from board.faces.find import Box, Detection, cut_face, find_face, find_faces, to_input


@pytest.mark.parametrize("scale", [0.5, 1.0])
@pytest.mark.parametrize("grey", [False, True])
def test_finds_the_astronaut(scale: float, grey: bool) -> None:
    picture = astronaut()
    box = find_face(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if grey else picture, scale)
    assert box is not None
    assert abs(box.left + box.side / 2 - 223) < 12  # between the eyes and the mouth of the portrait
    assert abs(box.top + box.side / 2 - 120) < 16
    assert 90 < box.side < 150


def test_finds_the_larger_of_two() -> None:
    picture = astronaut()
    small = cv2.resize(picture, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
    pair = np.zeros((512, 512 + small.shape[1], 3), np.uint8)
    pair[: small.shape[0], : small.shape[1]] = small
    pair[:, small.shape[1] :] = picture
    box = find_face(pair)
    assert box is not None and box.left > small.shape[1]


class Cascade:
    """Finds what it is told."""

    def __init__(self, found: list[tuple[int, int, int]], weights: list[float]) -> None:
        self._found, self._weights = found, weights

    def detectMultiScale3(self, *_: object, **__: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        squares = [(left, top, side, side) for left, top, side in self._found]
        return np.array(squares), np.zeros(len(squares)), np.array(self._weights)


def found_by(
    monkeypatch: pytest.MonkeyPatch, found: list[tuple[int, int, int]], weights: list[float]
) -> list[Detection]:
    monkeypatch.setattr(face, "_cascade", lambda: Cascade(found, weights))
    return find_faces(np.zeros((400, 400), np.uint8), scale=1.0)


def test_squares_that_cover_each_other_are_one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, large, neighbour, straddling = (60, 80, 70), (40, 40, 120), (220, 40, 100), (130, 100, 80)
    seen = found_by(monkeypatch, [inside, neighbour, straddling, large], [9.0, 4.0, 4.0, 5.0])
    assert [detection.box for detection in seen] == [Box(*large), Box(*neighbour), Box(*straddling)]
    assert find_face(np.zeros((400, 400), np.uint8), scale=1.0) == Box(*large)  # as without the others


def test_confidence_rises_with_the_weight_and_stays_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [-2.99, -2.5, -2.0, -1.0, 0.0, 0.5, 4.0, 11.0, 1e6]  # the cascade accepts from about -3 on
    squares = [(0, 40 * index, 30 - index) for index in range(len(weights))]
    confidences = [detection.confidence for detection in found_by(monkeypatch, squares, weights)]
    assert confidences == sorted(confidences)
    assert confidences[:5] == [0.0] * 5 and confidences[-1] <= 1


def test_finds_nothing_in_a_plain_picture() -> None:
    assert find_face(np.full((480, 640, 3), 90, np.uint8)) is None


def test_grey_in_three_channels_stays_as_it_is() -> None:
    ramp = np.resize(np.arange(256, dtype=np.uint8), (48, 48))
    three = np.repeat(ramp[..., np.newaxis], 3, axis=2)
    for colour in face.COLOURS:
        np.testing.assert_array_equal(to_input(ramp, colour), three)
        np.testing.assert_array_equal(to_input(three, colour), three)


def test_colour_rules_differ_on_colours() -> None:
    picture = astronaut()
    box = Box(165, 65, 112)
    rgb, grey = cut_face(picture, box, colour="rgb"), cut_face(picture, box, colour="grey")
    assert rgb.shape == grey.shape == (48, 48, 3)
    assert (rgb[..., 0] != rgb[..., 2]).any()
    assert (grey[..., 0] == grey[..., 2]).all() and (grey[..., 0] == grey[..., 1]).all()


def test_margin_takes_exactly_its_share_more() -> None:
    picture = np.zeros((200, 200), np.uint8)
    picture[50:146, 50:146] = 200  # a face of 96 pixels
    box = Box(50, 50, 96)
    assert (cut_face(picture, box) == 200).all()
    wide = cut_face(picture, box, margin=0.5)  # 192 pixels to 48: a quarter each
    assert (wide[12:36, 12:36] == 200).all()
    assert (wide[:12] == 0).all() and (wide[36:] == 0).all()


def test_margin_beyond_the_picture_repeats_its_edge() -> None:
    picture = np.full((48, 48), 7, np.uint8)
    assert (cut_face(picture, Box(0, 0, 48), margin=1.0) == 7).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_face(np.zeros((9, 9), np.uint8), scale=0.0), "need 0 < scale <= 1, got 0.0"),
        (lambda: cut_face(np.zeros((9, 9), np.uint8), Box(0, 0, 9), margin=-0.5), "need -0.5 < margin <= 1"),
        (lambda: to_input(np.zeros((48, 48), np.uint8), "bgr"), "must be one of grey, rgb, got 'bgr'"),
        (lambda: to_input(np.zeros((48, 48)), "grey"), "got float64 \\(48, 48\\)"),
        (lambda: find_face(np.zeros((9, 9, 4), np.uint8)), "got uint8 \\(9, 9, 4\\)"),
    ],
)
def test_bad_arguments(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


def test_cascade_of_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Debian's OpenCV has no cv2.data; its cascades stand in a folder of their own."""
    (tmp_path / face.CASCADE).write_bytes((Path(cv2.data.haarcascades) / face.CASCADE).read_bytes())  # type: ignore[attr-defined]
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setattr(face, "DEBIAN_CASCADES", tmp_path)
    face._cascade.cache_clear()
    assert find_face(astronaut()) is not None
    face._cascade.cache_clear()


def test_no_cascade_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setattr(face, "DEBIAN_CASCADES", tmp_path)
    face._cascade.cache_clear()
    with pytest.raises(RuntimeError, match="install Debian's opencv-data or pip's opencv-python-headless"):
        find_face(astronaut())
