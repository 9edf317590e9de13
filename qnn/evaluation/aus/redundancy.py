# SPDX-License-Identifier: Apache-2.0
"""Redundancy of outputs: how many of them tell something of their own, and which go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qnn.evaluation.aus.statistics import Estimate, Floats, Metric, Resampling, correlation
from qnn.evaluation.aus.validity import CONFUSABLE

NOTHING = 1e-3
"""Singular values below this part of the largest are none: outputs that are sums of others have a direction less."""
SHARE = 0.002
"""Least part of all variance with which a direction tells much. One of thirteen independent ones would have 0.077."""


@dataclass(frozen=True)
class Redundancy:
    """How much outputs repeat each other on some faces.

    Attributes:
        rank: Singular values of the outputs, centred and each scaled to variance 1, of at least NOTHING of the largest.
        directions: Those with at least SHARE of all variance.
        effective_rank: exp of the entropy of the directions' shares (Roy and Vetterli 2007).
        shares: Of all variance, of each direction, the largest first.
        correlations: Of each two outputs, (AUs, AUs); NaN for one that does not vary.
        pairs: Correlation of confusable pairs, by "AU1-AU2".
        teacher: The same of a teacher's strengths, empty where there is none.
    """

    rank: int
    directions: int
    effective_rank: float
    shares: tuple[float, ...]
    correlations: Floats
    pairs: Mapping[str, Estimate]
    teacher: Mapping[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in self.correlations]
        return {**vars(self), "shares": list(self.shares), "correlations": rows, "least_share": SHARE}


def redundancy(
    outputs: Floats, aus: Sequence[int], resampling: Resampling, teacher: Floats | None = None
) -> Redundancy:
    """Look at outputs (N, AUs) of at least two faces.

    Args:
        outputs: Logits, or probabilities.
        aus: FACS numbers of the columns.
        resampling: Over the faces' subjects.
        teacher: A teacher's strengths, (N, AUs), NaN where it has none.
    """
    centred = outputs - outputs.mean(0)
    spread = centred.std(0)
    scaled = centred / np.where(spread > 0, spread, 1)
    variances = np.square(np.linalg.svd(scaled, compute_uv=False))
    shares = variances / max(float(variances.sum()), np.finfo(np.float64).tiny)
    some = shares[shares > 0]
    correlations = scaled.T @ scaled / len(scaled)
    correlations[spread == 0] = correlations[:, spread == 0] = np.nan
    return Redundancy(
        rank=int(((shares >= NOTHING**2 * shares.max()) & (shares > 0)).sum()),
        directions=int((shares >= SHARE).sum()),
        effective_rank=float(np.exp(-(some * np.log(some)).sum())),
        shares=tuple(shares.tolist()),
        correlations=correlations,
        pairs=resampling.estimates(_pairs(outputs, aus)),
        teacher={} if teacher is None else resampling.estimates(_pairs(teacher, aus)),
    )


def _pairs(values: Floats, aus: Sequence[int]) -> dict[str, Metric]:
    """Correlations of the confusable pairs that have values (N, AUs)."""
    found: dict[str, Metric] = {}
    for one, other in CONFUSABLE:
        if {one, other} <= set(aus):
            first, second = values[:, aus.index(one)], values[:, aus.index(other)]
            if (known := ~np.isnan(first) & ~np.isnan(second)).any():
                found[f"AU{one}-AU{other}"] = correlation(first, second, known)
    return found
