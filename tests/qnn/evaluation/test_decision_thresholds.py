# SPDX-License-Identifier: Apache-2.0
"""A tuned threshold gives the best F1-frame on faces to come, and every executor decides by it alike."""

from __future__ import annotations

import numpy as np
import pytest

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.facs import AUS, EMOTIONS, PROTOTYPES, TABLE_2, emotions_by_table
from board.core.outputs import ActionUnit
from qnn.evaluation import evaluate
from qnn.evaluation.decision_thresholds import EAGER, HIGHEST, LOWEST, best_threshold, tune, tune_for_emotions


def values(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


def f1(probabilities: np.ndarray, labels: np.ndarray, threshold: float) -> float:
    present, active = probabilities >= threshold, labels == 1
    return 2 * (present & active).sum() / (present.sum() + active.sum())


def faces(rng: np.random.Generator, count: int, frequency: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels (count,) of an AU that so many faces show."""
    labels = (rng.random(count) < frequency).astype(np.float32)
    return np.clip(0.3 * labels + rng.random(count) * 0.7, 0, 1).round(2), labels  # with ties


@pytest.mark.parametrize("frequency", [0.1, 0.3, 0.7])
def test_no_other_threshold_is_better_on_these_faces(frequency: float, rng: np.random.Generator) -> None:
    probabilities, labels = faces(rng, 300, frequency)
    best = max(f1(probabilities, labels, t) for t in np.arange(LOWEST, HIGHEST + 1e-9, 0.005))
    assert f1(probabilities, labels, best_threshold(probabilities, labels)) == pytest.approx(best)


def test_a_threshold_lies_midway_between_neighbours() -> None:
    assert best_threshold(values(0.1, 0.2, 0.9, 0.95), values(0, 0, 1, 1)) == pytest.approx(0.55)
    assert best_threshold(values(0.1, 0.3, 0.5, 0.9), values(0, 1, 1, 1)) == pytest.approx(0.2)


def test_of_equally_good_thresholds_the_nearest_to_a_half_is_taken() -> None:
    probabilities, labels = values(0.1, 0.3, 0.5, 0.84), values(1, 0, 0, 1)
    assert f1(probabilities, labels, 0.05) == f1(probabilities, labels, 0.67) == pytest.approx(2 / 3)
    assert best_threshold(probabilities, labels) == pytest.approx(0.67)
    # calling every face present is best: any threshold below 0.96 does, and 0.48 is the nearest to a half
    assert best_threshold(values(0.96, 0.97, 0.98), values(1, 0, 1)) == pytest.approx(0.48)


def test_thresholds_stay_between_their_bounds() -> None:
    assert best_threshold(values(0.01, 0.06, 0.6), values(0, 1, 1)) == LOWEST
    assert best_threshold(values(0.4, 0.7, 0.96, 0.98), values(0, 0, 0, 1)) == pytest.approx(0.83)
    assert best_threshold(values(0.4, 0.94, 0.98), values(0, 0, 1)) == HIGHEST
    assert best_threshold(values(0.001, 0.02), values(0, 1)) == pytest.approx(
        0.51
    )  # nothing within the bounds finds it


def test_an_au_without_a_positive_keeps_a_half() -> None:
    nowhere = np.array([[0.9, 0.2], [0.1, 0.7]])
    for labels in ([[0, 0], [0, 1]], [[np.nan, 0], [0, 1]]):
        assert tune(nowhere, np.array(labels))[0] == best_threshold(nowhere[:, 0], np.array(labels)[:, 0]) == 0.5


def test_unknown_labels_count_nothing() -> None:
    probabilities, labels = values(0.1, 0.4, 0.6, 0.9), values(0, 1, np.nan, 1)
    known = [0, 1, 3]
    found = best_threshold(probabilities, labels)
    assert found == best_threshold(probabilities[known], labels[known]) == pytest.approx(0.25)


def test_faces_to_come_are_told_better_than_by_the_best_threshold(rng: np.random.Generator) -> None:
    """Of an AU that one face in ten shows, its probability right, so a hundred faces leave the threshold in doubt."""

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        probabilities = 1 / (1 + np.exp(3.5 + 2 * rng.standard_normal(count)))
        return probabilities, (rng.random(count) < probabilities).astype(np.float64)

    unseen, plain, tuned = drawn(50_000), [], []
    for _ in range(150):
        probabilities, labels = drawn(100)
        plain.append(f1(*unseen, best_threshold(probabilities, labels)))
        tuned.append(f1(*unseen, tune(probabilities[:, np.newaxis], labels[:, np.newaxis])[0]))
    assert np.mean(tuned) > np.mean(plain)


def test_draws_without_the_au_say_nothing() -> None:
    """Of 40 faces one shows it, which a third of the draws leave out."""
    probabilities, labels = np.linspace(0, 0.39, 40)[:, np.newaxis], np.zeros((40, 1))
    labels[-1] = 1
    assert 0.3 < tune(probabilities, labels)[0] < 0.39


def test_float32_probabilities_give_the_same_as_float64(rng: np.random.Generator) -> None:
    probabilities = rng.random((200, 2)).astype(np.float32)
    labels = (rng.random((200, 2)) < 0.3).astype(np.float32)
    np.testing.assert_array_equal(tune(probabilities, labels), tune(probabilities.astype(np.float64), labels))


@pytest.mark.parametrize(
    ("probabilities", "labels", "said"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), r"need probabilities and labels of one shape \(N, AUs\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "N > 0"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "must lie between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(probabilities: np.ndarray, labels: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tune(probabilities, labels)


def faces_in_doubt(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities and labels (N, 13) of AUs decoded together, and emotions (N,), right as often as they are sure."""
    sure = rng.dirichlet(np.full(len(EMOTIONS), 0.1), 4000)
    emotions = np.array([rng.choice(len(EMOTIONS), p=p) for p in sure])
    return sure @ PROTOTYPES, PROTOTYPES[emotions], emotions


def named(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Index of each face's emotion by Table 2, -1 for none."""
    found = emotions_by_table(probabilities >= thresholds)
    return np.array([-1 if emotion is None else EMOTIONS.index(emotion) for emotion in found])


@pytest.mark.parametrize("coverage", [0.5, 0.6, 0.7])
def test_emotions_in_doubt_are_left_out_down_to_the_coverage(coverage: float, rng: np.random.Generator) -> None:
    probabilities, labels, emotions = faces_in_doubt(rng)
    thresholds = tune_for_emotions(probabilities, labels, coverage)
    plain, sure = (named(probabilities, each) for each in (tune(probabilities, labels), thresholds))
    assert coverage <= (sure >= 0).mean() < coverage + 0.02
    right = [(each == emotions)[each >= 0].mean() for each in (plain, sure)]
    assert right[1] > right[0] + 0.01
    eager = np.isin(AUS, EAGER)
    assert thresholds[eager].max() == pytest.approx(1 - thresholds[~eager].min())
    assert thresholds[eager].max() < 0.5


def test_every_emotion_has_aus_of_both_kinds() -> None:
    for emotion, active in TABLE_2.items():
        assert emotion == "neutral" or 0 < len(set(active) & set(EAGER)) < len(active)


def test_rare_aus_keep_their_threshold(rng: np.random.Generator) -> None:
    """One below the margin already stays the best for F1."""
    probabilities, labels, _ = faces_in_doubt(rng)
    probabilities[:, 6] *= 0.5  # AU9
    assert tune_for_emotions(probabilities, labels, 0.6)[6] == tune(probabilities, labels)[6] < 0.3


def test_a_coverage_out_of_reach_is_one_sentence(rng: np.random.Generator) -> None:
    probabilities, labels, _ = faces_in_doubt(rng)
    with pytest.raises(
        ValueError, match=r"AUs name the emotion of \d\d\.\d % of the faces at most, got --coverage 1: "
    ):
        tune_for_emotions(probabilities, labels, 1)


def contract(thresholds: np.ndarray) -> Contract:
    """An accelerator of two AUs with these thresholds."""
    units = tuple(ActionUnit(f"AU{au}", 2.0**-6, 0.3 * au, float(t)) for au, t in zip((1, 2), thresholds, strict=True))
    return Contract(
        "0" * 64, None, InputRule((48, 48, 3), "uint8", "grey", 0.0), units, "INT16",
        StreamPacking.of_frame(48 * 48 * 3, 3, 8, False), StreamPacking.of_frame(2, 1, 16, True),
        100.0, "part", "board", {}, (),
    )  # fmt: skip


def test_the_contract_decides_as_the_evaluation(rng: np.random.Generator) -> None:
    """Also where a probability is the threshold, to the last bit: both call the AU present."""
    accumulators = rng.integers(-300, 300, (400, 2)).astype(np.int32)
    probabilities = np.stack([face.probabilities for face in contract(np.array([0.5, 0.5])).outputs(accumulators)])
    thresholds = probabilities[7]  # attained
    decided = np.stack([face.occurrence for face in contract(thresholds).outputs(accumulators)])
    assert decided[7].all()
    found = evaluate(probabilities, decided.astype(float), np.full(400, -1), thresholds, (1, 2), resamples=0)
    assert [au.accuracy for au in found.per_au.values()] == [1.0, 1.0]
    above = np.nextafter(thresholds, 1)
    assert not contract(above).outputs(accumulators)[7].occurrence.any()
    found = evaluate(probabilities, decided.astype(float), np.full(400, -1), above, (1, 2), resamples=0)
    assert all(au.accuracy is not None and au.accuracy < 1 for au in found.per_au.values())
