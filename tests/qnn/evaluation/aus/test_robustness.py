# SPDX-License-Identifier: Apache-2.0
"""Damages do to faces what they say, grey and colour ones alike, and what is left is told beside the clean."""

from __future__ import annotations

import numpy as np
import pytest

from qnn.data.example import example_faces
from qnn.evaluation.aus.robustness import DAMAGES, robustness
from qnn.evaluation.aus.statistics import Resampling

FACES = example_faces(3)


@pytest.mark.parametrize("name", DAMAGES)
def test_grey_in_three_channels_is_damaged_as_grey(name: str) -> None:
    """JPEG aside, whose colours are coded apart: it stays near."""
    colour = DAMAGES[name](FACES, np.random.default_rng(0))
    grey = DAMAGES[name](FACES[..., 0], np.random.default_rng(0))
    assert grey.dtype == colour.dtype == np.uint8 and grey.shape == FACES.shape[:3] and colour.shape == FACES.shape
    np.testing.assert_allclose(colour.astype(int), np.repeat(grey[..., np.newaxis], 3, 3).astype(int), atol=8)
    assert not np.array_equal(grey, FACES[..., 0])


def test_damages_have_their_size() -> None:
    flat = np.full((50, 48, 48), 100, np.uint8)
    rng = np.random.default_rng(0)
    assert DAMAGES["noise, sd 15"](flat, rng).std() == pytest.approx(15, rel=0.02)
    assert (DAMAGES["gain 0.25"](flat, rng) == 25).all()
    halves = [DAMAGES[f"{side} covered"](flat, rng) != 100 for side in ("one side", "lower half", "upper half")]
    assert all(half.mean() == 0.5 for half in halves)
    assert halves[0][:, :, 24:].all() and halves[1][:, 24:].all() and halves[2][:, :24].all()
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 48, 24))
    assert DAMAGES["16 px"](stripes, rng)[:, :, 3:-3].std() < 50 < stripes.std()


def test_what_is_left_is_beside_the_clean() -> None:
    active = np.array([[True], [True], [False], [False]])
    half = np.array([[True], [False], [False], [False]])
    left = robustness(active, {"x": half}, active, np.ones((4, 1), bool), Resampling(np.full(4, "one")))
    assert (left["clean"].micro_f1.value, left["clean"].of_clean.value) == (1.0, 1.0)
    assert (left["x"].micro_f1.value, left["x"].of_clean.value) == (2 / 3, 2 / 3)
