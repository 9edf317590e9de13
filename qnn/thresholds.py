# SPDX-License-Identifier: Apache-2.0
"""Decision thresholds: for each AU the probability from which calling it present gives the best F1-frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LOWEST, HIGHEST = 0.05, 0.95
USUAL = 0.5


def tune(probabilities: npt.NDArray[Any], labels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Find each AU's threshold on faces that the figures will not be of.

    Thresholds midway between neighbouring probabilities are tried: none of these faces lies on one, so no rounding
    decides. Those beyond LOWEST and HIGHEST, where few faces would decide, move there. Of equally good ones the
    nearest to 0.5 is taken, of two equally near the lower.

    Args:
        probabilities: Of shape (N, AUs).
        labels: Of shape (N, AUs): 1 active, 0 not, NaN unknown, which counts nothing.

    Returns:
        Thresholds of shape (AUs,), between LOWEST and HIGHEST; 0.5 for an AU that no face shows.

    Raises:
        ValueError: Shapes differ, there are no faces, or a probability is none.
    """
    if probabilities.shape != labels.shape or probabilities.ndim != 2 or not len(labels):
        raise ValueError(
            f"need probabilities and labels of one shape (N, AUs), N > 0, got {probabilities.shape} and {labels.shape}"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("a probability must lie between 0 and 1, got another number: the network's weights are broken")
    return np.array([_best(*column) for column in zip(probabilities.T, labels.T, strict=True)], dtype=np.float64)


def _best(probabilities: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """The threshold of one AU from its probabilities and labels, both (N,)."""
    known = ~np.isnan(labels)
    active = labels[known] == 1
    if not active.any():
        return USUAL
    values, column = np.unique(probabilities[known].astype(np.float64), return_inverse=True)
    found = np.bincount(column, active, len(values))[::-1].cumsum()[::-1]  # active faces from each value on
    called = np.bincount(column, minlength=len(values))[::-1].cumsum()[::-1]  # all faces from each value on
    neighbours = np.concatenate([[0], values, [1]])
    tried = np.clip((neighbours[1:] + neighbours[:-1]) / 2, LOWEST, HIGHEST)
    first = np.searchsorted(values, tried)  # the first value that each threshold calls present
    found, called = np.append(found, 0)[first], np.append(called, 0)[first]
    f1 = 2 * found / (active.sum() + called)
    best = tried[f1 == f1.max()]
    return float(best[np.abs(best - USUAL).argmin()])
