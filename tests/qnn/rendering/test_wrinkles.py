# SPDX-License-Identifier: Apache-2.0
"""Folds: every AU's are there, at its place in the face, and on the half that moves."""

from __future__ import annotations

import numpy as np
import pytest

from qnn.rendering.actions import AUS
from qnn.rendering.chart import MIDDLE, Z, ramp
from qnn.rendering.expressions import only
from qnn.rendering.wrinkles import FOLDS, VARIANTS, folds, height_map

DEPTHS = dict.fromkeys(folds(0), 1.0)
REST = np.zeros(len(AUS))


def test_every_fold_is_drawn_by_an_au_or_stays_at_rest() -> None:
    assert set(FOLDS) == set(AUS)
    assert {name for drawn in FOLDS.values() for name in drawn} | {"bags"} == set(folds(0))


def test_skin_at_rest_is_smooth() -> None:
    assert not height_map(REST, REST, DEPTHS, {}, 0).any()
    assert height_map(REST, REST, DEPTHS, {"crow": 0.5}, 0).any()


@pytest.mark.parametrize(
    "au, low, high", [(1, 0.025, 0.07), (4, 0.0, 0.045), (6, -0.06, 0.02), (7, -0.02, 0.02), (9, -0.06, 0.045),
                      (12, -0.08, -0.01), (15, -0.11, -0.06), (17, -0.115, -0.07), (20, -0.1, -0.03)],
)  # fmt: skip
def test_folds_lie_where_the_au_moves_skin(au: int, low: float, high: float) -> None:
    for variant in (0, VARIANTS - 1):
        height = np.abs(height_map(only(au).left, only(au).right, DEPTHS, {}, variant))
        inside = ramp(Z, low, low + 1e-6) * ramp(-Z, -high, 1e-6 - high) > 0.5
        assert height.max() > 0.0005 and height[inside].sum() > 0.98 * height.sum()


def test_only_the_half_that_moves_folds() -> None:
    smile = only(12).left
    left, right = height_map(smile, REST, DEPTHS, {}, 0), height_map(REST, smile, DEPTHS, {}, 0)
    assert not left[:, :MIDDLE].any() and left[:, MIDDLE:].any()
    assert right[:, :MIDDLE].any() and not right[:, MIDDLE:].any()
