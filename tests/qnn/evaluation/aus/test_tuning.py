# SPDX-License-Identifier: Apache-2.0
"""Thresholds are the best that keep false alarms in bounds, and a kind of faces counts as much as another."""

from __future__ import annotations

import numpy as np
import pytest

from board.core.decoding import RENDERED, sigmoid
from qnn.evaluation.aus.tuning import best_threshold, raised_together, tune_au


def test_the_best_balanced_accuracy_of_all_kinds() -> None:
    said = [
        (np.array([0.1, 0.2, 0.6, 0.8]), np.array([False, False, True, True])),
        (np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, False, True])),
    ]
    assert best_threshold(said[:1], [], 0.05) == pytest.approx(0.4)
    assert best_threshold(said, [], 0.05) == pytest.approx(0.5)


def test_false_alarms_keep_a_standard_error_below_the_bound() -> None:
    said = [(np.array([0.1, 0.3]), np.array([False, True]))]
    neutral = np.linspace(0, 0.99, 100)
    assert best_threshold(said, [neutral], 0.5) == pytest.approx(0.545)  # 0.45 of them, 0.5 less 0.05
    assert best_threshold(said, [np.zeros(100), neutral], 0.5) == pytest.approx(0.545)
    with pytest.raises(ValueError, match=r"false alarms of at most 5.0%.*got 10 of them"):
        best_threshold(said, [np.zeros(10)], 0.05)
    with pytest.raises(ValueError, match="sure of more"):
        best_threshold(said, [np.ones(1000)], 0.05)


def test_a_kind_counts_as_much_as_another() -> None:
    """Ten times the same faces of one kind change the calibration by no more than Platt's one face."""
    rng = np.random.default_rng(0)
    drawn = [rng.normal(0, 2, 400), rng.normal(1, 2, 400)]
    kinds = [(one, rng.random(400) < sigmoid(one - at), one > -9, one < -1) for at, one in enumerate(drawn)]
    ten_times = np.tile(np.arange(400), 10)
    logits, shown, known, neutral = kinds[1]
    more = [kinds[0], (logits[ten_times], shown[ten_times], known[ten_times], neutral[ten_times])]
    few, many = (tune_au(chosen, 0.5, RENDERED) for chosen in (kinds, more))
    assert (few.slope, few.offset) == pytest.approx((many.slope, many.offset), abs=0.02)
    assert few.offset > tune_au([kinds[1]], 0.5, RENDERED).offset + 0.2  # between the two kinds' own
    assert few.validity == RENDERED and few.false_alarms <= 0.5


def test_a_kind_that_knows_nothing_still_bounds_false_alarms() -> None:
    logits, shown = np.array([-2.0, -1, 1, 2]), np.array([False, False, True, True])
    nobody, every = np.zeros(4, bool), np.ones(4, bool)
    alone = tune_au([(logits, shown, every, nobody)], 0.4, RENDERED)
    assert sigmoid(np.array(alone.offset)) == pytest.approx(alone.threshold)  # midway
    neutral = np.repeat(1.5, 100)
    beside = tune_au([(logits, shown, every, nobody), (neutral, neutral > 9, neutral > 9, neutral > 0)], 0.4, RENDERED)
    assert beside.threshold > sigmoid(beside.slope * neutral + beside.offset)[0] and beside.false_alarms == 0
    assert (beside.slope, beside.faces) == (alone.slope, (2, 2))
    with pytest.raises(ValueError, match="with the AU and without, got none"):
        tune_au([(logits, shown, nobody, nobody)], 0.4, RENDERED)


def test_thresholds_rise_together_where_it_costs_least() -> None:
    """The second AU has more alarms, but raising its threshold over them loses the face that shows it."""
    calm = np.full((100, 2), 0.1)
    calm[:12, 0], calm[12:32, 1] = 0.6, 0.7
    shown = np.array([False, True])
    said = [[(np.array([0.2, 0.9]), shown)], [(np.array([0.2, 0.65]), shown)]]
    raised = raised_together(said, [calm], np.array([0.5, 0.5]), 0.3)
    assert 0.6 < raised[0] < 0.9 and raised[1] == 0.5
    raised = raised_together(said, [calm], np.array([0.5, 0.5]), 0.1)
    assert 0.6 < raised[0] < 0.9 and raised[1] > 0.7, "a lower bound takes what costs"


def test_any_false_alarm_keeps_a_standard_error_below_the_bound_in_every_kind() -> None:
    said = [[(np.array([0.2, 0.9]), np.array([False, True]))]]
    many, few = np.full((100, 1), 0.1), np.full((100, 1), 0.1)
    many[:47] = 0.6
    start = np.array([0.5])
    assert raised_together(said, [few, many], start, 0.55) == start  # 0.47 is below 0.55 less 0.05
    assert raised_together(said, [few, many], start, 0.5) > 0.6
    assert start == 0.5


def test_an_alarm_counts_the_more_the_fewer_others_the_face_has() -> None:
    """Faces with two alarms are free when both are gone; those with one come first."""
    calm = np.full((100, 3), 0.1)
    calm[:30, :2], calm[30:50, 2] = 0.6, 0.6
    said = [[(np.array([0.2, 0.55, 0.9]), np.array([False, True, True]))]] * 3
    raised = raised_together(said, [calm], np.full(3, 0.5), 0.4)
    assert raised[2] > 0.6 and raised[0] == raised[1] == 0.5
