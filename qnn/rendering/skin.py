# SPDX-License-Identifier: Apache-2.0
"""Skin, brows and beards, painted on the chart."""

from __future__ import annotations

import numpy as np

from qnn.rendering.arrays import Floats
from qnn.rendering.chart import WIDE, Z, bump, noise, ramp


def paint_skin(rng: np.random.Generator, tone: float, old: float) -> Floats:
    """Part of the light that bare skin gives back, over the chart: tone with blotches, shades, freckles."""
    skin = 1 + rng.uniform(0.005, 0.025) * noise(rng, 10, 8) + rng.uniform(0.004, 0.013) * noise(rng, 70, 56)
    skin -= rng.uniform(-0.02, 0.10) * bump(0.040, -0.035, 0.016, 0.014)  # cheeks
    skin -= rng.uniform(0.0, 0.16) * bump(0.029, -0.013, 0.014, 0.006)  # under the eyes
    skin -= rng.uniform(0.0, 0.16) * bump(0.029, 0.006, 0.015, 0.006)  # lids
    skin -= rng.uniform(0.0, 0.10) * bump(0.0, -0.036, 0.012, 0.010)  # nose
    if rng.random() < 0.12:
        freckles = np.clip(noise(rng, 110, 88) - 1.6, 0, 1) * rng.uniform(0.05, 0.2)
        skin -= freckles * (0.4 + bump(0.02, -0.025, 0.03, 0.02))
    if rng.random() < 0.6 * old:
        skin -= 0.12 * np.clip(noise(rng, 40, 30) - 1.5, 0, 1)
    return np.asarray(tone * skin, np.float32)


def brow_density(rng: np.random.Generator, female: float) -> Floats:
    """How much brows hide of the skin, 0..1 over the chart: place, slant, arch, length and thickness vary."""
    thick = rng.uniform(0.65, 1.35) * (1.0 if female > 0.5 else 1.3)
    rise, arch, slant = rng.uniform(-0.0025, 0.003), rng.uniform(0.0, 0.006), rng.normal(0, 0.0018)
    inner, outer = rng.uniform(0.0085, 0.0155), rng.uniform(0.046, 0.057)
    along = (WIDE - inner) / (outer - inner)
    t = np.clip(along, 0, 1)
    middle = 0.0165 + rise + arch * np.sin(2.4 * t**1.4) + slant * (along - 0.5) + 0.0005 * noise(rng, 2, 3)
    half = 0.0036 * thick * (1.1 - rng.uniform(0.6, 0.8) * t**1.6)
    body = ramp(1 - np.abs(Z - middle) / half, -0.25, 0.55) * ramp(along, -0.10, 0.12) * ramp(-along, -1.06, -0.9)
    hairs = np.clip(0.85 + 0.2 * noise(rng, 150, 110), 0.4, 1.15)
    strength = rng.uniform(0.75, 1.0) if rng.random() < 0.88 else rng.uniform(0.25, 0.6)
    return np.asarray(np.clip(strength * body * hairs, 0, 1), np.float32)


def beard_density(rng: np.random.Generator) -> Floats:
    """How much a beard hides of the skin, 0..1 over the chart: stubble, full, moustache or goatee."""
    moustache = bump(0.009, -0.0565, 0.0155, 0.0048) * ramp(-Z, 0.048, 0.054)
    slant = rng.uniform(0.55, 1.45)
    jaw = ramp(-Z + slant * np.clip(WIDE - 0.035, 0, 1), 0.070, 0.083)
    mouth = np.exp(-((WIDE / 0.026) ** 4) - ((Z + 0.0685) / 0.010) ** 4)
    full = np.maximum(jaw * (1 - mouth), moustache)
    chin = np.exp(-((WIDE / 0.018) ** 4) - ((Z + 0.100) / 0.017) ** 4) * (1 - mouth)
    kind = rng.choice(4, p=[0.4, 0.25, 0.2, 0.15])
    shapes = (full, full, moustache, np.maximum(chin, moustache * rng.random()))
    strength = (rng.uniform(0.15, 0.45), rng.uniform(0.6, 0.95), 0.9, 0.85)[kind]
    return np.asarray(np.clip(strength * shapes[kind] * (0.85 + 0.3 * noise(rng, 130, 100)), 0, 1), np.float32)
