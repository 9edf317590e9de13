# SPDX-License-Identifier: Apache-2.0
"""Faces are found in both colour worlds, by one rule."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import astronaut

from board.faces import find
from board.faces.crop import Box, to_grey
from board.faces.find import Face, find_face, find_faces, search_faces


@pytest.mark.parametrize("scale", [0.5, 1.0])
@pytest.mark.parametrize("grey", [False, True])
def test_finds_the_astronaut(scale: float, grey: bool) -> None:
    picture = astronaut()
    (face,) = search_faces(to_grey(picture) if grey else picture, scale)
    box = face.box
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


def found_by(monkeypatch: pytest.MonkeyPatch, found: list[tuple[int, int, int]], weights: list[float]) -> list[Face]:
    monkeypatch.setattr(find, "_cascade", lambda: Cascade(found, weights))
    return search_faces(np.zeros((400, 400), np.uint8), scale=1.0)


def test_squares_that_cover_each_other_are_one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, large, neighbour, straddling = (60, 80, 70), (40, 40, 120), (220, 40, 100), (130, 100, 80)
    seen = found_by(monkeypatch, [inside, neighbour, straddling, large], [9.0, 4.0, 4.0, 5.0])
    assert [face.box for face in seen] == [Box(*large), Box(*neighbour), Box(*straddling)]
    assert [face.face_id for face in seen] == [0, 1, 2]


def test_confidence_rises_with_the_weight_and_stays_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [-2.99, -2.5, -2.0, -1.0, 0.0, 0.5, 4.0, 11.0, 1e6]  # the cascade accepts from about -3 on
    squares = [(0, 40 * index, 30 - index) for index in range(len(weights))]
    confidences = [face.confidence for face in found_by(monkeypatch, squares, weights)]
    assert confidences == sorted(confidences)
    assert confidences[:5] == [0.0] * 5 and confidences[-1] <= 1


def test_finds_nothing_in_a_plain_picture() -> None:
    assert find_face(np.full((480, 640, 3), 90, np.uint8)) is None


def test_a_picture_of_the_inputs_size_is_a_face_already() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)

    def never(picture: np.ndarray) -> list[Face]:
        raise AssertionError("nothing is to be searched")

    for picture in (noise, noise[..., 0]):
        assert find_faces(picture) == find_faces(picture, never) == [Face(0, Box(0, 0, 48), 1.0)]
        assert find_face(picture) == Box(0, 0, 48)


def test_the_full_size_finds_what_the_half_overlooks() -> None:
    shrunk = cv2.resize(astronaut(), None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    small = np.asarray(shrunk, np.uint8)  # its face has about 60 pixels
    assert search_faces(small, 0.5) == []
    assert find_faces(small) == search_faces(small, 1.0) != []


def test_another_search_takes_the_place_of_the_usual_one() -> None:
    found = [Face(7, Box(1, 2, 60), 0.5)]
    assert find_faces(np.zeros((99, 99), np.uint8), lambda picture: found) == found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: search_faces(np.zeros((9, 9), np.uint8), scale=0.0), "need 0 < scale <= 1, got 0.0"),
        (lambda: find_faces(np.zeros((48, 48, 1), np.uint8)), "got uint8 \\(48, 48, 1\\)"),
        (lambda: find_face(np.zeros((9, 9, 4), np.uint8)), "got uint8 \\(9, 9, 4\\)"),
    ],
)
def test_bad_arguments(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()


def cascade() -> Path:
    """The cascade of this machine's OpenCV."""
    return Path(cv2.data.haarcascades if hasattr(cv2, "data") else find.DEBIAN_CASCADES) / find.CASCADE


def test_cascade_of_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Debian's OpenCV has no cv2.data; its cascades stand in a folder of their own."""
    (tmp_path / find.CASCADE).write_bytes(cascade().read_bytes())
    monkeypatch.delattr(cv2, "data", raising=False)
    monkeypatch.setattr(find, "DEBIAN_CASCADES", tmp_path)
    find._cascade.cache_clear()
    assert find_face(astronaut()) is not None
    find._cascade.cache_clear()


def test_no_cascade_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(cv2, "data", raising=False)
    monkeypatch.setattr(find, "DEBIAN_CASCADES", tmp_path)
    find._cascade.cache_clear()
    with pytest.raises(RuntimeError, match="install Debian's opencv-data or pip's opencv-python-headless"):
        find_face(astronaut())
