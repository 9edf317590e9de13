# SPDX-License-Identifier: Apache-2.0
"""Logits to probabilities: each AU by itself, or all together by the emotions that they make up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from board.core.facs import AUS, PROTOTYPES

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

INDEPENDENT, BY_EMOTION = "independent", "emotions"
DECODINGS = (INDEPENDENT, BY_EMOTION)
"""How probabilities come from logits. BY_EMOTION is for networks that learned AUs from Table 2's emotions: there an AU
never comes alone, and the others of its emotion tell of it too."""


def probabilities(logits: npt.NDArray[np.float64], decoding: str) -> npt.NDArray[np.float64]:
    """Probability of each AU, the same for a face whatever faces come with it.

    Args:
        logits: Of shape (N, AUs).
        decoding: One of DECODINGS.

    Raises:
        ValueError: An unknown decoding, or BY_EMOTION with other AUs than Table 2's.
    """
    if decoding not in DECODINGS:
        raise ValueError(f"a decoding must be one of {', '.join(DECODINGS)}, got {decoding!r}")
    if decoding == INDEPENDENT:
        return sigmoid(logits)
    return np.minimum(_product(emotion_probabilities(logits), PROTOTYPES), 1.0)


def emotion_probabilities(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probability of each of facs.EMOTIONS, (N, 7), if one of them is shown: the likeliest is facs.nearest_emotions.

    It is the posterior of Table 2's rows: a face shows exactly the AUs of one of them, each row is as likely as the
    others beforehand, and the network's logits tell of each AU by itself. So it holds for both decodings.

    Args:
        logits: Of shape (N, 13), in the order of facs.AUS.
    """
    if logits.ndim != 2 or logits.shape[1] != len(AUS):
        raise ValueError(f"need logits of shape (N, {len(AUS)}), got {logits.shape}")
    scores = _product(logits, PROTOTYPES.T)
    likelihoods = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = likelihoods / likelihoods.sum(axis=1, keepdims=True)
    return shares


def sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probabilities of float64 logits, without the overflow of the usual form; everything that decides uses this."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def _product(rows: npt.NDArray[np.float64], matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """rows @ matrix, added up in one order: a linear algebra library's order changes with the number of rows."""
    # row by row while the last axis is the one that is contiguous, which "C" makes it
    products = np.multiply(rows[:, :, np.newaxis], matrix, order="C")
    total: npt.NDArray[np.float64] = np.add.reduce(products, axis=1)
    return total
