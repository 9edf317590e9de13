# SPDX-License-Identifier: Apache-2.0
"""Metrics are what torchmetrics, the paper's formulas and counting by hand say, with intervals that cover the truth."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from torchmetrics.classification import (
    MultilabelAccuracy,
    MultilabelF1Score,
    MultilabelPrecision,
    MultilabelRecall,
)

from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from qnn.evaluation import Evaluation, evaluate
from qnn.evaluation.bootstrap import by_cluster, interval, resampled

HALF = (0.5,) * len(AUS)
NO_EMOTIONS = np.full(400, -1)


def noisy_faces(rng: np.random.Generator, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, labels by Table 2 and emotions of faces that are detected more or less well."""
    emotions = rng.choice(len(EMOTIONS), count, p=[0.3, 0.1, 0.05, 0.05, 0.3, 0.1, 0.1])
    labels = PROTOTYPES[emotions].astype(np.float64)
    return np.clip(0.25 + 0.5 * labels + rng.normal(0, 0.16, labels.shape), 0, 1), labels, emotions


def of_emotions(*answers: tuple[str, str | None]) -> Evaluation:
    """The evaluation of faces by true emotion and by the emotion that the AUs show (None: AU2 alone)."""
    truth = np.array([EMOTIONS.index(emotion) for emotion, _ in answers])
    alone = (np.array(AUS) == 2).astype(np.float64)
    shown = np.stack([alone if answer is None else PROTOTYPES[EMOTIONS.index(answer)] for _, answer in answers])
    return evaluate(0.1 + 0.8 * shown, PROTOTYPES[truth], truth, HALF, AUS)


def test_figures_are_torchmetrics(rng: np.random.Generator) -> None:
    probabilities, labels, _ = noisy_faces(rng)
    found = evaluate(probabilities, labels, NO_EMOTIONS, HALF, AUS, resamples=0)
    arrays = torch.from_numpy(probabilities), torch.from_numpy(labels).long()
    kinds = {"f1": MultilabelF1Score, "precision": MultilabelPrecision, "recall": MultilabelRecall}
    for name, kind in {**kinds, "accuracy": MultilabelAccuracy}.items():
        for average in ("macro", "micro"):
            expected = kind(len(AUS), average=average)(*arrays).item()
            assert found.metrics[f"{average}_{name}"] == pytest.approx(expected, abs=1e-6), (name, average)
        each = kind(len(AUS), average=None)(*arrays)
        ours = [getattr(au, name) for au in found.per_au.values()]
        assert ours == pytest.approx(each.tolist(), abs=1e-6), name


def test_unknown_labels_count_nowhere(rng: np.random.Generator) -> None:
    probabilities, labels, _ = noisy_faces(rng)
    hidden = rng.random(labels.shape) < 0.3
    found = evaluate(probabilities, np.where(hidden, np.nan, labels), NO_EMOTIONS, HALF, AUS, resamples=0)
    metric = MultilabelF1Score(len(AUS), average="micro", ignore_index=-1)
    masked = torch.from_numpy(np.where(hidden, -1, labels)).long()
    expected = metric(torch.from_numpy(probabilities), masked).item()
    assert found.metrics["micro_f1"] == pytest.approx(expected, abs=1e-6)
    assert [au.known for au in found.per_au.values()] == (~hidden).sum(0).tolist()
    column = AUS.index(12)
    keep = ~hidden[:, column]
    alone = evaluate(
        probabilities[keep][:, [column]], labels[keep][:, [column]], NO_EMOTIONS[keep], (0.5,), (12,), resamples=0
    )
    assert found.per_au[12] == alone.per_au[12]


def test_one_au_by_hand() -> None:
    probabilities = np.array([[0.9], [0.6], [0.4], [0.2], [0.7], [0.3]])
    labels = np.array([[1], [1], [1], [0], [0], [np.nan]])
    au = evaluate(probabilities, labels, NO_EMOTIONS[:6], (0.5,), (12,), resamples=0).per_au[12]
    assert (au.precision, au.recall, au.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (au.accuracy, au.support, au.known, au.threshold) == (3 / 5, 3, 5, 0.5)
    low = evaluate(probabilities, labels, NO_EMOTIONS[:6], (0.4,), (12,), resamples=0).per_au[12]
    assert low.recall == 1.0  # a probability that is the threshold counts as present


def test_macro_leaves_out_what_no_face_shows_and_says_so(rng: np.random.Generator) -> None:
    probabilities, labels, _ = noisy_faces(rng)
    labels[:, AUS.index(20)] = 0
    labels[:, AUS.index(23)] = np.nan
    found = evaluate(probabilities, labels, NO_EMOTIONS, HALF, AUS, resamples=50)
    assert found.aus_without_positives == (20, 23)
    shown = [au.f1 for au in found.per_au.values() if au.f1 is not None]
    assert len(shown) == 11
    assert found.metrics["macro_f1"] == pytest.approx(np.mean(shown))
    content = found.to_json()
    assert (content["macro_over"], content["aus_without_positives"]) == (11, [20, 23])
    assert content["per_au"]["AU20"]["f1"] is None and content["per_au"]["AU20"]["recall"] is None
    assert content["per_au"]["AU20"]["accuracy"] is not None
    assert content["per_au"]["AU23"]["accuracy"] is None and content["per_au"]["AU23"]["intervals"]["f1"] is None


def test_an_au_never_detected_scores_zero() -> None:
    au = evaluate(np.full((2, 1), 0.1), np.array([[1.0], [0.0]]), NO_EMOTIONS[:2], (0.5,), (1,)).per_au[1]
    assert (au.f1, au.precision, au.recall) == (0.0, 0.0, 0.0)


def test_emotions_by_hand() -> None:
    found = of_emotions(
        ("happiness", "happiness"), ("happiness", None), ("fear", "surprise"), ("neutral", "neutral"), ("anger", None)
    )
    metrics = found.metrics
    assert metrics["fer_coverage"] == 3 / 5
    assert metrics["fer_accuracy_excluding_none"] == 2 / 3
    assert metrics["fer_accuracy_all"] == 2 / 5
    assert found.confusion is not None and found.confusion_prototype is not None
    assert found.confusion.shape == (7, 8) and found.confusion_prototype.shape == (7, 7)
    happiness, fear, surprise = (EMOTIONS.index(name) for name in ("happiness", "fear", "surprise"))
    assert found.confusion[happiness].tolist() == [0, 0, 0, 0, 1, 0, 0, 1]
    assert found.confusion[fear, surprise] == 1
    assert found.confusion.sum() == found.confusion_prototype.sum() == found.emotions_known == 5


def test_the_prototype_always_answers(rng: np.random.Generator) -> None:
    probabilities, labels, emotions = noisy_faces(rng)
    found = evaluate(probabilities, labels, emotions, HALF, AUS, resamples=0)
    logits = np.log(probabilities.clip(1e-9, 1 - 1e-9) / (1 - probabilities.clip(1e-9, 1 - 1e-9)))
    nearest = (logits @ PROTOTYPES.T).argmax(1)
    assert found.metrics["fer_accuracy_prototype"] == (nearest == emotions).mean()
    matrix = found.confusion_prototype
    assert matrix is not None and np.trace(matrix) == (nearest == emotions).sum()
    sure = evaluate(labels.astype(np.float32), labels, emotions, HALF, AUS, resamples=0)  # zeros and ones
    assert sure.metrics["fer_accuracy_prototype"] == 1.0


def test_faces_of_no_emotion_stay_out_of_emotion_metrics(rng: np.random.Generator) -> None:
    probabilities, labels, emotions = noisy_faces(rng)
    found = evaluate(probabilities, labels, np.where(np.arange(400) < 100, emotions, -1), HALF, AUS)
    first = evaluate(probabilities[:100], labels[:100], emotions[:100], HALF, AUS)
    assert found.emotions_known == 100
    for name in ("fer_accuracy_all", "fer_coverage", "fer_accuracy_excluding_none", "fer_accuracy_prototype"):
        assert found.metrics[name] == first.metrics[name]


def test_other_aus_have_no_emotion_metrics(rng: np.random.Generator) -> None:
    probabilities, labels, emotions = noisy_faces(rng)
    for found in (
        evaluate(probabilities[:, :5], labels[:, :5], emotions, HALF[:5], (6, 10, 12, 14, 17)),
        evaluate(probabilities, labels, NO_EMOTIONS, HALF, AUS),
    ):
        assert found.metrics["fer_accuracy_all"] is found.metrics["fer_coverage"] is None
        assert found.confusion is found.confusion_prototype is None
        assert found.intervals["fer_accuracy_prototype"] is None
        assert found.metrics["macro_f1"] is not None


def test_euclidean_is_equation_5() -> None:
    probabilities = np.array([[0.5, 0.2], [0.9, 0.4], [0.3, 0.3]])
    labels = np.array([[1.0, 0.0], [1.0, np.nan], [np.nan, np.nan]])
    found = evaluate(probabilities, labels, NO_EMOTIONS[:3], (0.5, 0.5), (1, 2), resamples=0)
    assert found.metrics["euclidean"] == pytest.approx((np.hypot(0.5, 0.2) + 0.1) / 2)


def test_intervals_hold_the_figure_and_narrow_with_faces(rng: np.random.Generator) -> None:
    few = evaluate(*noisy_faces(rng, 300), HALF, AUS)
    many = evaluate(*noisy_faces(rng, 4800), HALF, AUS)
    for name, value in few.metrics.items():
        found, narrower = few.intervals[name], many.intervals[name]
        assert value is not None and found is not None and narrower is not None
        assert found[0] <= value <= found[1], name
        if name != "fer_accuracy_excluding_none":  # of few faces, and all right
            assert narrower[1] - narrower[0] < 0.5 * (found[1] - found[0]), name
    for au in many.per_au.values():
        assert au.f1 is not None and au.intervals["f1"] is not None
        assert au.intervals["f1"][0] < au.f1 < au.intervals["f1"][1]


def test_the_interval_of_an_accuracy_is_the_binomials(rng: np.random.Generator) -> None:
    labels = np.ones((500, 1))
    probabilities = np.where(rng.random((500, 1)) < 0.8, 0.9, 0.1)
    au = evaluate(probabilities, labels, np.full(500, -1), (0.5,), (1,), resamples=4000).per_au[1]
    assert au.accuracy is not None and au.intervals["accuracy"] is not None
    half_width = 1.96 * np.sqrt(au.accuracy * (1 - au.accuracy) / 500)
    assert au.intervals["accuracy"] == pytest.approx((au.accuracy - half_width, au.accuracy + half_width), abs=0.005)


def test_the_seed_decides_the_intervals(rng: np.random.Generator) -> None:
    faces = noisy_faces(rng)
    first, again, other = (evaluate(*faces, HALF, AUS, seed=seed).intervals for seed in (1, 1, 2))
    assert first == again != other


def test_faces_of_one_subject_are_drawn_together(rng: np.random.Generator) -> None:
    """Thirty copies of each of ten faces say no more than the ten: the interval must not narrow."""
    probabilities, labels, emotions = noisy_faces(rng, 10)
    copies = (np.repeat(probabilities, 30, axis=0), np.repeat(labels, 30, axis=0), np.repeat(emotions, 30))
    subjects = np.repeat([f"S{index}" for index in range(10)], 30)
    alone = evaluate(probabilities, labels, emotions, HALF, AUS).intervals["micro_f1"]
    grouped = evaluate(*copies, HALF, AUS, subjects=subjects)
    pooled = evaluate(*copies, HALF, AUS).intervals["micro_f1"]
    assert alone is not None and pooled is not None
    assert grouped.clusters == 10
    assert grouped.intervals["micro_f1"] == pytest.approx(alone)
    assert pooled[1] - pooled[0] < 0.5 * (alone[1] - alone[0])


def test_clusters_add_up_and_unknown_subjects_stay_alone() -> None:
    sums = np.array([[1.0, 0], [2, 0], [4, 1], [8, 1], [16, 2]])
    found = by_cluster(sums, np.array(["b", "", "a", "b", ""]))
    np.testing.assert_array_equal(found, [[4, 1], [9, 1], [2, 0], [16, 2]])


def test_an_interval_holds_the_middle_95_percent() -> None:
    assert interval(np.array([*range(1001), np.nan])) == pytest.approx((25, 975))


def test_a_single_subject_has_no_interval(rng: np.random.Generator) -> None:
    found = evaluate(*noisy_faces(rng), HALF, AUS, subjects=np.full(400, "S1"))
    assert (found.clusters, found.intervals["macro_f1"], found.per_au[12].intervals["f1"]) == (1, None, None)


def test_resamples_draw_as_many_rows_with_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.eye(6)
    totals = resampled(rows, 500, seed=0)
    assert (totals.sum(1) == 6).all() and totals.max() > 1 and (totals == 0).any()
    np.testing.assert_allclose(totals.mean(0), 1, atol=0.15)
    monkeypatch.setattr("qnn.evaluation.bootstrap.DRAWS_AT_ONCE", 7)  # chunks change nothing that is drawn
    np.testing.assert_array_equal(resampled(rows, 500, seed=0), totals)


def test_resamples_without_a_value_are_left_out() -> None:
    assert interval(np.array([np.nan, 0.2, 0.2])) == (0.2, 0.2)
    assert interval(np.array([np.nan])) is None


def test_json_has_the_promised_keys(rng: np.random.Generator) -> None:
    content = json.loads(json.dumps(evaluate(*noisy_faces(rng), HALF, AUS).to_json(), allow_nan=False))
    promised = "macro_f1 micro_f1 per_au fer_accuracy_excluding_none fer_coverage fer_accuracy_all"
    assert set(content) >= {*promised.split(), "fer_accuracy_prototype", "n", "intervals", "euclidean", "confusion"}
    assert list(content["per_au"]) == [f"AU{au}" for au in AUS]
    assert set(content["intervals"]) >= {"macro_f1", "micro_f1", "fer_accuracy_all", "euclidean"}
    assert np.array(content["confusion"]["by_table_2"]).shape == (7, 8)


def test_the_headline_is_what_a_card_keeps(rng: np.random.Generator) -> None:
    found = evaluate(*noisy_faces(rng), HALF, AUS, resamples=0)
    headline = found.headline()
    assert headline["n"] == 400
    assert headline["micro_f1"] == round(found.metrics["micro_f1"] or 0, 4)
    assert set(headline) == {
        "n", "macro_f1", "micro_f1", "fer_accuracy_excluding_none", "fer_coverage", "fer_accuracy_all",
        "fer_accuracy_prototype",
    }  # fmt: skip


def test_a_thousand_resamples_take_under_two_seconds(rng: np.random.Generator) -> None:
    faces = noisy_faces(rng, 3000)
    start = time.process_time()
    evaluate(*faces, HALF, AUS)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"probabilities": np.full((4, 2), np.nan)}, r"between 0 and 1, got nan: the network's weights are broken"),
        ({"probabilities": np.full((4, 2), 1.5)}, "between 0 and 1, got 1.5"),
        ({"probabilities": np.zeros((4, 3))}, r"need probabilities of shape \(4, 2\), got \(4, 3\)"),
        ({"labels": np.full((4, 2), 9.0)}, "a label must be 0, 1 or NaN"),
        ({"emotions": np.full(4, 7)}, "an emotion must be below 7, got 7"),
        ({"emotions": np.zeros(3, np.int64)}, r"need emotions of shape \(4,\)"),
        ({"thresholds": (0.5, 1.0)}, "a threshold must lie between 0 and 1"),
        ({"thresholds": (0.5,)}, r"need thresholds of shape \(2,\)"),
        ({"labels": np.zeros((0, 2)), "probabilities": np.zeros((0, 2))}, "needs faces, got none"),
        ({"subjects": np.array(["a"])}, "need one subject for each of 4 faces"),
    ],
)
def test_bad_input_is_one_sentence(change: dict, said: str) -> None:
    good = {
        "probabilities": np.full((4, 2), 0.5),
        "labels": np.zeros((4, 2)),
        "emotions": np.full(4, -1),
        "thresholds": (0.5, 0.5),
        "aus": (1, 2),
    }
    with pytest.raises(ValueError, match=said):
        evaluate(**{**good, **change})
