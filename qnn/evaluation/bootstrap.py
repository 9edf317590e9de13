# SPDX-License-Identifier: Apache-2.0
"""Bootstrap: 95 % intervals from what each face, or each subject's faces together, add to the counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
DRAWS_AT_ONCE = 1 << 22
"""Bounds memory where faces are many: 32 MiB of draws."""


def numbered(subjects: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.int64], int]:
    """The cluster of each face (N,), and how many there are; a face of an unknown subject (empty) is one of its own."""
    known = subjects != ""
    names, cluster = np.unique(subjects[known], return_inverse=True)
    numbers = np.empty(len(subjects), dtype=np.int64)
    numbers[known] = cluster
    numbers[~known] = len(names) + np.arange((~known).sum())
    return numbers, len(names) + int((~known).sum())


def by_cluster(sums: npt.NDArray[np.float64], subjects: npt.NDArray[np.str_] | None) -> npt.NDArray[np.float64]:
    """Add up the rows (N, K) of each subject, (clusters, K); a face of an unknown subject stays alone."""
    if subjects is None:
        return sums
    if subjects.shape != (len(sums),):
        raise ValueError(f"need one subject for each of {len(sums)} faces, got shape {subjects.shape}")
    numbers, count = numbered(subjects)
    added = np.zeros((count, sums.shape[1]))
    np.add.at(added, numbers, sums)
    return added


def draws(groups: int, resamples: int, seed: int, at_once: int) -> Iterator[npt.NDArray[np.float64]]:
    """How often each group comes up in each of `resamples` draws of as many with replacement: up to (at_once, G)."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = rng.integers(groups, size=(count, groups)) + groups * np.arange(count)[:, np.newaxis]
        yield np.bincount(drawn.ravel(), minlength=count * groups).reshape(count, groups).astype(np.float64)


def resampled(sums: npt.NDArray[np.float64], resamples: int, seed: int) -> npt.NDArray[np.float64]:
    """Totals (resamples, K) of as many rows as there are, drawn with replacement from rows (G, K)."""
    at_once = max(1, DRAWS_AT_ONCE // len(sums))
    return np.concatenate(
        [np.empty((0, sums.shape[1])), *(weights @ sums for weights in draws(len(sums), resamples, seed, at_once))]
    )


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """The middle 95 % of a metric's values (R,) over resamples; those that have none (NaN) are left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
