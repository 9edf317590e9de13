# SPDX-License-Identifier: Apache-2.0
"""A folder of rendered faces and a file of soft labels, made of any faces: for tests of what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from board.core.facs import AU_TITLES
from board.core.files import write_npz
from qnn.data.soft_labels import SoftLabels, digests
from qnn.data.teacher import BLENDSHAPES

SHOWN_AUS = tuple(AU_TITLES)
PER_HEAD = 1 + 2 * len(SHOWN_AUS)
"""Faces of one head: neutral, each AU alone and strong, and each with the next one."""


def write_rendered(folder: Path, pixels: np.ndarray) -> np.ndarray:
    """Write grey faces (N, 48, 48) as valid.npz, PER_HEAD of each head; return the weights (N, 16)."""
    place = np.arange(len(pixels)) % PER_HEAD
    weights = np.zeros((len(pixels), len(SHOWN_AUS)), np.float32)
    for row, at in enumerate(place):
        if 0 < at <= len(SHOWN_AUS):
            weights[row, at - 1] = 0.5 + 0.5 * (row % 2)
        elif at > len(SHOWN_AUS):
            first = at - len(SHOWN_AUS) - 1
            weights[row, [first, (first + 1) % len(SHOWN_AUS)]] = 0.8, 0.3
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"pixels": pixels, "weights": weights, "aus": np.array(SHOWN_AUS)}
    write_npz(folder / "valid.npz", {**arrays, "identity": (np.arange(len(pixels)) // PER_HEAD).astype(np.int32)})
    return weights


def random_labels(train: np.ndarray, valid: np.ndarray, seed: int = 0) -> SoftLabels:
    """Random labels of grey faces (N, 48, 48); half of the training faces are neutral."""
    rng, count = np.random.default_rng(seed), len(train) + len(valid)
    return SoftLabels(
        digests(np.concatenate([train, valid])),
        np.ones(count, bool),
        rng.random((count, len(BLENDSHAPES))).astype(np.float16),
        rng.random((count, 2)).astype(np.float32),
        np.arange(count) % 2 == 0,
        np.array(["train"] * len(train) + ["valid"] * len(valid)),
        "ferplus",
        "0" * 64,
    )
