# SPDX-License-Identifier: Apache-2.0
"""Hair: where it grows, the shell that it forms over the scalp, and a curtain of long hair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qnn.rendering.arrays import Floats
from qnn.rendering.chart import COLUMNS, ROWS, TOP_M, WIDE, X, Z, noise, ramp
from qnn.rendering.head import Head
from qnn.rendering.mesh import HAIR, SKIN, Mesh, strip

BACK_M = 0.075
"""The middle of the skull lies so far behind the eyes."""
STRANDS, LENGTHS = 36, 10


@dataclass(frozen=True)
class Hair:
    """A person's hair, or a scarf over it.

    Attributes:
        tone: Part of the light that it gives back.
        scalp: (ROWS, COLUMNS), 1 where the face's front is covered by it.
        sides: (V,), 1 where it grows at the sides and at the back of the head.
        streaks: (ROWS, COLUMNS), how tone varies.
        thickness_m: Of the shell over the scalp; 0 for hair that is shorn or gone.
        length: Of a curtain around the head, 0 for none, 1 to the shoulders.
        opening_rad: How far from the front the curtain begins.
        volume_m: How far the curtain is off the head.
        flare_m: How much wider it is below.
        waves: Number by which its waves are drawn.
    """

    tone: float
    scalp: Floats
    sides: Floats
    streaks: Floats
    thickness_m: float
    length: float
    opening_rad: float
    volume_m: float
    flare_m: float
    waves: int


def make_hair(head: Head, rng: np.random.Generator, skin: float, female: float, old: float) -> Hair:
    """Hair drawn at random: bald, shorn, short, with a fringe, long, or under a scarf."""
    bald = rng.random() < (0.06 + 0.22 * old) * (1.4 - female)
    scarf = not bald and rng.random() < 0.05
    black, brown, fair = rng.uniform(0.015, 0.06), rng.uniform(0.06, 0.2), rng.uniform(0.2, 0.5)
    tone = float(rng.choice([black, brown, fair], p=[0.55, 0.3, 0.15]))
    if rng.random() < 0.85:
        tone = min(tone, max(0.9 * skin, 0.02))
    if old > 0.4 and rng.random() < 0.6:
        tone = float(rng.uniform(0.2, 0.6))
    streaks = 0.25 * noise(rng, 8, 150) + 0.2 * noise(rng, 5, 40)
    thickness = float(rng.choice([0.0, rng.uniform(0.002, 0.008), rng.uniform(0.008, 0.03)], p=[0.22, 0.38, 0.4]))
    length = float(rng.uniform(0.5, 1.0)) if rng.random() < 0.12 + 0.6 * (female > 0.5) else 0.0
    if scarf:
        tone, streaks, thickness, length = float(rng.uniform(0.02, 0.75)), 0.3 * streaks, 0.006, 1.0
    return Hair(
        tone=tone,
        scalp=_scalp(rng, old, bald, scarf),
        sides=_sides(head, rng, bald),
        streaks=np.asarray(streaks, np.float32),
        thickness_m=0.0 if bald else thickness,
        length=0.0 if bald else length,
        opening_rad=float(rng.uniform(0.75, 0.95) if scarf else rng.uniform(0.9, 1.35)),
        volume_m=thickness + float(rng.uniform(0.002, 0.014)),
        flare_m=float(rng.uniform(-0.002, 0.007)),
        waves=int(rng.integers(2**31)),
    )


def without_hair(hair: Hair) -> Hair:
    """The same head bald."""
    return replace(hair, scalp=np.zeros_like(hair.scalp), sides=np.zeros_like(hair.sides), thickness_m=0.0, length=0.0)


def _scalp(rng: np.random.Generator, old: float, bald: bool, scarf: bool) -> Floats:
    """Where hair covers the front."""
    if bald:
        return np.zeros((ROWS, COLUMNS), np.float32)
    jagged = 0.003 * noise(rng, 12, 40) + 0.004 * noise(rng, 3, 8)
    if scarf:
        edge = rng.uniform(0.035, 0.06) - 9 * np.clip(WIDE - rng.uniform(0.044, 0.056), 0, 1)
        jagged = 0.2 * jagged
    elif rng.random() < 0.22:  # a fringe
        parting = rng.uniform(-0.06, 0.06)
        edge = rng.uniform(0.022, 0.045) + rng.uniform(0, 0.5) * np.abs(X - parting) * rng.choice([-0.4, 1.0])
        edge = np.where(WIDE > 0.052, np.minimum(edge, 0.03), edge)
    else:
        peak, temple = rng.uniform(-0.006, 0.008), rng.uniform(0.044, 0.060)
        edge = rng.uniform(0.046, 0.076) + 0.004 * old - peak * np.exp(-((X / 0.012) ** 2))
        edge = edge - 2.6 * np.clip(WIDE - temple, 0, 1)
    return ramp(Z + jagged - edge, -0.001, 0.003)


def _sides(head: Head, rng: np.random.Generator, bald: bool) -> Floats:
    """Where hair grows beside and behind the face, on the corners of the head."""
    y, z = head.canonical[:, 1], head.canonical[:, 2]
    behind = ramp(y, 0.085, 0.105)
    beside = ramp(z, rng.uniform(-0.03, 0.0), 0.012)
    grows = ramp(y, 0.040, 0.052) * (behind * ramp(z, -0.06, -0.04) + (1 - behind) * beside)
    if bald:
        grows = grows * ramp(-z, -0.05, -0.02) * np.float32(rng.random() < 0.6)
    return np.asarray(grows * (1 - ramp(head.ear, 0.2, 0.5)), np.float32)


def shell(head: Head, hair: Hair, vertices: Floats, normals: Floats) -> Mesh:
    """The skin of the scalp, moved outwards by the hair's thickness; what is no scalp is cut out when it is drawn."""
    c = head.canonical
    bulk = hair.thickness_m * (0.3 + 0.7 * ramp(c[:, 2], 0.03, TOP_M))
    bulk = bulk * (1 + 0.15 * np.sin(140 * c[:, 0] + hair.waves % 7) * np.cos(90 * c[:, 1]))
    high = (c[:, 2] > 0.012) | ((c[:, 1] > 0.035) & (c[:, 2] > -0.06))
    kept = (head.kinds == SKIN) & high[head.faces].any(1) & (head.ear[head.faces].max(1) < 0.3)
    faces = head.faces[kept]
    surface = np.column_stack([head.surface, hair.sides])
    moved = vertices + normals * np.asarray(bulk + 0.0005, np.float32)[:, np.newaxis]
    return Mesh(moved, normals, faces, np.full(len(faces), HAIR, np.int32), head.chart, c, surface)


def curtain(head: Head, hair: Hair, vertices: Floats) -> Mesh:
    """Long hair: a sheet around the back and the sides of the head."""
    rng = np.random.default_rng(hair.waves)
    turn = np.linspace(hair.opening_rad, 2 * np.pi - hair.opening_rad, STRANDS)
    z = np.linspace(0.075, -0.07 - 0.15 * hair.length, LENGTHS)[:, np.newaxis]
    temples = np.abs(vertices[(head.canonical[:, 2] > -0.02) & (head.canonical[:, 2] < 0.05), 0])
    radius = np.percentile(temples, 97) + hair.volume_m * np.sin(np.clip((0.1 - z) / 0.09, 0, 1) * np.pi / 2)
    radius = radius - 0.02 * ramp(z, 0.02, 0.08) + hair.flare_m * ramp(-z, 0.0, 0.1)
    radius = radius + rng.uniform(0.001, 0.004) * np.sin(rng.integers(5, 14) * turn + 40 * z)
    side, back = np.broadcast_to(np.sin(turn), radius.shape), np.broadcast_to(np.cos(turn), radius.shape)
    sheet = np.stack([radius * side, BACK_M - 1.15 * radius * back, np.broadcast_to(z, radius.shape)], -1)
    sheet = sheet.reshape(-1, 3).astype(np.float32)
    outward = np.stack([side, -back, np.zeros_like(side)], -1).reshape(-1, 3).astype(np.float32)
    rows, columns = np.meshgrid(
        np.linspace(20, ROWS - 20, LENGTHS), np.linspace(10, COLUMNS - 10, STRANDS), indexing="ij"
    )
    chart = np.stack([rows, columns], -1).reshape(-1, 2).astype(np.float32)
    surface = np.tile(np.array([0.8, 0, 0, 1], np.float32), (len(sheet), 1))
    faces = strip(LENGTHS, STRANDS)
    return Mesh(sheet, outward, faces, np.full(len(faces), HAIR, np.int32), chart, sheet, surface)
