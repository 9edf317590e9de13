# SPDX-License-Identifier: Apache-2.0
"""The chart: the average face seen from the front, on which skin, hair and folds are painted."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from qnn.rendering.arrays import Floats

TEXEL_M = 0.0006
TOP_M, SIDE_M = 0.105, 0.096
"""Upper edge over the eyes, and half the width."""
ROWS, COLUMNS = 400, 320
MIDDLE = COLUMNS // 2
"""The head's left half begins at this column."""

_rows, _columns = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32) + np.float32(0.5)
X: Floats = _columns * np.float32(TEXEL_M) - np.float32(SIDE_M)
"""Metres to the head's left of the nose, (ROWS, COLUMNS)."""
Z: Floats = np.float32(TOP_M) - _rows * np.float32(TEXEL_M)
"""Metres over the eyes, (ROWS, COLUMNS)."""
WIDE: Floats = np.abs(X)


def place(canonical: Floats) -> Floats:
    """Row and column (V, 2) of corners (V, 3) of the average head."""
    return np.stack([(TOP_M - canonical[:, 2]) / TEXEL_M, (canonical[:, 0] + SIDE_M) / TEXEL_M], 1).astype(np.float32)


def ramp(x: npt.ArrayLike, low: float, high: float) -> Floats:
    """A smooth step from 0 at low to 1 at high."""
    t = np.clip((np.asarray(x) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def bump(x: float, z: float, width: float, height: float) -> Floats:
    """Gaussian hills of height 1 at (x, z) and (-x, z), metres."""
    return np.asarray(np.exp(-(((WIDE - x) / width) ** 2) - ((Z - z) / height) ** 2), np.float32)


def stroke(points: Sequence[tuple[float, float]], width: float, mirrored: bool = True) -> Floats:
    """A smooth line through points (x, z): 1 at its middle, Gaussian across, fading at both ends; on both sides."""
    drawn = np.zeros((ROWS, COLUMNS), np.float32)
    t, at = np.linspace(0, 1, 24), np.linspace(0, 1, len(points))
    degree = min(len(points) - 1, 3)
    x, z = (np.polyval(np.polyfit(at, np.array(points)[:, i], degree), t) for i in range(2))
    strength = np.clip(6.4 * t * (1 - t), 0, 1)
    for side in (1, -1) if mirrored else (1,):
        column, row = (side * x + SIDE_M) / TEXEL_M, (TOP_M - z) / TEXEL_M
        corners = np.round(np.stack([column, row], 1) * 16).astype(int)
        for i in range(len(t) - 1):
            piece = np.zeros_like(drawn)
            a, b = ((int(corners[k, 0]), int(corners[k, 1])) for k in (i, i + 1))
            cv2.line(piece, a, b, float(strength[i] + strength[i + 1]) / 2, 1, cv2.LINE_AA, 4)
            np.maximum(drawn, piece, out=drawn)
    blurred = cv2.GaussianBlur(drawn, (0, 0), width / TEXEL_M)
    return np.asarray(blurred / blurred.max(), np.float32)


def noise(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Smooth noise of about unit variance, with so many independent cells."""
    cells = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(cells, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC), np.float32)
