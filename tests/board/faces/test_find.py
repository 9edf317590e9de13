# SPDX-License-Identifier: Apache-2.0
"""The picture rule: what is a face already, what is searched, and which squares are one face."""

import numpy as np
import pytest

from board.faces.crop import Box
from board.faces.find import Face, distinct, find_face, find_faces


def never(picture: np.ndarray) -> list[Face]:
    raise AssertionError("nothing is to be searched")


def test_a_picture_of_the_inputs_size_is_a_face_already() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for picture in (noise, noise[..., 0]):
        assert find_faces(picture, never) == [Face(0, Box(0, 0, 48), 1.0)]
        assert find_face(picture, never) == Face(0, Box(0, 0, 48), 1.0)


def test_any_other_is_searched() -> None:
    found = [Face(7, Box(1, 2, 60), 0.5), Face(8, Box(90, 2, 30), 0.9)]
    assert find_faces(np.zeros((99, 99), np.uint8), lambda picture: found) == found
    assert find_face(np.zeros((99, 99), np.uint8), lambda picture: found) == found[0]
    assert find_face(np.zeros((48, 49), np.uint8), lambda picture: []) is None


def test_squares_that_cover_each_other_are_one_face() -> None:
    inside, large, neighbour, straddling = Box(60, 80, 70), Box(40, 40, 120), Box(220, 40, 100), Box(130, 100, 80)
    faces = distinct(Face(0, box, 0.9) for box in (inside, neighbour, straddling, large))
    assert [face.box for face in faces] == [large, neighbour, straddling]
    assert [face.face_id for face in faces] == [0, 1, 2]


@pytest.mark.parametrize("shape", [(48, 48, 1), (9, 9, 4)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture must be uint8 of shape"):
        find_face(np.zeros(shape, np.uint8), never)
