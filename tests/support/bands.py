# SPDX-License-Identifier: Apache-2.0
"""Faces that are quickly learned: each emotion is a bright band at another height, neutral is none."""

import numpy as np

from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from qnn.data.faces import Faces
from qnn.data.splits import Splits

SHOWN = ("neutral", "happiness", "surprise", "anger")


def band_faces(count: int, seed: int = 5) -> Faces:
    """Some faces of each emotion shown, nine votes of ten for it and one for the next."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(60, 20, (count, 48, 48))
    votes = np.zeros((count, len(EMOTIONS)), np.float32)
    for index in range(count):
        shown = index % len(SHOWN)
        if shown:
            pixels[index, 16 * shown - 16 : 16 * shown] += 150
        votes[index, EMOTIONS.index(SHOWN[shown])] += 0.9
        votes[index, EMOTIONS.index(SHOWN[(shown + 1) % len(SHOWN)])] += 0.1
    emotions = votes.argmax(1)
    text = np.full(count, "")
    return Faces(
        pixels.clip(0, 255).astype(np.uint8),
        AUS,
        PROTOTYPES[emotions],
        emotions,
        votes,
        np.array(EMOTIONS)[emotions],
        text,
        text,
    )


def band_splits(train: int = 240) -> Splits:
    """A run's faces."""
    origin = {"data": "bright bands", "terms": "none"}
    return Splits(band_faces(train), band_faces(64, seed=6), band_faces(64, seed=7), "grey", 0.0, origin)
