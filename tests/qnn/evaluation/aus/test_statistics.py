# SPDX-License-Identifier: Apache-2.0
"""Statistics of weighted faces are those of the faces repeated, and exact where the answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from qnn.evaluation.aus.statistics import (
    Estimate,
    Metric,
    Resampling,
    auc,
    balanced_accuracy,
    correlation,
    f1,
    mean,
    rank_correlation,
    share,
)

N = 40
ONCE = np.ones((1, N))


def some(seed: int = 0, ties: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, ties, N).astype(np.float64)


def value(metric: Metric, count: int = N) -> float:
    return float(metric(np.ones((1, count)))[0])


def test_auc_is_the_share_of_pairs_in_order_and_half_the_ties() -> None:
    scores, positive = some(), some(1) > 3
    negative = ~positive & (some(2) > 1)
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[negative]]
    assert value(auc(scores, positive, negative)) == pytest.approx(np.mean(pairs), abs=1e-15)


@pytest.mark.parametrize(("scores", "expected"), [([0, 1, 2, 3], 1.0), ([3, 2, 1, 0], 0.0), ([5, 5, 5, 5], 0.5)])
def test_auc_of_known_orders(scores: list[float], expected: float) -> None:
    above = np.array([False, False, True, True])
    assert value(auc(np.array(scores, float), above, ~above), 4) == expected


def test_auc_without_one_side_does_not_exist() -> None:
    nobody = np.zeros(N, bool)
    assert np.isnan(value(auc(some(), nobody, ~nobody))) and np.isnan(value(auc(some(), nobody, nobody)))


def test_rank_correlation_is_spearmans() -> None:
    faces = some(3) > 1
    expected = stats.spearmanr(some()[faces], some(1)[faces]).statistic
    assert value(rank_correlation(some(), some(1), faces)) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(value(rank_correlation(np.ones(N), some(), faces)))
    assert np.isnan(value(rank_correlation(some(), some(), np.zeros(N, bool))))


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: auc(some()[rows], some(1)[rows] > 3, some(1)[rows] < 3),
        lambda rows: rank_correlation(some()[rows], some(1)[rows], some(2)[rows] > 1),
        lambda rows: correlation(some()[rows], some(1)[rows], some(2)[rows] > 1),
        lambda rows: f1(some()[rows] > 2, some(1)[rows] > 3, some(2)[rows] > 1),
        lambda rows: balanced_accuracy(some()[rows] > 2, some(1)[rows] > 3, some(2)[rows] > 1),
        lambda rows: share(some()[rows] > 2, some(1)[rows] > 3),
    ],
)
def test_a_weight_is_a_face_repeated(make: Callable[[np.ndarray], Metric]) -> None:
    """Zero leaves it out: what bootstrap draws rely on."""
    weights = np.random.default_rng(5).integers(0, 4, N)
    repeated = np.repeat(np.arange(N), weights)
    weighted = make(np.arange(N))(weights[np.newaxis].astype(np.float64))
    assert weighted[0] == pytest.approx(value(make(repeated), len(repeated)), abs=1e-12)


def test_f1_pools_aus() -> None:
    called, active = np.array([[1, 0], [1, 1]], bool), np.array([[1, 1], [0, 1]], bool)
    known = np.array([[1, 1], [1, 0]], bool)
    assert value(f1(called, active, known), 2) == 2 * 1 / (2 * 1 + 1 + 1)
    assert np.isnan(value(f1(called, np.zeros((2, 2), bool), known), 2))


def test_a_mean_leaves_out_what_does_not_exist() -> None:
    found = mean([np.array([1.0, np.nan]), np.array([np.nan, np.nan]), np.array([2.0, np.nan])])
    assert found[0] == 1.5 and np.isnan(found[1])


def test_faces_of_a_subject_are_drawn_together() -> None:
    """Two subjects: a draw has all faces of one of them twice, or each once; three values and no others."""
    subjects = np.array(["one"] * 3 + ["two"] * 5)
    hits = np.array([True] * 3 + [False] * 5)
    values = Resampling(subjects, resamples=200).values({"share": share(hits, np.ones(8, bool))})["share"]
    assert values[0] == 3 / 8 and set(values[1:].tolist()) == {0.0, 3 / 8, 1.0}


def test_faces_of_unknown_subjects_stand_alone_and_one_subject_has_no_interval() -> None:
    every = np.ones(N, bool)
    alone = Resampling(np.full(N, ""), resamples=300).estimates({"share": share(some() > 2, every)})["share"]
    assert alone.value is not None and alone.interval is not None
    assert alone.interval[0] < alone.value < alone.interval[1]
    assert Resampling(np.full(N, "one")).estimates({"share": share(every, every)})["share"] == Estimate(1.0, None)


def test_estimates_are_the_same_every_time_and_whatever_is_asked_with_them() -> None:
    metrics = {"auc": auc(some(), some(1) > 3, some(1) < 3), "share": share(some() > 2, some() > 1)}
    resampling = Resampling(np.full(N, ""), resamples=50, seed=3)
    assert resampling.estimates(metrics) == {
        name: resampling.estimates({name: metric})[name] for name, metric in metrics.items()
    }
