# SPDX-License-Identifier: Apache-2.0
"""Decision thresholds: the probability from which an AU is called present, for the best F1 or for sure emotions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from board.core.facs import AUS, emotions_by_table

LOWEST, HIGHEST = 0.05, 0.95
USUAL = 0.5
DRAWS = 50
"""Bootstrap draws that a threshold is the mean of."""

EAGER = (2, 4, 6, 9, 17, 20)
"""AUs that an emotion in doubt may show, while the others wait for one that is not. Every emotion of Table 2 has some
of both, so one in doubt shows some of its AUs, and those match no row. Those of rare emotions, whose F1 is best at a
low threshold, are among them."""
MARGINS = np.arange(0, 0.451, 0.005)
"""How far around 1/2 an emotion's probability may count as doubt."""


def tune(probabilities: npt.NDArray[Any], labels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Find each AU's threshold for the best F1 on faces that are still to come.

    The mean of the thresholds that are best on DRAWS bootstrap draws of these faces (bagging, Breiman 1996). The best
    threshold on the faces themselves follows single faces of a rare AU, and its F1 on others is lower.

    Args:
        probabilities: Of shape (N, AUs).
        labels: Of shape (N, AUs): 1 active, 0 not, NaN unknown, which counts nothing.

    Returns:
        Thresholds of shape (AUs,), between LOWEST and HIGHEST, the same at every call; 0.5 for an AU that no face
        shows.

    Raises:
        ValueError: Shapes differ, there are no faces, or a probability is none.
    """
    if probabilities.shape != labels.shape or probabilities.ndim != 2 or not len(labels):
        raise ValueError(
            f"need probabilities and labels of one shape (N, AUs), N > 0, got {probabilities.shape} and {labels.shape}"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("a probability must lie between 0 and 1, got another number: the network's weights are broken")
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(labels), len(labels)) for _ in range(DRAWS)]
    thresholds = []
    for column, active in zip(probabilities.T, labels.T, strict=True):
        found = [best_threshold(column[draw], active[draw]) for draw in draws if (active[draw] == 1).any()]
        thresholds.append(np.mean(found) if found else USUAL)
    return np.array(thresholds, dtype=np.float64)


def tune_for_emotions(
    probabilities: npt.NDArray[Any], labels: npt.NDArray[Any], coverage: float
) -> npt.NDArray[np.float64]:
    """Find thresholds that name an emotion by Table 2 only where it is sure, for AUs decoded together.

    From the best thresholds for F1, those of EAGER fall to 1/2 less a margin and those of the others rise to 1/2 and
    the margin, where they do not lie beyond. An emotion more probable than that shows all of its AUs, a much less
    probable one none, and one in between matches no row of the table. The margin is the largest that names the emotion
    of enough faces.

    Args:
        probabilities: Of shape (N, 13), see board.core.decoding.BY_EMOTION.
        labels: Of shape (N, 13), as `tune` takes them.
        coverage: Least share of the faces whose emotion is named.

    Returns:
        Thresholds of shape (13,), between LOWEST and HIGHEST.

    Raises:
        ValueError: What `tune` refuses, or a coverage out of reach.
    """
    best = tune(probabilities, labels)
    found, most = None, 0.0
    for margin in MARGINS:
        spread = np.where(np.isin(AUS, EAGER), np.minimum(best, USUAL - margin), np.maximum(best, USUAL + margin))
        named = float(np.mean([emotion is not None for emotion in emotions_by_table(probabilities >= spread)]))
        found, most = spread if named >= coverage else found, max(most, named)
    if found is None:
        raise ValueError(
            f"AUs name the emotion of {most * 100:.1f} % of the faces at most, got --coverage {coverage:g}: lower it"
        )
    return found


def best_threshold(probabilities: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """Find one AU's threshold for the best F1 on these very faces.

    Thresholds midway between neighbouring probabilities are tried. Those beyond LOWEST and HIGHEST, where few faces
    would decide, move there. Of equally good ones the nearest to 0.5 is taken, of two equally near the lower.

    Args:
        probabilities: Of shape (N,), between 0 and 1.
        labels: Of shape (N,), as `tune` takes them.

    Returns:
        The threshold; 0.5 if no face shows the AU.
    """
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
