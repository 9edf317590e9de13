# SPDX-License-Identifier: Apache-2.0
"""A stand-in for MediaPipe's landmarker, which sees in a face what the face's brightness says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from board.core.arrays import Pixels
from board.core.facs import AUS, EMOTIONS
from qnn.data import teacher
from qnn.data.faces import UNKNOWN_EMOTION, Faces
from qnn.data.soft_labels import TEACHES, SoftLabels, digests
from qnn.data.teacher import BLENDSHAPES, Seen

DARK = 16
"""Mean of a picture below which the stand-in finds no face."""


class Standin:
    """Opened as the real one is.

    Attributes:
        looks: How many pictures all of them saw.
        most: How many they see before the process ends, as a killed one does.
        shape: Of the pictures.
    """

    looks = 0
    most = 1 << 30
    shape: tuple[int, ...] = ()

    def __init__(self, model: Path) -> None:
        self.open = True

    def __call__(self, picture: Pixels) -> Seen | None:
        """All blendshapes are the picture's mean of 0 to 1; brows as `landmarks` puts them."""
        assert self.open and picture.dtype == np.uint8
        if Standin.looks == Standin.most:
            raise KeyboardInterrupt
        Standin.looks += 1
        Standin.shape = picture.shape
        shade = float(picture.mean())
        if shade < DARK:
            return None
        return Seen(np.full(len(BLENDSHAPES), shade / 255, np.float32), landmarks(0.2, 0.3))

    def close(self) -> None:
        """No picture comes after."""
        self.open = False


def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[Standin]:
    """Put the stand-in in MediaPipe's place, in this process."""
    monkeypatch.setattr(Standin, "looks", 0)
    monkeypatch.setattr(Standin, "most", 1 << 30)
    monkeypatch.setattr(teacher, "MediaPipe", Standin)
    return Standin


def landmarks(inner: float, outer: float) -> np.ndarray:
    """478 landmarks of an upright face, whose brows are so high over the eyes, by the distance of the outer corners."""
    points = np.zeros((478, 2), np.float32)
    for eye, (corners, side) in enumerate(zip(teacher.EYE_CORNERS, (-1, 1), strict=True)):
        points[list(corners)] = (0.5 + side * 0.2, 0.4), (0.5 + side * 0.08, 0.4)
        for brows, height in ((teacher.INNER_BROW, inner), (teacher.OUTER_BROW, outer)):
            points[list(brows[eye::2])] = 0.5 + side * 0.1, 0.4 - height * 0.4
    return points


def soft_labels(count: int = 200, seed: int = 0) -> SoftLabels:
    """Labels of as many faces, every second neutral, the last fifth for validation; the first was not found."""
    rng = np.random.default_rng(seed)
    neutral = np.arange(count) % 2 == 0
    blendshapes = (rng.random((count, len(BLENDSHAPES))) * np.where(neutral, 0.4, 1)[:, np.newaxis]).astype(np.float16)
    brows = rng.normal(0.2, 0.03, (count, 2)).astype(np.float32)
    blendshapes[0] = brows[0] = np.nan
    return SoftLabels(
        digests=digests(faces(count)),
        found=np.arange(count) > 0,
        blendshapes=blendshapes,
        brows=brows,
        neutral=neutral,
        splits=np.where(np.arange(count) < 0.8 * count, "train", "valid"),
        data="Test",
        teacher_sha256="0" * 64,
    )


def faces(count: int) -> Pixels:
    """So many different faces (N, 48, 48)."""
    return np.random.default_rng(7).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def unlabelled(pixels: Pixels, aus: tuple[int, ...] = AUS) -> Faces:
    """Faces (N, 48, 48) or (N, 48, 48, 3) of which nothing is known."""
    count = len(pixels)
    none, unknown = np.full(count, ""), np.full(count, UNKNOWN_EMOTION)
    labels = np.full((count, len(aus)), np.nan, np.float32)
    return Faces(pixels, aus, labels, unknown, np.zeros((count, len(EMOTIONS)), np.float32), none, none, none)


def column(au: int) -> list[int]:
    """Columns of the blendshapes that show an AU."""
    return [BLENDSHAPES.index(name) for name in TEACHES[au]]
