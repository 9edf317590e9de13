# SPDX-License-Identifier: Apache-2.0
"""What hides parts of a face: glasses, and hands, bars or cloth before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from qnn.rendering.arrays import Floats

Projection = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Points (N, 3) in the head's frame, metres -> columns and rows (N, 2) of the picture."""
EAR_M = (0.072, 0.035)
"""Temples of glasses end so far to the side and behind the lenses."""


@dataclass(frozen=True)
class Glasses:
    """Glasses; lengths in metres.

    Attributes:
        width: Half of a lens.
        height: Half of a lens.
        power: Exponent of its outline, a superellipse: 2 round, 5 nearly a rectangle.
        thick: Of the frame.
        tone: Part of the light that the frame gives back.
        drop: How far they have slid down.
        tint: Part of the light that the lenses keep, near 1 for sunglasses.
    """

    width: float
    height: float
    power: float
    thick: float
    tone: float
    drop: float
    tint: float


def make_glasses(rng: np.random.Generator) -> Glasses:
    """Glasses drawn at random; one in seven is tinted."""
    return Glasses(
        width=float(rng.uniform(0.022, 0.029)),
        height=float(rng.uniform(0.014, 0.025)),
        power=float(rng.uniform(2, 5)),
        thick=float(rng.uniform(0.0008, 0.0035)),
        tone=float(rng.choice([0.02, 0.1, 0.6], p=[0.65, 0.25, 0.1])),
        drop=float(rng.uniform(-0.004, 0.006)),
        tint=float(rng.uniform(0.75, 1.0)) if rng.random() < 0.15 else 0.0,
    )


def draw_glasses(image: Floats, project: Projection, glasses: Glasses, eyes: Floats, light: float) -> None:
    """Draw glasses.

    Args:
        image: (S, S), linear light, changed in place.
        project: Into this image.
        glasses: Which.
        eyes: (2, 3), the middle of the left and of the right eyeball in the head's frame.
        light: What white would give back.
    """
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    across, up = (np.sign(f) * np.abs(f) ** (2 / glasses.power) for f in (np.cos(turn), np.sin(turn)))
    front = float(eyes[:, 1].mean()) - 0.033
    outlines = []
    for eye, side in zip(eyes, (1, -1), strict=True):
        beside = glasses.width * across
        bend = 0.1 * np.abs(beside + 0.01 * side)
        high = eye[2] - 0.004 - glasses.drop + glasses.height * up
        outlines.append(_fixed(project(np.stack([1.06 * eye[0] + beside, front + bend, high], 1))))
    lenses = np.zeros_like(image)
    cv2.fillPoly(lenses, outlines, 1.0, cv2.LINE_AA, 4)
    image += glasses.tint * lenses * (0.012 * light - image)
    scale = np.linalg.norm(np.diff(project(np.array([[0, front, 0], [0.01, front, 0]])), axis=0)) / 0.01
    thick = max(1, round(float(glasses.thick * scale)))
    frame = np.zeros_like(image)
    cv2.polylines(frame, outlines, True, 1.0, thick, cv2.LINE_AA, 4)
    x, z = 1.06 * float(np.abs(eyes[:, 0]).mean()), float(eyes[:, 2].mean()) - glasses.drop
    inner, outer = x - glasses.width, x + glasses.width
    bridge = np.array([[-inner, front, z], [inner, front, z]])
    temples = [
        np.array([[side * outer, front + 0.006, z], [side * EAR_M[0], front + EAR_M[1], z + 0.002]]) for side in (1, -1)
    ]
    for line in (bridge, *temples):
        cv2.polylines(frame, [_fixed(project(line))], False, 1.0, thick, cv2.LINE_AA, 4)
    image += 0.93 * frame * (0.8 * glasses.tone * light - image)


def _fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Points as OpenCV draws them with four binary places."""
    return np.round(np.clip(points, -2000, 2000) * 16).astype(np.int32)


def draw_obstacle(image: Floats, rng: np.random.Generator, skin: float, light: float) -> str:
    """Draw something before a face, into linear light (S, S), in place; returns what it is."""
    kind = str(rng.choice(["hand", "bar", "cloth"], p=[0.55, 0.25, 0.2]))
    {"hand": _hand, "bar": _bar, "cloth": _cloth}[kind](image, rng, skin, light)
    return kind


def _bar(image: Floats, rng: np.random.Generator, skin: float, light: float) -> None:
    """A rectangle of any tone, also one as text or a watermark leaves."""
    size = len(image)
    start = rng.uniform(-0.2, 1.0, 2) * size
    end = start + rng.uniform(0.1, 0.5, 2) * size
    mask = np.zeros_like(image)
    cv2.rectangle(mask, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, -1)
    image += mask * (float(rng.choice([0.0, 1.0, rng.random()])) * light - image)


def _cloth(image: Floats, rng: np.random.Generator, skin: float, light: float) -> None:
    """A scarf or collar over mouth or chin."""
    size = len(image)
    x = np.linspace(0, size, 6)
    y = size * (rng.uniform(0.62, 0.95) + rng.normal(0, 0.03, 6) - 0.06 * np.sin(np.pi * x / size))
    outline = np.vstack([np.stack([x, y], 1), [[size, size], [0, size]]])
    mask = np.zeros_like(image)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0)
    cells = rng.normal(1, 0.15, (6, 10)).astype(np.float32)
    pleats = cv2.resize(cells, image.shape, interpolation=cv2.INTER_CUBIC)
    image += mask * (rng.uniform(0.02, 0.7) * light * pleats - image)


def _hand(image: Floats, rng: np.random.Generator, skin: float, light: float) -> None:
    """Two to four fingers from below, at cheek, mouth or chin."""
    size = len(image)
    side = rng.choice([-1, 1])
    root = size * np.array([0.5 + side * rng.uniform(0.2, 0.6), rng.uniform(0.85, 1.15)])
    tip = size * np.array([0.5 + side * rng.uniform(0.0, 0.35), rng.uniform(0.35, 0.8)])
    along = (tip - root) / (np.linalg.norm(tip - root) + 1e-9)
    across, width = np.array([-along[1], along[0]]), size * rng.uniform(0.08, 0.11)
    for k in range(int(rng.integers(2, 5))):
        a = root + across * width * (k - 1.5)
        b = tip + across * width * (k - 1.5) * rng.uniform(0.9, 1.15) + rng.normal(0, 0.03, 2) * size
        finger = np.zeros_like(image)
        cv2.line(finger, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 1.0, int(width), cv2.LINE_AA)
        round_ = cv2.GaussianBlur(finger, (0, 0), width / 5) ** 2
        image += finger * (skin * light * (0.35 + 0.65 * round_) - image)
