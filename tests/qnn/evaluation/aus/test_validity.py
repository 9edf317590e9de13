# SPDX-License-Identifier: Apache-2.0
"""Validity, agreement and redundancy of outputs that are made up so that every figure is known."""

from __future__ import annotations

import numpy as np
import pytest

from qnn.evaluation.aus.agreement import Taught, agreement, calm, neutral_faces
from qnn.evaluation.aus.redundancy import redundancy
from qnn.evaluation.aus.statistics import Estimate, Resampling
from qnn.evaluation.aus.validity import Shown, validity

AUS = (1, 2, 12)
SHOWN_AUS = (1, 2, 12, 25)
STRENGTHS = np.array(
    [
        [0, 0, 0, 0], [0, 0, 0, 0],  # neutral
        [1, 0, 0, 0], [0.6, 0, 0, 0], [0.3, 0, 0, 0],  # AU1 alone, the last one too weak to be present
        [0, 1, 0, 0], [0, 0.7, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],  # AU25, which no output is for
        [1, 0, 0.8, 0], [0.05, 0, 0.9, 0],  # mixtures
    ],
    dtype=np.float32,
)  # fmt: skip


def exact(value: float | None) -> Estimate:
    """An estimate of one subject, which has no interval."""
    return Estimate(value, None)


def resampling(count: int) -> Resampling:
    return Resampling(np.full(count, "one"))


def found(scores: np.ndarray, called: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    shown = Shown(STRENGTHS, SHOWN_AUS)
    return validity(scores, scores >= 0.5 if called is None else called, AUS, shown, resampling(len(scores)))


def test_outputs_that_are_the_truth_are_perfect() -> None:
    result = found(STRENGTHS[:, :3].astype(np.float64))
    for au in AUS:
        of_au = result.per_au[au]
        assert (of_au.neutral, of_au.others, of_au.intensity, of_au.f1) == (exact(1.0),) * 4
        assert (of_au.balanced_accuracy, of_au.false_alarms) == (exact(1.0), exact(0.0))
    assert [result.per_au[au].shown for au in AUS] == [2, 2, 1]
    assert [result.per_au[au].mixtures for au in AUS] == [exact(1.0), exact(None), exact(None)]
    assert result.separation == {"AU1-AU2": exact(1.0)}
    assert (result.neutral_faces, result.faces) == (2, 11)


def test_one_output_for_two_aus_cannot_part_them() -> None:
    """What networks do that learned AUs from emotions."""
    both = STRENGTHS[:, :2].max(1).astype(np.float64)
    result = found(np.column_stack([both, both, STRENGTHS[:, 2]]))
    assert result.per_au[1].neutral == exact(1.0)
    # AU1 of 1 and 0.6 against AU2 of 1 and 0.7, and AU12 and AU25, both 0
    assert result.per_au[1].others == exact((0.5 + 1 + 2 + 0 + 0 + 2) / 8)
    assert result.separation == {"AU1-AU2": exact(0.5)}
    assert result.responses[0].tolist() == [1.0, 1.0, 0.5, 0.5]


def test_weak_aus_count_neither_way_and_false_alarms_are_of_neutral_faces() -> None:
    called = np.zeros((11, 3), bool)
    called[[0, 2, 4], 0] = True  # a neutral face, a right one, and one too weak to count
    result = found(STRENGTHS[:, :3].astype(np.float64), called)
    assert result.per_au[1].false_alarms == exact(0.5)
    assert result.per_au[1].f1 == exact(2 * 1 / (2 * 1 + 1 + 2))
    assert result.means["any_false_alarm"] == exact(0.5)
    assert result.per_au[2].f1 == exact(0.0)
    assert result.means["micro_f1"] == exact(2 * 1 / (2 + 1 + 7))


def test_agreement_is_of_the_teachers_top_tenth_and_lower_half() -> None:
    ranks = np.array([[0.95, np.nan], [0.9, np.nan], [0.7, np.nan], [0.49, np.nan], [0.1, np.nan]])
    targets = np.clip((ranks - 0.6) / 0.4, 0, 1).astype(np.float32)
    votes = np.array([0, 0, 0.8, 0.9, 0.7])
    scores = np.array([[3.0, 0], [1, 0], [5, 9], [2, 9], [0, 0]])  # one of four pairs is wrong; 0.7 is not asked
    result = agreement(scores, scores > 1.5, (1, 6), Taught(ranks, ranks, targets, np.zeros(5)), votes, resampling(5))
    assert result.per_au[1].top == exact(0.75)
    assert result.per_au[1].ranks.value == pytest.approx(0.5)
    # one of the two present ones, 0.95 and 0.9, is called, and one of the absent ones, 0.49 and 0.1
    assert result.per_au[1].f1 == exact(0.5)
    assert result.per_au[1].false_alarms == exact(1.0)  # the third face and the fourth
    assert result.per_au[6].top == result.per_au[6].f1 == exact(None)
    assert result.per_au[6].false_alarms == exact(1.0)  # the third and the fourth
    assert (result.per_au[1].known, result.per_au[6].known, result.calm_faces) == (5, 0, 2)
    assert result.means["top"] == exact(0.75)


def test_a_neutral_face_is_one_by_votes_and_by_the_teacher() -> None:
    targets = np.array([[0, np.nan], [0.3, np.nan], [0.6, np.nan], [0, np.nan], [np.nan, np.nan]], np.float32)
    votes = np.array([1, 1, 1, 0.7, 1])
    np.testing.assert_array_equal(calm(votes, targets), [True, True, False, False, False])
    expected = [[True, True], [True, True], [False, False], [False, False], [False, False]]
    np.testing.assert_array_equal(neutral_faces(votes, targets), expected)


def test_rank_counts_directions() -> None:
    rng = np.random.default_rng(0)
    free = rng.normal(size=(500, 3))
    repeated = np.column_stack([free[:, 0], free[:, 1], free[:, 0] * 3 + 1, free @ [1, 2, 0]])
    assert redundancy(free, (1, 2, 12), resampling(500)).rank == 3
    result = redundancy(repeated, (1, 2, 6, 12), resampling(500))
    assert result.rank == result.directions == 2 and result.effective_rank < 2.1
    assert result.pairs["AU6-AU12"].value == pytest.approx(result.correlations[2, 3])
    assert redundancy(free, (1, 2, 26), resampling(500), free).teacher.keys() == {"AU1-AU2", "AU2-AU26"}
    nearly = redundancy(
        np.column_stack([free, free[:, 0] + 0.05 * free[:, 1] + 0.01 * free[:, 2]]), (1, 2, 12, 26), resampling(500)
    )
    assert (nearly.rank, nearly.directions) == (3, 3)
    noisy = redundancy(np.column_stack([free[:, 0], free[:, 0] + 0.05 * free[:, 1]]), (1, 2), resampling(500))
    assert (noisy.rank, noisy.directions) == (2, 1)
    still = redundancy(np.ones((5, 2)), (6, 12), resampling(5))
    assert still.rank == 0 and still.pairs["AU6-AU12"] == exact(None) and np.isnan(still.correlations).all()
