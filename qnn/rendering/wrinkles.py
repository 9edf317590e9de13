# SPDX-License-Identifier: Apache-2.0
"""Folds and bulges that action units draw into skin: heights over the chart, in metres."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from qnn.rendering.actions import AUS
from qnn.rendering.arrays import Floats
from qnn.rendering.chart import COLUMNS, MIDDLE, ROWS, TEXEL_M, WIDE, X, Z, bump, noise, ramp, stroke

VARIANTS = 12
"""Sets of irregularities, one of which a person has."""
DEEPEST = 1.8
MM = 0.001
NASOLABIAL = ((0.0165, -0.040), (0.0215, -0.046), (0.0265, -0.055), (0.0300, -0.067))

FOLDS: dict[int, dict[str, float]] = {
    1: {"forehead_inner": 1.0, "forehead_outer": 0.12},
    2: {"forehead_outer": 1.0, "forehead_inner": 0.2},
    4: {"glabella": 1.0, "nasion": 0.3},
    5: {"forehead_outer": 0.1},
    6: {"crow": 1.0, "infraorbital": 1.0, "cheek": 1.0, "nasolabial_upper": 0.45, "lid": 0.3},
    7: {"lid": 1.0, "crow": 0.15},
    9: {"bunny": 1.0, "nasion": 1.0, "nasolabial_upper": 0.9, "infraorbital": 0.35, "glabella": 0.35},
    10: {"nasolabial_upper": 0.8, "nasolabial": 0.35},
    12: {"nasolabial": 1.0, "cheek": 0.35, "dimple": 0.3},
    14: {"dimple": 1.0, "nasolabial": 0.2},
    15: {"marionette": 1.0, "chin": 0.25},
    17: {"chin": 1.0, "mentolabial": 1.0},
    20: {"stretch": 1.0, "nasolabial": 0.2},
    23: {"perioral": 1.0, "mentolabial": 0.3},
    25: {},
    26: {"nasolabial": 0.1},
}
"""Which folds an AU draws, and how deep beside the others."""
AT_REST = ("forehead_inner", "forehead_outer", "glabella", "crow", "nasolabial", "marionette")
"""Folds that stay in old faces."""


@lru_cache(maxsize=VARIANTS)
def folds(variant: int) -> dict[str, Floats]:
    """Heights (ROWS, COLUMNS) of every fold at full depth, in metres; the variant decides about irregularities."""
    rng = np.random.default_rng([77, variant])
    return {name: np.ascontiguousarray(MM * height, np.float32) for name, height in _upper(rng).items()} | {
        name: np.ascontiguousarray(MM * height, np.float32) for name, height in _lower(rng).items()
    }


def _upper(rng: np.random.Generator) -> dict[str, Floats]:
    """Folds of forehead and eyes, in millimetres."""
    wave = 0.0012 * noise(rng, 6, 7) + 0.003 * np.cos(WIDE / 0.02)
    stripes = np.cos(2 * np.pi * (Z - 0.036 + wave) / rng.uniform(0.0075, 0.0098))
    forehead = np.sign(stripes) * np.abs(stripes) ** 0.7 * ramp(Z, 0.029, 0.037) * ramp(-Z, -0.066, -0.055)
    low, high = rng.normal(0.0068, 3e-4), rng.uniform(0.028, 0.034)
    glabella = stroke(((low, 0.012), (0.0062, 0.021), (0.0085, high)), 0.0013)
    beside = stroke(((0.0125, 0.016), (0.0125, 0.023), (0.014, 0.030)), 0.0011)
    crow = [
        stroke(((0.0455, start), (0.0525, start + 0.4 * (end - start)), (0.061, end)), 0.0012)
        for start, end in zip((0.002, -0.001, -0.004), rng.normal((0.011, 0.0015, -0.009), 0.0012), strict=True)
    ]
    under = stroke(((0.0165, -0.010), (0.024, -0.0175), (0.034, -0.0195), (0.044, -0.0145)), 0.0020)
    lid = stroke(((0.0215, -0.0075), (0.030, -0.0098), (0.039, -0.0085)), 0.0013)
    bag = stroke(((0.0165, -0.012), (0.025, -0.0185), (0.036, -0.0185)), 0.0017)
    bunny = [
        stroke(((0.0135, z), (0.0095, z + 0.0028), (0.0045, z + 0.0035)), 0.0011) for z in (-0.004, -0.0095, -0.015)
    ]
    between = 1.3 * bump(0, 0.021, 0.0045, 0.009) + 0.9 * bump(0.0105, 0.019, 0.003, 0.007)
    return {
        "forehead_inner": 0.9 * forehead * np.exp(-((WIDE / 0.026) ** 4)),
        "forehead_outer": 0.8 * forehead * np.exp(-(((WIDE - 0.043) / 0.019) ** 4)),
        "glabella": between - 2.0 * glabella - 0.8 * beside,
        "nasion": -1.5 * stroke(((-0.009, 0.0075), (0, 0.006), (0.009, 0.0075)), 0.0012, mirrored=False),
        "crow": -1.05 * np.sum(crow, axis=0),
        "infraorbital": 1.4 * bump(0.031, -0.0105, 0.012, 0.0033) - 1.25 * under,
        "cheek": 4.2 * bump(0.036, -0.031, 0.0145, 0.0095),
        "lid": 1.3 * bump(0.030, -0.0072, 0.010, 0.0018) - 1.0 * lid,
        "bags": 1.0 * bump(0.030, -0.0125, 0.0115, 0.004) - 0.9 * bag,
        "bunny": 0.9 * bump(0.0115, -0.0105, 0.004, 0.008) - 1.3 * np.sum(bunny, axis=0),
    }


def _lower(rng: np.random.Generator) -> dict[str, Floats]:
    """Folds around nose, mouth and chin, in millimetres."""
    beside = [(x + 0.005, z + 0.004) for x, z in NASOLABIAL]
    corner = stroke(((0.0262, -0.0705), (0.0285, -0.077), (0.0285, -0.085)), 0.0015)
    stretch = stroke(((0.0315, -0.061), (0.0345, -0.068), (0.0340, -0.077)), 0.0013)
    outer = stroke(((0.0375, -0.063), (0.0405, -0.069), (0.0395, -0.077)), 0.0012)
    cells = cv2.GaussianBlur(rng.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32), (0, 0), 0.0017 / TEXEL_M)
    chin = np.exp(-((WIDE / 0.015) ** 4) - ((Z + 0.0935) / 0.0105) ** 4)
    under_lip = stroke(((-0.017, -0.0865), (0, -0.0825), (0.017, -0.0865)), 0.0017, mirrored=False)
    radial = np.cos(2 * np.pi * X / 0.0042 + 0.8 * noise(rng, 5, 5))
    return {
        "nasolabial": 1.7 * stroke(beside, 0.0035) - 2.1 * stroke(NASOLABIAL, 0.0017),
        "nasolabial_upper": 1.2 * stroke(beside[:3], 0.003) - 2.2 * stroke(NASOLABIAL[:3], 0.0017),
        "dimple": -2.4 * bump(0.0295, -0.0675, 0.0024, 0.0042),
        "marionette": 1.1 * bump(0.032, -0.077, 0.0035, 0.007) - 1.9 * corner,
        "stretch": -1.5 * stretch - 1.0 * outer,
        "chin": 0.5 * cells / cells.std() * chin + 1.8 * bump(0, -0.0925, 0.0125, 0.008),
        "mentolabial": -1.8 * under_lip,
        "perioral": 0.25 * radial * (bump(0, -0.0575, 0.017, 0.004) + bump(0, -0.0845, 0.017, 0.004)),
    }


def height_map(
    left: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    depths: Mapping[str, float],
    at_rest: Mapping[str, float],
    variant: int,
) -> Floats:
    """Height of the skin (ROWS, COLUMNS), metres.

    Args:
        left: AU weights (16,) of the head's left half.
        right: Of its right half.
        depths: Per fold, how deep this person's skin folds at weight 1.
        at_rest: Per fold, how deep it is in the face at rest.
        variant: Below VARIANTS.
    """
    heights = folds(variant)
    skin = np.zeros((ROWS, COLUMNS), np.float32)
    for weights, half in ((right, slice(None, MIDDLE)), (left, slice(MIDDLE, None))):
        amount = dict(at_rest)
        for au, weight in zip(AUS, weights, strict=True):
            if weight > 0:
                for name, share in FOLDS[au].items():
                    amount[name] = amount.get(name, 0.0) + share * depths[name] * float(weight)
        for name, depth in amount.items():
            skin[:, half] += np.float32(min(depth, DEEPEST)) * heights[name][:, half]
    return skin
