# SPDX-License-Identifier: Apache-2.0
"""Robustness: what is left of an F1 where faces are noisy, blurred, compressed, coarse, dark or half covered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from board.core.arrays import Pixels
from qnn.evaluation.aus.statistics import Estimate, Mask, Resampling, f1, ratio

NOISE_SD, BLUR_SD_PX, JPEG_QUALITY, COARSE_PX, GAIN = 15.0, 1.5, 10, 16, 0.25
COVER = 128
"""Grey of what covers half a face."""

Damage = Callable[[npt.NDArray[np.uint8], np.random.Generator], npt.NDArray[np.uint8]]
"""Makes faces (N, 48, 48) or (N, 48, 48, 3) into damaged ones."""


def noisy(faces: Pixels, rng: np.random.Generator) -> Pixels:
    """Add normal noise of NOISE_SD, the same in all three channels."""
    noise = rng.normal(0, NOISE_SD, faces.shape[:3])
    return _rounded(faces + (noise if faces.ndim == 3 else noise[..., np.newaxis]))


def dim(faces: Pixels, rng: np.random.Generator) -> Pixels:
    """A GAIN of the light."""
    return _rounded(faces * GAIN)


def _rounded(faces: npt.NDArray[np.floating[Any]]) -> Pixels:
    return np.clip(np.rint(faces), 0, 255).astype(np.uint8)


def _each(change: Callable[[Pixels], npt.NDArray[np.generic]]) -> Damage:
    """Damage of one face at a time."""
    return lambda faces, rng: np.stack([np.asarray(change(face), np.uint8) for face in faces])


def _blurred(face: Pixels) -> npt.NDArray[np.generic]:
    return np.asarray(cv2.GaussianBlur(face, (0, 0), BLUR_SD_PX, borderType=cv2.BORDER_REPLICATE))


def _compressed(face: Pixels) -> npt.NDArray[np.generic]:
    written, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert written
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if face.ndim == 2 else cv2.IMREAD_COLOR))


def _coarse(face: Pixels) -> npt.NDArray[np.generic]:
    small = cv2.resize(face, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def _covered(rows: slice, columns: slice) -> Damage:
    def covered(faces: Pixels, rng: np.random.Generator) -> Pixels:
        found = faces.copy()
        found[:, rows, columns] = COVER
        return found

    return covered


HALF, ALL = slice(24, None), slice(None)
DAMAGES: dict[str, Damage] = {
    f"noise, sd {NOISE_SD:g}": noisy,
    f"blur, sd {BLUR_SD_PX:g} px": _each(_blurred),
    f"JPEG, quality {JPEG_QUALITY}": _each(_compressed),
    f"{COARSE_PX} px": _each(_coarse),
    f"gain {GAIN:g}": dim,
    "one side covered": _covered(ALL, HALF),
    "lower half covered": _covered(HALF, ALL),
    "upper half covered": _covered(slice(None, 24), ALL),
}
"""By what a reader calls it."""


@dataclass(frozen=True)
class Left:
    """What is left under one damage.

    Attributes:
        micro_f1: Over all AUs and faces.
        of_clean: Its ratio to that of the same faces undamaged.
    """

    micro_f1: Estimate
    of_clean: Estimate


def robustness(
    clean: Mask, damaged: Mapping[str, Mask], active: Mask, known: Mask, resampling: Resampling
) -> dict[str, Left]:
    """Hold calls on damaged faces against those on clean ones.

    Args:
        clean: AUs called present on the faces, (N, AUs).
        damaged: The same on the damaged faces, by damage.
        active: AUs that are present, (N, AUs).
        known: Where that is known, (N, AUs).
        resampling: Over the faces' subjects.
    """
    values = resampling.values(
        {"": f1(clean, active, known)} | {name: f1(called, active, known) for name, called in damaged.items()}
    )
    base = values.pop("")
    found = {"clean": Left(Estimate.of(base), Estimate.of(ratio(base, base)))}
    return found | {name: Left(Estimate.of(each), Estimate.of(ratio(each, base))) for name, each in values.items()}
