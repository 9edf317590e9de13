# SPDX-License-Identifier: Apache-2.0
"""One face from a person, an expression and a scene: 48x48 pixels."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from board.faces.crop import SIDE_PX
from qnn.rendering.actions import action_strengths
from qnn.rendering.arrays import Floats, Pixels
from qnn.rendering.camera import Camera, Framing
from qnn.rendering.chart import TEXEL_M
from qnn.rendering.expressions import Expression
from qnn.rendering.hair import curtain, shell
from qnn.rendering.head import Head
from qnn.rendering.mesh import CLOTH, MOUTH, SKIN, TONGUE, Mesh, join
from qnn.rendering.obstacles import draw_glasses, draw_obstacle
from qnn.rendering.person import Person
from qnn.rendering.raster import light_reaching, rasterise, vertex_normals
from qnn.rendering.scene import Scene, background, develop
from qnn.rendering.shading import SURFACE, light_array, shade
from qnn.rendering.teeth import teeth
from qnn.rendering.wrinkles import height_map

SAMPLES = 3
"""Per pixel and axis."""
LARGEST_ACTION = 1.4
MIDDLE_GREY, GREY_EXPONENT, BRIGHTEST = 0.55, 0.45, 0.5
"""A face of tone t is exposed to linear light MIDDLE_GREY t**GREY_EXPONENT, at most BRIGHTEST."""


class Painted(NamedTuple):
    """A face, and what was held before it or nothing."""

    pixels: Pixels
    obstacle: str


class Painter:
    """Draws faces of one head; keeps what is the same for all."""

    def __init__(self, head: Head, side_px: int = SIDE_PX, samples: int = SAMPLES) -> None:
        """Prepare; pictures have side_px pixels a side, of samples x samples each."""
        self.head = head
        self._side, self._samples = side_px, samples
        self._framing = Framing(head)
        self._action = {name: i for i, name in enumerate(head.action_names)}
        self._opaque = head.faces[np.isin(head.kinds, (SKIN, CLOTH))]
        self._jaw = head.near((0, 0.012), (-0.105, -0.088), 0.0)
        self._eye_x = float(np.abs(head.canonical[np.concatenate(head.eyes), 0]).mean())

    def paint(
        self, person: Person, expression: Expression, scene: Scene, glasses: bool = True, obstacle: bool = False
    ) -> Painted:
        """A face: who, with which expression, in which scene, with the person's glasses or something before it."""
        rng = np.random.default_rng(scene.seed)
        size = self._side * self._samples
        strengths = action_strengths(expression.left, expression.right)
        for name, strength in expression.others.items():
            strengths[name] = strengths.get(name, 0.0) + strength
        moved = person.vertices + person.mobility * self._offsets(strengths)
        jaw = self._offsets({name: s for name, s in strengths.items() if name.startswith("jaw")})[self._jaw].mean(0)
        camera = self._framing.camera(scene, person.vertices, moved, size)
        image = self._light(person, expression, scene, camera, moved, jaw)
        drawn = image >= 0
        face_light = max(float(np.median(image[drawn])) if drawn.any() else 0.0, 1e-3)
        exposed = min(MIDDLE_GREY * person.skin**GREY_EXPONENT * scene.exposure, BRIGHTEST)
        image *= np.float32(exposed / face_light)
        white = exposed / person.skin
        behind = background(rng, size) ** np.float32(1 / scene.gamma)
        if glasses and person.glasses:
            eyes = np.stack([moved[eye].mean(0) for eye in self.head.eyes])
            image = np.where(drawn, image, behind)
            draw_glasses(image, camera.project, person.glasses, eyes, white)
        else:
            image = np.where(drawn, image, behind)
        held = draw_obstacle(image, rng, person.skin, white) if obstacle else ""
        pixels = cv2.INTER_NEAREST if scene.jagged else cv2.INTER_AREA
        small = cv2.resize(np.clip(image, 0, 1.3), (self._side, self._side), interpolation=pixels)
        display, middle = np.clip(small, 0, 1) ** scene.gamma, exposed**scene.gamma
        return Painted(develop(middle + scene.contrast * (display - middle), rng, scene.degraded), held)

    def _offsets(self, strengths: dict[str, float]) -> Floats:
        """How far facial actions move the corners, (V, 3)."""
        numbers = [self._action[name] for name in strengths]
        amount = np.clip(np.array(list(strengths.values()), np.float32), 0, LARGEST_ACTION)
        return np.asarray(np.tensordot(amount, self.head.actions[numbers], 1), np.float32)

    def _light(
        self, person: Person, expression: Expression, scene: Scene, camera: Camera, moved: Floats, jaw: Floats
    ) -> Floats:
        """Linear light (S, S), -1 where there is no head."""
        head, hair, size = self.head, person.hair, camera.size
        normals = vertex_normals(moved, head.faces)
        surface = np.column_stack([head.surface, hair.sides])
        pieces = [Mesh(moved, normals, head.faces, head.kinds, head.chart, head.canonical, surface)]
        if hair.thickness_m:
            pieces.append(shell(head, hair, moved, normals))
        if hair.length:
            pieces.append(curtain(head, hair, person.vertices))
        pieces.append(teeth(person.vertices[head.inner_lip], jaw))
        mesh = join(pieces)
        turned = np.ascontiguousarray(mesh.vertices @ camera.rotation.T)
        points = camera.raster_points(turned)
        hairy = np.ascontiguousarray(mesh.surface[:, 3])
        triangle, weights = np.full((size, size), -1, np.int32), np.zeros((size, size, 2), np.float32)
        first_tooth = len(mesh.faces) - len(pieces[-1].faces)
        others, teeth_only = slice(None, first_tooth), slice(first_tooth, None)
        nearness = np.zeros((size, size), np.float32)
        rasterise(
            points, mesh.faces[others], mesh.kinds[others], hair.scalp, mesh.chart, hairy, nearness, triangle, weights
        )
        mouth = (triangle >= 0) & np.isin(mesh.kinds[triangle], (MOUTH, TONGUE))
        if mouth.any():  # teeth are seen through the open mouth and nowhere else
            nearness = np.where(mouth, 0.5 * nearness, np.float32(np.inf))
            tooth, tooth_weights = np.full_like(triangle, -1), np.zeros_like(weights)
            rasterise(
                points, mesh.faces[teeth_only], mesh.kinds[teeth_only], hair.scalp, mesh.chart, hairy, nearness, tooth,
                tooth_weights,
            )  # fmt: skip
            triangle = np.where(tooth >= 0, tooth + np.int32(first_tooth), triangle)
            weights = np.where(tooth[..., np.newaxis] >= 0, tooth_weights, weights)
        lit = np.ones(len(turned), np.float32)
        if shadow := scene.light.shadow:
            reaching = light_reaching(turned[: len(moved)], self._opaque, scene.light.key)
            lit[: len(moved)] = 1 - np.float32(shadow) * (1 - reaching)
        height = height_map(expression.left, expression.right, person.depths, person.at_rest, person.variant)
        tones = {**person.surface, "hair": hair.tone, "cloth": scene.cloth, "skin": person.skin}
        image = np.full((size, size), -1, np.float32)
        shade(
            image, triangle, weights, mesh.faces, mesh.kinds, np.ascontiguousarray(mesh.normals @ camera.rotation.T),
            mesh.chart, mesh.surface, lit, mesh.canonical, person.albedo, hair.scalp, hair.streaks,
            height / np.float32(TEXEL_M), camera.rotation, light_array(scene.light),
            np.array([tones[name] for name in SURFACE], np.float32), self._eye_x,
        )  # fmt: skip
        return image
