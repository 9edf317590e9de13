# SPDX-License-Identifier: Apache-2.0
"""Logits to probabilities: each AU by itself or all by the emotions that they make up, and emotions by either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from board.core.arrays import Reals
from board.core.facs import AUS, PROTOTYPES, nearest_emotions

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

INDEPENDENT, BY_EMOTION = "independent", "emotions"
DECODINGS = (INDEPENDENT, BY_EMOTION)
"""How probabilities come from logits. BY_EMOTION is for networks that learned AUs from Table 2's emotions: there an AU
never comes alone, and the others of its emotion tell of it too. It is for networks without outputs for emotions."""

CODED, REAL_AND_RENDERED, RENDERED, EMOTION, UNKNOWN = "coded", "real and rendered", "rendered", "emotion", ""
VALIDITIES = (CODED, REAL_AND_RENDERED, RENDERED, EMOTION, UNKNOWN)
"""What an AU's output learned from: faces that people coded, real faces with measured AUs and rendered ones, rendered
ones alone, an emotion's label by Table 2, or what nobody wrote down."""


@dataclass(frozen=True)
class Decoded:
    """What the logits of N faces mean.

    Attributes:
        probabilities: Of each AU, (N, AUs).
        emotions: Index into facs.EMOTIONS of each face's emotion, (N,): the likeliest by the outputs for emotions, or
            without these the row of Table 2 that fits best; None where the AUs are not its thirteen either.
        emotion_probabilities: Of each of facs.EMOTIONS, (N, 7), likewise.
    """

    probabilities: Reals
    emotions: npt.NDArray[np.int64] | None
    emotion_probabilities: Reals | None


def decode(logits: Reals, aus: int, decoding: str, calibration: Reals, of_table: bool) -> Decoded:
    """What logits mean: the one rule of host and network, the same to the last bit.

    Args:
        logits: Of the AUs and then of the emotions, where there are outputs for these: (N, outputs).
        aus: How many of the columns are AUs.
        decoding: One of DECODINGS.
        calibration: Slope and shift of each output, (2, outputs): slope * logit + shift is what probabilities are of.
        of_table: Whether the AUs are facs.AUS, from which an emotion follows where no output tells it.
    """
    slopes, shifts = calibration
    calibrated = logits * slopes + shifts
    of_aus, of_emotions = calibrated[:, :aus], calibrated[:, aus:]
    found = probabilities(of_aus, decoding)
    if of_emotions.shape[1]:
        return Decoded(found, of_emotions.argmax(axis=1), softmax(of_emotions))
    if of_table:
        return Decoded(found, nearest_emotions(of_aus), emotion_probabilities(of_aus))
    return Decoded(found, None, None)


def validity_of(given: tuple[str, ...], aus: int, decoding: str) -> tuple[str, ...]:
    """One of VALIDITIES for each AU; what nothing was written of is EMOTION where emotions decide on the AUs."""
    of_others = EMOTION if decoding == BY_EMOTION else UNKNOWN
    return tuple(validity or of_others for validity in given or (UNKNOWN,) * aus)


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
    """Probability of each of facs.EMOTIONS by Table 2, (N, 7), if one is shown: the likeliest is facs.nearest_emotions.

    It is the posterior of Table 2's rows: a face shows exactly the AUs of one of them, each row is as likely as the
    others beforehand, and the network's logits tell of each AU by itself. So it holds for both decodings.

    Args:
        logits: Of shape (N, 13), in the order of facs.AUS.
    """
    if logits.ndim != 2 or logits.shape[1] != len(AUS):
        raise ValueError(f"need logits of shape (N, {len(AUS)}), got {logits.shape}")
    return softmax(_product(logits, PROTOTYPES.T))


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shares of 1 that scores (N, K) in float64 take in their row, the same whatever rows come with it."""
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
