# SPDX-License-Identifier: Apache-2.0
"""Metrics: F1-frame, precision, recall and accuracy per AU and averaged, emotions, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from board.core.facs import AUS, EMOTIONS, emotions_by_table, nearest_emotions
from qnn.evaluation.bootstrap import by_cluster, interval, resampled

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

AU_METRICS = ("f1", "precision", "recall", "accuracy")
FER_METRICS = ("fer_accuracy_excluding_none", "fer_coverage", "fer_accuracy_all", "fer_accuracy_prototype")
NONE = len(EMOTIONS)
"""The column of the confusion matrix for AUs that match no row of Table 2."""

LEAST_ODDS = 1e-15
"""Probabilities are kept so far from 0 and 1 that their logits are finite."""


@dataclass(frozen=True)
class AuMetrics:
    """How well one AU is detected (equations 6 to 9).

    Attributes:
        f1: F1-frame; None, like precision and recall, where no face shows the AU.
        precision: 0 where the AU is never detected.
        recall: Share of the faces that show it.
        accuracy: None where no label is known.
        support: Faces that show the AU.
        known: Faces whose label is known.
        threshold: Decision threshold: the probability from which the AU counts as present.
        intervals: 95 % intervals of the first four.
    """

    f1: float | None
    precision: float | None
    recall: float | None
    accuracy: float | None
    support: int
    known: int
    threshold: float
    intervals: Mapping[str, Interval | None]


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one set of faces.

    Attributes:
        n: Faces.
        per_au: By FACS number, in the order of the outputs.
        metrics: `macro_` and `micro_` averages of the AUs' metrics, macro over the AUs that any face shows;
            `euclidean` (equation 5: root of a face's summed squared errors, mean over faces); and FER_METRICS,
            None where the AUs are not Table 2's thirteen or no emotion is known.
        intervals: 95 % intervals of `metrics`.
        emotions_known: Faces that the emotion metrics are of.
        confusion: Faces by true emotion (rows) and emotion by Table 2 (columns, None last), (7, 8).
        confusion_prototype: The same with the emotion that every face has, (7, 7): by the network's outputs for
            emotions, as `fer_accuracy_prototype` then is, or without such outputs the best-matching prototype.
        own_emotions: Whether it is by such outputs.
        seed: Of the resamples.
        resamples: How many.
        clusters: What was drawn from: subjects where they are known, else faces.
    """

    n: int
    per_au: Mapping[int, AuMetrics]
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]
    emotions_known: int
    confusion: npt.NDArray[np.int64] | None
    confusion_prototype: npt.NDArray[np.int64] | None
    own_emotions: bool
    seed: int
    resamples: int
    clusters: int

    @property
    def of_every_face(self) -> str:
        """How every face gets an emotion."""
        return "its own outputs" if self.own_emotions else "best prototype"

    @property
    def aus_without_positives(self) -> tuple[int, ...]:
        """AUs that no face shows, which macro averages leave out."""
        return tuple(au for au, found in self.per_au.items() if not found.support)

    def headline(self) -> dict[str, Any]:
        """The metrics that a checkpoint's card keeps."""
        kept = ("macro_f1", "micro_f1", *FER_METRICS)
        return {"n": self.n, **{name: _rounded(self.metrics[name]) for name in kept}}

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary; a metric that does not exist is None."""
        return {
            **self.metrics,
            "per_au": {f"AU{au}": vars(found) for au, found in self.per_au.items()},
            "n": self.n,
            "emotions_known": self.emotions_known,
            "emotion_outputs": self.own_emotions,
            "aus_without_positives": list(self.aus_without_positives),
            "macro_over": len(self.per_au) - len(self.aus_without_positives),
            "intervals": dict(self.intervals),
            "seed": self.seed,
            "resamples": self.resamples,
            "clusters": self.clusters,
            "confusion": {
                "emotions": list(EMOTIONS),
                "by_table_2": None if self.confusion is None else self.confusion.tolist(),
                "by_prototype": None if self.confusion_prototype is None else self.confusion_prototype.tolist(),
            },
        }


def evaluate(
    probabilities: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    emotions: npt.NDArray[np.int64],
    thresholds: Sequence[float] | npt.NDArray[Any],
    aus: Sequence[int],
    seed: int = 0,
    resamples: int = 1000,
    subjects: npt.NDArray[np.str_] | None = None,
    nearest: npt.NDArray[np.int64] | None = None,
    own_emotions: bool = False,
) -> Evaluation:
    """Compare probabilities with labels.

    Args:
        probabilities: Of shape (N, AUs).
        labels: Of shape (N, AUs): 1 active, 0 not, NaN unknown, which counts nowhere.
        emotions: Index into EMOTIONS, shape (N,); negative where none applies.
        thresholds: An AU is present from this probability on, shape (AUs,).
        aus: FACS numbers of the columns.
        seed: Of the bootstrap.
        resamples: Of the bootstrap.
        subjects: Who is shown, shape (N,): faces of one subject are drawn together, since they are alike.
        nearest: Index into EMOTIONS of each face's emotion, shape (N,), see board.core.decoding.Decoded. By default the
            best-matching prototype by the probabilities, which is right where each AU is decoded by itself.
        own_emotions: Whether it is by the network's outputs for emotions.

    Raises:
        ValueError: Arrays that do not fit each other, or hold what they must not.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    _check(probabilities, labels, emotions, thresholds, aus)
    present = probabilities >= thresholds
    known = ~np.isnan(labels)
    active = labels == 1
    outcomes = (present & active, present & known & ~active, ~present & active, ~present & known & ~active)
    errors = np.where(known, probabilities - np.where(known, labels, 0), 0)
    distance = np.sqrt(np.square(errors).sum(1))
    of_table = tuple(aus) == AUS and bool((emotions >= 0).any())
    if not of_table:
        strict = nearest = np.full(len(labels), NONE)
    else:
        strict = _emotions_by_table(present)
        nearest = _nearest_emotions(probabilities) if nearest is None else nearest
    judged = (emotions >= 0) & of_table
    per_face = [judged, judged & (strict != NONE), judged & (strict == emotions), judged & (nearest == emotions)]
    sums = np.column_stack([*outcomes, distance, known.any(1), *per_face]).astype(np.float64)
    clusters = by_cluster(sums, subjects)
    whole = _metrics(sums.sum(0, keepdims=True), len(aus))
    spread = {}
    if resamples and len(clusters) > 1:  # a single subject says nothing of how subjects vary
        spread = _metrics(resampled(clusters, resamples, seed), len(aus))
    intervals = {name: [interval(column) for column in values.T] for name, values in spread.items()}
    support, labelled = active.sum(0), known.sum(0)
    per_au = {
        au: AuMetrics(
            **{name: _number(whole[name][0, column]) for name in AU_METRICS},
            support=int(support[column]),
            known=int(labelled[column]),
            threshold=float(thresholds[column]),
            intervals={name: intervals[name][column] if name in intervals else None for name in AU_METRICS},
        )
        for column, au in enumerate(aus)
    }
    averages = [name for name in whole if name not in AU_METRICS]
    return Evaluation(
        n=len(labels),
        per_au=per_au,
        metrics={name: _number(whole[name][0, 0]) for name in averages},
        intervals={name: intervals[name][0] if name in intervals else None for name in averages},
        emotions_known=int(judged.sum()),
        confusion=_confusion(emotions[judged], strict[judged], NONE + 1) if of_table else None,
        confusion_prototype=_confusion(emotions[judged], nearest[judged], NONE) if of_table else None,
        own_emotions=own_emotions,
        seed=seed,
        resamples=resamples,
        clusters=len(clusters),
    )


def _metrics(totals: Floats, aus: int) -> dict[str, Floats]:
    """Metrics of totals (R, K), one row for each resample: (R, AUs) or (R, 1), NaN where one does not exist."""
    tp, fp, fn, tn = (totals[:, part * aus : (part + 1) * aus] for part in range(4))
    distance, labelled, judged, answered, right, nearest = totals[:, 4 * aus :].T[:, :, np.newaxis]
    shown = tp + fn > 0
    of_aus = dict(zip(AU_METRICS, _of_counts(tp, fp, fn, tn), strict=True))
    pooled = _of_counts(*(part.sum(1, keepdims=True) for part in (tp, fp, fn, tn)))
    macro = (
        _ratio(np.where(shown, of_aus[name], 0).sum(1, keepdims=True), shown.sum(1, keepdims=True)) for name in of_aus
    )
    return {
        **of_aus,
        **{f"macro_{name}": value for name, value in zip(AU_METRICS, macro, strict=True)},
        **{f"micro_{name}": value for name, value in zip(AU_METRICS, pooled, strict=True)},
        "euclidean": _ratio(distance, labelled),
        "fer_accuracy_excluding_none": _ratio(right, answered),
        "fer_coverage": _ratio(answered, judged),
        "fer_accuracy_all": _ratio(right, judged),
        "fer_accuracy_prototype": _ratio(nearest, judged),
    }


def _of_counts(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """F1, precision, recall and accuracy; the first three exist where the AU is shown."""
    shown = tp + fn > 0
    precision = np.where(shown, tp / np.maximum(tp + fp, 1), np.nan)
    f1 = np.where(shown, _ratio(2 * tp, 2 * tp + fp + fn), np.nan)
    return f1, precision, _ratio(tp, tp + fn), _ratio(tp + tn, tp + fp + fn + tn)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole > 0)


def _emotions_by_table(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Each face's emotion by Table 2, NONE where its AUs match no row."""
    names = emotions_by_table(present)
    return np.array([NONE if name is None else EMOTIONS.index(name) for name in names], dtype=np.int64)


def _nearest_emotions(probabilities: Floats) -> npt.NDArray[np.int64]:
    """Each face's emotion by the best-matching prototype, AUs taken as independent."""
    odds = np.clip(probabilities, LEAST_ODDS, 1 - LEAST_ODDS)
    return nearest_emotions(np.log(odds / (1 - odds)))


def _confusion(truth: npt.NDArray[np.int64], answer: npt.NDArray[np.int64], columns: int) -> npt.NDArray[np.int64]:
    """Faces by truth (rows) and answer (columns)."""
    return np.bincount(truth * columns + answer, minlength=len(EMOTIONS) * columns).reshape(len(EMOTIONS), columns)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _check(
    probabilities: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    emotions: npt.NDArray[np.int64],
    thresholds: Floats,
    aus: Sequence[int],
) -> None:
    """Refuse what the metrics would not be of."""
    shape = (len(labels), len(aus))
    if not len(labels):
        raise ValueError("an evaluation needs faces, got none")
    for name, array, expected in (
        ("probabilities", probabilities, shape),
        ("labels", labels, shape),
        ("emotions", emotions, shape[:1]),
        ("thresholds", thresholds, shape[1:]),
    ):
        if array.shape != expected:
            raise ValueError(f"need {name} of shape {expected}, got {array.shape}")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        wrong = probabilities[~((probabilities >= 0) & (probabilities <= 1))][0]
        raise ValueError(f"a probability must lie between 0 and 1, got {wrong}: the network's weights are broken")
    if not ((labels == 0) | (labels == 1) | np.isnan(labels)).all():
        raise ValueError("a label must be 0, 1 or NaN for unknown, got another number")
    if not (emotions < len(EMOTIONS)).all():
        raise ValueError(f"an emotion must be below {len(EMOTIONS)}, got {emotions.max()}")
    if not ((thresholds > 0) & (thresholds < 1)).all():
        raise ValueError(f"a threshold must lie between 0 and 1, got {thresholds.tolist()}")
