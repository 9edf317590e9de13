# SPDX-License-Identifier: Apache-2.0
"""The Haar cascade finds faces in both colour worlds, wherever OpenCV keeps it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import astronaut

from board.faces.crop import Box, to_grey
from board.faces.find import Face
from board.faces.finders import haar
from board.faces.finders.haar import Haar


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_finds_the_astronaut(still: bool, grey: bool) -> None:
    picture = to_grey(astronaut()) if grey else astronaut()
    finder = Haar()
    (face,) = (finder.search_still if still else finder.search)(picture)
    box = face.box
    assert abs(box.left + box.side / 2 - 223) < 12  # between the eyes and the mouth of the portrait
    assert abs(box.top + box.side / 2 - 120) < 16
    assert 90 < box.side < 150
    assert finder.with_roll(picture, face) == face  # which it cannot tell


def test_finds_the_larger_of_two() -> None:
    picture = astronaut()
    small = cv2.resize(picture, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
    pair = np.zeros((512, 512 + small.shape[1], 3), np.uint8)
    pair[: small.shape[0], : small.shape[1]] = small
    pair[:, small.shape[1] :] = picture
    assert Haar().search_still(pair)[0].box.left > small.shape[1]


class Cascade:
    """Finds what it is told."""

    def __init__(self, found: list[tuple[int, int, int]], weights: list[float]) -> None:
        self._found, self._weights = found, weights

    def detectMultiScale3(self, *_: object, **__: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        squares = [(left, top, side, side) for left, top, side in self._found]
        return np.array(squares), np.zeros(len(squares)), np.array(self._weights)


def found_by(monkeypatch: pytest.MonkeyPatch, weights: list[float], least_confidence: float = 0.0) -> list[Face]:
    squares = [(0, 40 * index, 30 - index) for index in range(len(weights))]
    monkeypatch.setattr(haar, "cascade", lambda: Cascade(squares, weights))
    return Haar(least_confidence).search(np.zeros((400, 400), np.uint8))


def test_confidence_rises_with_the_weight_and_stays_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [-2.99, -2.5, -2.0, -1.0, 0.0, 0.5, 4.0, 11.0, 1e6]  # the cascade accepts from about -3 on
    confidences = [face.confidence for face in found_by(monkeypatch, weights)]
    assert confidences == sorted(confidences)
    assert confidences[:5] == [0.0] * 5 and confidences[-1] <= 1


def test_the_least_confidence_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [face.box.top for face in found_by(monkeypatch, [1.0, 2.0, 8.0], 0.5)] == [80, 160]


def test_finds_nothing_in_a_plain_picture_nor_in_a_line() -> None:
    assert Haar().search_still(np.full((480, 640, 3), 90, np.uint8)) == []
    assert Haar().search(np.zeros((1, 300), np.uint8)) == []


def test_the_full_size_finds_what_the_half_overlooks() -> None:
    shrunk = cv2.resize(astronaut(), None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    small = np.asarray(shrunk, np.uint8)  # its face has about 60 pixels
    assert Haar().search(small) == []
    assert [face.box.side for face in Haar().search_still(small)] != []


def test_smaller_faces_are_found_where_they_are_asked_for() -> None:
    small = np.asarray(cv2.resize(astronaut(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    assert Haar().search_still(small) == []
    (face,) = Haar(least_face_px=30).search_still(small)
    assert abs(face.box.left + face.box.side / 2 - 223 * 0.5) < 8 and isinstance(face.box, Box)


def test_cascade_of_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Debian's OpenCV has no cv2.data; its cascades stand in a folder of their own."""
    folder = Path(cv2.data.haarcascades if hasattr(cv2, "data") else haar.DEBIAN_CASCADES)
    (tmp_path / haar.CASCADE).write_bytes((folder / haar.CASCADE).read_bytes())
    monkeypatch.delattr(cv2, "data", raising=False)
    monkeypatch.setattr(haar, "DEBIAN_CASCADES", tmp_path)
    haar.cascade.cache_clear()
    assert Haar().search(astronaut()) != []
    haar.cascade.cache_clear()


def test_no_cascade_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(cv2, "data", raising=False)
    monkeypatch.setattr(haar, "DEBIAN_CASCADES", tmp_path)
    haar.cascade.cache_clear()
    with pytest.raises(RuntimeError, match="install Debian's opencv-data or pip's opencv-python-headless"):
        Haar()
