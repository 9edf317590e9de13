# SPDX-License-Identifier: Apache-2.0
"""Expressions: shares of their kinds, every AU at every strength, and weights that say what both halves do."""

from __future__ import annotations

import numpy as np
import pytest

from board.core import facs
from qnn.rendering.actions import ACTIONS, AUS, action_strengths
from qnn.rendering.expressions import MIXTURE, NEUTRAL, SINGLE, TYPICAL, WEAKEST, Expression, make_expression, only


@pytest.fixture(scope="module")
def drawn() -> list[Expression]:
    rng = np.random.default_rng(5)
    return [make_expression(rng) for _ in range(4000)]


def weights(drawn: list[Expression], kind: str) -> np.ndarray:
    return np.array([one.weights for one in drawn if one.kind == kind])


def test_kinds_have_their_shares(drawn: list[Expression]) -> None:
    shares = {kind: len(weights(drawn, kind)) / len(drawn) for kind in (NEUTRAL, SINGLE, MIXTURE)}
    assert 0.14 < shares[NEUTRAL] < 0.18 and shares[SINGLE] > 0.38 and sum(shares.values()) == pytest.approx(1)


def test_neutral_faces_have_no_au_and_single_ones_one(drawn: list[Expression]) -> None:
    assert not weights(drawn, NEUTRAL).any()
    assert ((weights(drawn, SINGLE) > 0).sum(1) == 1).all()
    assert ((weights(drawn, MIXTURE) > 0).sum(1) >= 1).all()


def test_single_aus_come_alike_often_and_at_all_strengths(drawn: list[Expression]) -> None:
    single = weights(drawn, SINGLE)
    often = (single > 0).mean(0)
    detected = [often[AUS.index(au)] for au in facs.AUS]
    assert min(detected) > 0.04 and max(detected) < 0.1 and (often > 0.02).all()
    strengths = single[single > 0]
    assert strengths.min() >= WEAKEST - 1e-6 and strengths.max() <= 1
    assert (np.histogram(strengths, 4, (WEAKEST, 1))[0] > 0.2 * len(strengths)).all()


def test_every_au_occurs_without_each_other(drawn: list[Expression]) -> None:
    """Else a network could learn one for the other."""
    shown = np.array([one.weights for one in drawn]) > 0
    assert np.abs(np.corrcoef(shown.T) - np.eye(len(AUS))).max() < 0.5


def test_weights_are_the_mean_of_two_halves_that_differ(drawn: list[Expression]) -> None:
    uneven = [one for one in drawn if not np.array_equal(one.left, one.right)]
    assert len(uneven) > 0.5 * len(drawn)
    for one in uneven[:50]:
        np.testing.assert_allclose(one.weights, (one.left + one.right) / 2, rtol=1e-6)
        jaw = AUS.index(26)
        assert one.left[jaw] == one.right[jaw], "there is one jaw"


def test_people_show_an_au_in_ways_of_their_own(drawn: list[Expression]) -> None:
    """Its first action always moves, about as far as the table says; the others now and then rest."""
    first, second = [], []
    for one in drawn:
        if one.kind == SINGLE and one.left[AUS.index(6)] > 0:
            table = action_strengths(one.left, one.right)
            moves = {name: table[name] + one.others.get(name, 0.0) for name in table}
            first.append(moves["cheekSquintLeft"] / table["cheekSquintLeft"])
            second.append(moves["eyeSquintLeft"] / table["eyeSquintLeft"])
    assert list(ACTIONS[6]) == ["cheekSquint*", "eyeSquint*"] and len(first) > 50
    assert 0.5 < min(first) < 0.8 and 1.0 < max(first) < 1.7 and 0.8 < np.mean(first) < 1.0
    assert 0.25 < np.mean(np.abs(second) < 1e-6) < 0.55


def test_gaze_turns_both_eyes_the_same_way(drawn: list[Expression]) -> None:
    for one in drawn[:300]:
        for side, other in (("Left", "Right"), ("Right", "Left")):
            assert one.others.get(f"eyeLookOut{side}") == one.others.get(f"eyeLookIn{other}")


def test_typical_mixtures_name_aus_that_there_are() -> None:
    assert {au for mood in TYPICAL.values() for aus in mood for au in aus} <= set(AUS)
    assert only(None).kind == NEUTRAL and not only(None).weights.any()
