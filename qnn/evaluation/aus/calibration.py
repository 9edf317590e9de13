# SPDX-License-Identifier: Apache-2.0
"""Calibration: whether what is called 70 % sure is so seven times of ten, and what makes it so.

An AU's logit has a slope and an offset (Platt 1999), the emotions' logits have one temperature (Guo et al. 2017). Both
are monotone: no order of faces and no likeliest emotion changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from board.core.decoding import sigmoid, softmax
from qnn.evaluation.aus.statistics import Estimate, Floats, Mask, Metric, Resampling, mean, ratio

BINS = 15
"""Of equal width, as Guo et al. have them."""
LEAST_SLOPE = 1e-3
STEPS = 100
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Reliability:
    """What outputs said and what was so, in bins of what they said.

    Attributes:
        said: Mean probability of each bin, (BINS,), NaN of an empty one.
        so: Share of it that was so, (BINS,).
        faces: How many faces, (BINS,).
    """

    said: Floats
    so: Floats
    faces: npt.NDArray[np.int64]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary, without the empty bins."""
        filled = self.faces > 0
        return {
            "said": self.said[filled].tolist(),
            "so": self.so[filled].tolist(),
            "faces": self.faces[filled].tolist(),
        }


def _binned(probabilities: Floats) -> Floats:
    """Which bin each of probabilities (N,) is in, ones and zeros (N, BINS)."""
    number = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    return np.eye(BINS)[number]


def reliability(probabilities: Floats, so: Mask) -> Reliability:
    """Bins of probabilities (N,) of what is so or not, (N,)."""
    bins = _binned(probabilities)
    faces = bins.sum(0)
    return Reliability(ratio(probabilities @ bins, faces), ratio(so @ bins, faces), faces.astype(np.int64))


def calibration_error(probabilities: Floats, so: Mask, known: Mask) -> Metric:
    """Expected calibration error: how far what is said and what is so lie apart in a bin, mean over the faces.

    Args:
        probabilities: Of shape (N,).
        so: Whether it is so, (N,).
        known: Where that is known, (N,).
    """
    rows = np.flatnonzero(known)
    gaps = _binned(probabilities[rows]) * (probabilities[rows] - so[rows])[:, np.newaxis]

    def metric(weights: Floats) -> Floats:
        chosen = weights[:, rows]
        return ratio(np.abs(chosen @ gaps).sum(1), chosen.sum(1))

    return metric


@dataclass(frozen=True)
class Calibrated:
    """How well probabilities are calibrated.

    Attributes:
        errors: Expected calibration error by what it is of, such as an AU's number.
        mean: Of those that exist.
        bins: Reliability of each.
    """

    errors: Mapping[str, Estimate]
    mean: Estimate
    bins: Mapping[str, Reliability]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        bins = {name: each.to_json() for name, each in self.bins.items()}
        return {"errors": dict(self.errors), "mean": self.mean, "bins": bins}


def calibrated(
    probabilities: Floats, so: Mask, known: Mask, names: Sequence[str], resampling: Resampling
) -> Calibrated:
    """Hold probabilities against what is so, each column by itself.

    Args:
        probabilities: Of shape (N, K).
        so: Whether it is so, (N, K).
        known: Where that is known, (N, K).
        names: What the K columns are of.
        resampling: Over the faces' subjects.
    """
    columns = list(zip(names, probabilities.T, so.T, known.T, strict=True))
    values = resampling.values({name: calibration_error(said, true, there) for name, said, true, there in columns})
    return Calibrated(
        {name: Estimate.of(_without_bias(each)) for name, each in values.items()},
        Estimate.of(_without_bias(mean(values.values()))),
        {name: reliability(said[there], true[there]) for name, said, true, there in columns},
    )


def _without_bias(values: Floats) -> Floats:
    """Errors (1 + draws,) without what drawing adds: the fewer different faces a bin has, the farther off it is."""
    known = values[1:][~np.isnan(values[1:])]
    added = known.mean() - values[0] if len(known) else 0.0
    return np.concatenate([values[:1], np.maximum(values[1:] - added, 0)])


def fit(logits: Floats, active: Mask, weights: Floats) -> tuple[float, float]:
    """Slope and offset of one AU's logits that make its probability the likeliest for what faces show.

    Newton's method on the weighted log-likelihood, with Platt's targets: one face more on each side than there is, so
    that a perfect output has a finite slope.

    Args:
        logits: Of shape (N,).
        active: Whether the face shows the AU, (N,).
        weights: How much each face counts, (N,), above 0.

    Raises:
        ValueError: No face shows the AU, or all do; or the logit is not higher where it is shown.
    """
    if not active.any() or active.all():
        raise ValueError(
            f"a calibration needs faces with the AU and without, got {active.sum()} of {len(active)} with it"
        )
    shown, not_shown = active.sum(), (~active).sum()
    targets = np.where(active, (shown + 1) / (shown + 2), 1 / (not_shown + 2))
    centre, spread = logits.mean(), max(float(logits.std()), 1e-12)
    columns = np.column_stack([(logits - centre) / spread, np.ones(len(logits))])
    terms = np.zeros(2)
    loss = _loss(columns @ terms, targets, weights)
    for _ in range(STEPS):
        said = sigmoid(columns @ terms)
        gradient = columns.T @ (weights * (said - targets))
        curvature = (columns.T * (weights * said * (1 - said))) @ columns + 1e-9 * weights.sum() * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (after := _loss(columns @ (terms - step), targets, weights)) > loss and np.abs(step).max() > 1e-9:
            step = step / 2
        terms = terms - step
        if np.abs(step).max() < 1e-9:
            break
        loss = after
    slope, offset = float(terms[0] / spread), float(terms[1] - terms[0] * centre / spread)
    if not slope >= LEAST_SLOPE:
        raise ValueError(f"a logit must be higher where the AU is shown, got slope {slope:.3g}: train the AU")
    return slope, offset


def _loss(logits: Floats, targets: Floats, weights: Floats) -> float:
    """Weighted cross-entropy of logits (N,) against targets between 0 and 1."""
    return float((weights * (np.logaddexp(0, logits) - targets * logits)).sum())


def temperature(logits: Floats, emotions: npt.NDArray[np.int64]) -> float:
    """By what to divide the emotions' logits (N, 7) so that the softmax is likeliest for the faces' emotions (N,).

    The loss is convex in the inverse, so halving an interval of the slope's sign finds it; between COLDEST and HOTTEST.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    told = logits[np.arange(len(logits)), emotions]
    for _ in range(60):
        middle = (low + high) / 2
        expected = (softmax(logits * middle) * logits).sum(1)
        low, high = (middle, high) if (told - expected).mean() > 0 else (low, middle)
    return 2 / (low + high)
