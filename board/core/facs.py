# SPDX-License-Identifier: Apache-2.0
"""FACS: the paper's thirteen action units and its Table 2, which emotion shows which of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

AU_TITLES: dict[int, str] = {
    1: "Inner brow raiser",
    2: "Outer brow raiser",
    4: "Brow lowerer",
    5: "Upper lid raiser",
    6: "Cheek raiser",
    7: "Lid tightener",
    9: "Nose wrinkler",
    10: "Upper lip raiser",
    12: "Lip corner puller",
    14: "Dimpler",
    15: "Lip corner depressor",
    17: "Chin raiser",
    20: "Lip stretcher",
    23: "Lip tightener",
    25: "Lips part",
    26: "Jaw drop",
}
"""Names of all AUs that the five datasets label (Ekman and Friesen)."""

TABLE_2: dict[str, tuple[int, ...]] = {
    "neutral": (),
    "anger": (4, 5, 7, 23),
    "disgust": (9, 15, 17),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "happiness": (6, 12),
    "sadness": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
}
"""Active AUs per emotion: Table 2 of the paper, and its note that the natural expression has none."""

AUS: tuple[int, ...] = tuple(sorted({number for active in TABLE_2.values() for number in active}))
"""The 13 AUs that occur in Table 2, in the order of every label vector and of the network's outputs."""

AU_NAMES: tuple[str, ...] = tuple(f"AU{number} {AU_TITLES[number]}" for number in AUS)

EMOTIONS: tuple[str, ...] = tuple(TABLE_2)

PROTOTYPES: npt.NDArray[np.float32] = np.array(
    [[number in active for number in AUS] for active in TABLE_2.values()], dtype=np.float32
)  # (7 emotions, 13 AUs)


def emotions_by_table(occurrence: npt.ArrayLike) -> list[str | None]:
    """Name each row's emotion by the paper's rule: exactly the AUs of Table 2, otherwise None.

    Args:
        occurrence: Zeros and ones (or booleans) of shape (N, 13) in the order of AUS.
    """
    rows = np.asarray(occurrence).astype(bool)
    if rows.ndim != 2 or rows.shape[1] != len(AUS):
        raise ValueError(f"need occurrence of shape (N, {len(AUS)}), got {rows.shape}")
    by_pattern = {tuple(row): emotion for row, emotion in zip(PROTOTYPES.astype(bool).tolist(), EMOTIONS, strict=True)}
    return [by_pattern.get(tuple(row)) for row in rows.tolist()]


def nearest_emotions(logits: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Index into EMOTIONS of the prototype that fits each row best.

    With AUs taken as independent, the log-likelihood of a prototype is its dot product with the logits, up to
    a term that is the same for all prototypes. Neutral scores 0, and wins a draw.

    Args:
        logits: Real numbers of shape (N, 13) in the order of AUS, positive where an AU is likely.
    """
    rows = np.asarray(logits)
    if rows.ndim != 2 or rows.shape[1] != len(AUS):
        raise ValueError(f"need logits of shape (N, {len(AUS)}), got {rows.shape}")
    best: npt.NDArray[np.int64] = (rows @ PROTOTYPES.T).argmax(axis=1)
    return best


def au_names(numbers: Sequence[int]) -> tuple[str, ...]:
    """Full names, such as "AU12 Lip corner puller", of some AUs."""
    unknown = [number for number in numbers if number not in AU_TITLES]
    if unknown:
        raise ValueError(f"an AU number must be one of {', '.join(map(str, AU_TITLES))}, got {unknown[0]}")
    return tuple(f"AU{number} {AU_TITLES[number]}" for number in numbers)
