# SPDX-License-Identifier: Apache-2.0
"""Statistics of weighted faces, and their 95 % intervals: a bootstrap draw is nothing but whole-numbered weights.

A `Metric` takes weights (R, N), one row for each draw, and returns the metric of each, (R,), NaN where none exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qnn.evaluation.bootstrap import draws, interval, numbered

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Metric = Callable[[Floats], Floats]

ELEMENTS_AT_ONCE = 1 << 20
"""Weights that are in memory at once: 8 MiB."""


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval.

    Attributes:
        value: None where the metric does not exist.
        interval: Ends of the 95 % interval; None where there is none.
    """

    value: float | None
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, values: Floats) -> Estimate:
        """Of a metric's values (1 + draws,), that of all faces first."""
        whole = None if np.isnan(values[0]) else float(values[0])
        return cls(whole, None if whole is None else interval(values[1:]))

    def to_json(self) -> dict[str, float | None]:
        """Plain dictionary."""
        low, high = self.interval or (None, None)
        return {"value": self.value, "low": low, "high": high}


class Resampling:
    """Bootstrap draws of N faces, the same for every metric; faces of one subject are drawn together.

    Args:
        subjects: Who is shown, text of shape (N,); a face of an unknown one (empty) stands alone.
        resamples: Draws; a single subject has none.
        seed: Of the draws.
    """

    def __init__(self, subjects: npt.NDArray[np.str_], resamples: int = 1000, seed: int = 0) -> None:
        if not len(subjects):
            raise ValueError("an evaluation needs faces, got none")
        self.cluster, self.clusters = numbered(subjects)  # (N,)
        self.seed, self.resamples = seed, resamples if self.clusters > 1 else 0

    def values(self, metrics: Mapping[str, Metric]) -> dict[str, Floats]:
        """Each metric's values (1 + draws,), that of all faces first."""
        found = {name: [metric(np.ones((1, len(self.cluster))))] for name, metric in metrics.items()}
        at_once = max(1, ELEMENTS_AT_ONCE // max(self.clusters, len(self.cluster)))
        for drawn in draws(self.clusters, self.resamples, self.seed, at_once):
            weights = drawn[:, self.cluster]
            for name, metric in metrics.items():
                found[name].append(metric(weights))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def estimates(self, metrics: Mapping[str, Metric]) -> dict[str, Estimate]:
        """Each metric with its interval."""
        return {name: Estimate.of(values) for name, values in self.values(metrics).items()}


def mean(values: Iterable[Floats]) -> Floats:
    """Mean of several metrics' values (R,), over those that exist; NaN where none does."""
    table = np.stack(list(values))
    known = ~np.isnan(table)
    return ratio(np.where(known, table, 0).sum(0), known.sum(0).astype(np.float64))


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole > 0)


def auc(scores: Floats, positive: Mask, negative: Mask) -> Metric:
    """Area under the ROC curve: how often a positive face scores above a negative one, ties counted by half.

    Args:
        scores: Of shape (N,).
        positive: The positive faces, (N,).
        negative: The negative ones, (N,), none of them positive.
    """
    rows = np.flatnonzero(positive | negative)
    rows = rows[np.argsort(scores[rows], kind="stable")]
    starts, raised = _ties(scores[rows]), positive[rows]

    def metric(weights: Floats) -> Floats:
        if not len(rows):
            return np.full(len(weights), np.nan)
        chosen = weights[:, rows]
        above = np.add.reduceat(chosen * raised, starts, axis=1)
        below = np.add.reduceat(chosen * ~raised, starts, axis=1)
        pairs = (above * (below.cumsum(1) - below / 2)).sum(1)
        return ratio(pairs, above.sum(1) * below.sum(1))

    return metric


def rank_correlation(one: Floats, other: Floats, faces: Mask) -> Metric:
    """Spearman's: the correlation of two quantities' ranks, mean ranks among ties.

    Args:
        one: Of shape (N,).
        other: Of shape (N,).
        faces: Those that count, (N,).
    """
    rows = np.flatnonzero(faces)
    rank_one, rank_other = _ranks(one[rows]), _ranks(other[rows])

    def metric(weights: Floats) -> Floats:
        chosen = weights[:, rows]
        return _correlation(rank_one(chosen), rank_other(chosen), chosen)

    return metric


def correlation(one: Floats, other: Floats, faces: Mask) -> Metric:
    """Pearson's, of the faces that count; see `rank_correlation`."""
    rows = np.flatnonzero(faces)

    def metric(weights: Floats) -> Floats:
        chosen = weights[:, rows]
        return _correlation(one[rows][np.newaxis], other[rows][np.newaxis], chosen)

    return metric


def share(hits: Mask, faces: Mask) -> Metric:
    """Share of some faces (N,) that are hits (N,)."""
    return lambda weights: ratio(weights @ (hits & faces), weights @ faces.astype(np.float64))


def f1(called: Mask, active: Mask, known: Mask) -> Metric:
    """F1 of calls against truth, all of shape (N,) or (N, AUs), which pools the AUs; NaN where no face is active.

    Args:
        called: Called present.
        active: Present.
        known: Where `active` is known.
    """
    both, either = (_per_face(part) for part in (called & active & known, active & known))
    calls = _per_face(called & known)
    return lambda weights: np.where(
        weights @ either > 0, ratio(2 * (weights @ both), weights @ (calls + either)), np.nan
    )


def balanced_accuracy(called: Mask, active: Mask, known: Mask) -> Metric:
    """Mean of the shares of active and of other faces that are called rightly; see `f1`."""
    present, absent = share(called, active & known), share(~called, ~active & known)
    return lambda weights: (present(weights) + absent(weights)) / 2


def any_of(called: Mask) -> Mask:
    """Faces (N,) on which any AU (N, AUs) is called."""
    return np.asarray(called.any(axis=1))


def _per_face(hits: Mask) -> Floats:
    """How many of each face's AUs, (N,)."""
    return hits.reshape(len(hits), -1).sum(1).astype(np.float64)


def _ties(ordered: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where each new value of ordered ones begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _ranks(values: Floats) -> Callable[[Floats], Floats]:
    """Makes weights (R, N) into the weighted mean ranks of values (N,), (R, N)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = _ties(group[order])

    def ranks(weights: Floats) -> Floats:
        of_group = np.add.reduceat(weights[:, order], starts, axis=1)
        found: Floats = (of_group.cumsum(1) - of_group / 2)[:, group]
        return found

    return ranks if len(values) else lambda weights: weights


def _correlation(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Weighted correlation of each row, NaN where one of the two does not vary."""
    total = weights.sum(1)
    one, other = (part - ratio((weights * part).sum(1), total)[:, np.newaxis] for part in (one, other))
    spread = (weights * one * one).sum(1) * (weights * other * other).sum(1)
    return ratio((weights * one * other).sum(1), np.sqrt(np.nan_to_num(spread)))


def to_json(value: Any) -> Any:
    """Figures of any of these modules as what JSON has: a class says itself how, or by its attributes."""
    if hasattr(value, "to_json"):
        return to_json(value.to_json())
    if is_dataclass(value):
        return to_json(vars(value))
    if isinstance(value, Mapping):
        return {str(key): to_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(part) for part in value]
    return value
