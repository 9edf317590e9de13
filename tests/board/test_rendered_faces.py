# SPDX-License-Identifier: Apache-2.0
"""The faces that come with the program are those that were looked at, and say what they show."""

from __future__ import annotations

import hashlib

import numpy as np

from board.core.facs import AUS
from board.rendered_faces import FILE, rendered_faces

PEOPLE = 20
DIGEST = "fd9924e381f64354a644d8c5a40e9c9b"
"""blake2b-16 of pixels and weights: a README's picture and a build's proof rest on them."""


def test_each_person_is_shown_without_an_au_and_with_each() -> None:
    faces = rendered_faces()
    shown = 1 + len(AUS)
    assert faces.pixels.shape == (PEOPLE * shown, 48, 48) and faces.pixels.dtype == np.uint8
    np.testing.assert_array_equal(faces.identity, np.repeat(np.arange(PEOPLE), shown))
    assert set(AUS) < set(faces.aus) and faces.weights.shape == (len(faces.pixels), len(faces.aus))
    expected = np.zeros((shown, len(faces.aus)), np.float32)
    for row, au in enumerate(AUS, start=1):
        expected[row, faces.aus.index(au)] = 1
    np.testing.assert_array_equal(faces.weights, np.tile(expected, (PEOPLE, 1)))


def test_no_two_are_alike() -> None:
    pixels = rendered_faces().pixels
    assert len({face.tobytes() for face in pixels}) == len(pixels)


def test_they_are_what_they_were_and_small() -> None:
    faces = rendered_faces()
    digest = hashlib.blake2b(faces.pixels.tobytes() + faces.weights.tobytes(), digest_size=16).hexdigest()
    assert digest == DIGEST
    assert FILE.stat().st_size < 700_000
