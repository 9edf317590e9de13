# SPDX-License-Identifier: Apache-2.0
"""Scenes: the head's turn, camera, light, background, and what a camera adds to a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from qnn.rendering.arrays import Floats, Pixels

CALM, WIDE, PALE, PLAIN, JAGGED = 0.4, 0.35, 0.3, 0.45, 0.35
"""Shares of the scenes in a set of faces that are calm, cut wider, of little contrast, plainly shaded, and jagged."""
WIDER, PALER = (1.0, 1.45), (0.45, 1.0)
"""Side of a wider cut beside a usual one, and contrast of a pale picture."""


@dataclass(frozen=True)
class Light:
    """Light on a head; directions are unit vectors towards a light: x to the head's left, y back, z up.

    Attributes:
        key: (3,), the strongest light, the one that casts shadows.
        key_strength: Of it.
        fill: (3,), a second light.
        fill_strength: Of it.
        ambient: From all around.
        above: How much more of that comes from above than from below, 0..1.
        front: From the camera.
        wrap: How far light reaches around a surface, 0..1: soft light and skin that scatters.
        shadow: How dark its shadows are, 0..1; 0 as if nothing stood in its way.
        occlusion: How much of what a point does not see of the surroundings it lacks, 0..1.
    """

    key: Floats
    key_strength: float
    fill: Floats
    fill_strength: float
    ambient: float
    above: float
    front: float
    wrap: float
    shadow: float = 1.0
    occlusion: float = 1.0


@dataclass(frozen=True)
class Scene:
    """Everything of a picture but the person and the expression.

    Attributes:
        yaw, pitch, roll: Radians.
        distance_m: From the camera to the eyes.
        light: Light.
        exposure: Of the face beside a usual one.
        gamma: Exponent from linear light to display values.
        contrast: Of display values around the face's.
        cloth: Part of the light that clothing gives back.
        zoom: Side of the cut beside a usual one.
        shift: How far the cut lies to the right and below, in heights of the face.
        degraded: Whether blur, noise and JPEG are added.
        jagged: Whether a pixel shows one point instead of the mean over its area.
        seed: Of everything else.
    """

    yaw: float
    pitch: float
    roll: float
    distance_m: float
    light: Light
    exposure: float
    gamma: float
    contrast: float
    cloth: float
    zoom: float
    shift: tuple[float, float]
    degraded: bool
    seed: int
    jagged: bool = False

    @property
    def rotation(self) -> Floats:
        """The head's turn, float32 (3, 3): yaw, then pitch, then roll."""
        angles = (self.yaw, self.pitch, self.roll)
        (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
        yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
        return np.asarray(roll @ pitch @ yaw, np.float32)


def make_scene(rng: np.random.Generator, calm: bool = False) -> Scene:
    """A scene drawn at random; a calm one is nearly frontal, evenly lit and undisturbed."""
    vary = 0.35 if calm else 1.0
    yaw = rng.normal(0, 0.24) if rng.random() < 0.8 else rng.uniform(-0.75, 0.75)
    return Scene(
        yaw=float(vary * yaw),
        pitch=float(vary * rng.normal(0, 0.14)),
        roll=float(vary * rng.normal(0, 0.11)),
        distance_m=float(np.exp(rng.uniform(np.log(0.45), np.log(2.3)))),
        light=_calm_light(rng) if calm else _light(rng),
        exposure=float(np.exp(rng.normal(-0.05, 0.25 * vary))),
        gamma=float(1 / rng.uniform(1.7, 2.6)),
        contrast=float(np.exp(rng.normal(0.18, 0.15 * vary))),
        cloth=float(rng.uniform(0.02, 0.8)),
        zoom=float(np.exp(rng.normal(0, 0.075 * vary))),
        shift=(float(rng.normal(0, 0.03 * vary)), float(rng.normal(0, 0.03 * vary))),
        degraded=not calm,
        seed=int(rng.integers(2**31)),
    )


def make_varied_scene(rng: np.random.Generator) -> Scene:
    """A scene for a set of faces: as all of them, or as cameras, finders and other renderers show faces."""
    scene = make_scene(rng, calm=bool(rng.random() < CALM))
    if rng.random() < WIDE:
        scene = replace(scene, zoom=float(scene.zoom * rng.uniform(*WIDER)))
    if rng.random() < PALE:
        scene = replace(scene, contrast=float(scene.contrast * rng.uniform(*PALER)))
    if rng.random() < PLAIN:
        shadow, occlusion = np.maximum(rng.uniform((-0.8, -0.5), 1), 0)
        scene = replace(scene, light=replace(scene.light, shadow=float(shadow), occlusion=float(occlusion)))
    return replace(scene, jagged=bool(rng.random() < JAGGED))


def _towards(azimuth: float, height: float) -> Floats:
    """A unit vector, from angles to the camera's direction."""
    flat = np.cos(height)
    return np.array([np.sin(azimuth) * flat, -np.cos(azimuth) * flat, np.sin(height)], np.float32)


def _calm_light(rng: np.random.Generator) -> Light:
    azimuth = float(rng.normal(0, 0.4))
    return Light(
        _towards(azimuth, rng.uniform(0.2, 0.7)), 0.75, _towards(-np.sign(azimuth), 0.2), 0.1, 0.22, 0.4, 0.08, 0.2
    )


def _light(rng: np.random.Generator) -> Light:
    """From the front, from the side, from above, from below, or flat."""
    kind = rng.choice(5, p=[0.42, 0.25, 0.13, 0.08, 0.12])
    to_side = rng.choice([-1, 1]) * rng.uniform(0.7, 1.7)
    azimuth = (rng.normal(0, 0.5), to_side, rng.normal(0, 0.5), rng.normal(0, 0.6), 0.0)[kind]
    heights = ((0.1, 0.8), (-0.2, 0.7), (0.8, 1.3), (-0.9, -0.3), (0.1, 0.4))
    strengths = ((0.5, 0.9), (0.6, 1.2), (0.6, 1.1), (0.5, 1.0), (0.1, 0.25))
    fill = np.array([-np.sign(azimuth) * rng.uniform(0.5, 1), rng.uniform(-1, 0.4), rng.uniform(-0.3, 0.6)], np.float32)
    return Light(
        key=_towards(azimuth, rng.uniform(*heights[kind])),
        key_strength=float(rng.uniform(*strengths[kind])),
        fill=fill / np.float32(np.linalg.norm(fill)),
        fill_strength=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.4 else 0.0,
        ambient=float(rng.uniform(0.45, 0.7) if kind == 4 else rng.uniform(0.05, 0.35)),
        above=float(rng.uniform(0.0, 0.7)),
        front=float(rng.uniform(0, 0.25)),
        wrap=float(rng.uniform(0.05, 0.35)),
    )


def background(rng: np.random.Generator, size: int) -> Floats:
    """What is behind the head, display values 0..1 (size, size): plain, a gradient, blurred things, rectangles."""
    kind = rng.choice(4, p=[0.3, 0.3, 0.2, 0.2])
    level = rng.choice([rng.uniform(0, 0.15), rng.uniform(0.1, 0.9), rng.uniform(0.85, 1.0)], p=[0.25, 0.5, 0.25])
    if kind in (1, 2):
        cells = rng.uniform(0, 1, (2 if kind == 1 else int(rng.integers(3, 10)),) * 2).astype(np.float32)
        picture = cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR if kind == 1 else cv2.INTER_CUBIC)
        return np.asarray(np.clip(picture, 0, 1), np.float32)
    plain = np.full((size, size), level, np.float32)
    if kind == 3:
        for _ in range(int(rng.integers(2, 7))):
            (x, y), (w, h) = rng.integers(-size // 3, size, 2), rng.integers(size // 8, size, 2)
            cv2.rectangle(plain, (int(x), int(y)), (int(x + w), int(y + h)), float(rng.random()), -1)
        return np.asarray(cv2.GaussianBlur(plain, (0, 0), float(rng.uniform(0.5, 6))), np.float32)
    return plain


def develop(picture: Floats, rng: np.random.Generator, degraded: bool) -> Pixels:
    """Display values 0..1 as uint8, with a camera's blur or sharpening, noise and JPEG in moderation."""
    if not degraded:
        return _pixels(picture)
    blurred, kind = np.asarray(picture, np.float32), rng.choice(3, p=[0.5, 0.25, 0.25])
    if kind == 1:
        blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 0.6))), np.float32)
    elif kind == 2:
        detail = picture - np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.float32)
        blurred = picture + np.float32(rng.uniform(0.2, 0.6)) * detail
    pixels = _pixels(blurred + rng.normal(0, np.abs(rng.normal(0, 0.008)), picture.shape))
    if rng.random() < 0.35:
        _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels


def _pixels(picture: npt.NDArray[np.floating]) -> Pixels:
    """Display values 0..1 as uint8."""
    return np.clip(np.round(255 * picture), 0, 255).astype(np.uint8)
