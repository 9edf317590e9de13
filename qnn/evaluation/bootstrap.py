# SPDX-License-Identifier: Apache-2.0
"""Bootstrap: 95 % intervals from what each face, or each subject's faces together, add to the counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
DRAWS_AT_ONCE = 1 << 22
"""Bounds memory where faces are many: 32 MiB of draws."""


def by_cluster(sums: npt.NDArray[np.float64], subjects: npt.NDArray[np.str_] | None) -> npt.NDArray[np.float64]:
    """Add up the rows (N, K) of each subject, (clusters, K); a face of an unknown subject stays alone."""
    if subjects is None:
        return sums
    if subjects.shape != (len(sums),):
        raise ValueError(f"need one subject for each of {len(sums)} faces, got shape {subjects.shape}")
    known = subjects != ""
    names, cluster = np.unique(subjects[known], return_inverse=True)
    added = np.zeros((len(names), sums.shape[1]))
    np.add.at(added, cluster, sums[known])
    return np.concatenate([added, sums[~known]])


def resampled(sums: npt.NDArray[np.float64], resamples: int, seed: int) -> npt.NDArray[np.float64]:
    """Totals (resamples, K) of as many rows as there are, drawn with replacement from rows (G, K)."""
    rng, groups = np.random.default_rng(seed), len(sums)
    totals = np.empty((resamples, sums.shape[1]))
    at_once = max(1, DRAWS_AT_ONCE // groups)
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        draws = rng.integers(groups, size=(count, groups)) + groups * np.arange(count)[:, np.newaxis]
        weights = np.bincount(draws.ravel(), minlength=count * groups).reshape(count, groups)
        totals[start : start + count] = weights.astype(np.float64) @ sums
    return totals


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """The middle 95 % of a metric's values (R,) over resamples; those that have none (NaN) are left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
