# SPDX-License-Identifier: Apache-2.0
"""The camera: a turned head in perspective, and the cut that a face finder would make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnn.rendering.arrays import Floats
from qnn.rendering.head import Head
from qnn.rendering.scene import Scene

SIDE_OF_CUT = 1.30
"""Beside the height from brow to chin, as FER2013's pictures have it: from the middle of the forehead to the chin."""
BROW_AT = 0.345
"""The cut's middle lies so far from brow to chin."""
BREADTH = 0.88
"""A face counts at least so much of its breadth as its height."""


@dataclass(frozen=True)
class Camera:
    """Points of the head's frame in a square picture.

    Attributes:
        rotation: float32 (3, 3) of the head.
        distance_m: To the eyes.
        middle: (2,), the cut's middle in the plane at distance 1.
        scale: Pixels for one unit of that plane.
        size: Side of the picture.
    """

    rotation: Floats
    distance_m: float
    middle: npt.NDArray[np.float64]
    scale: float
    size: int

    def project(self, points: npt.NDArray[np.float64] | Floats) -> npt.NDArray[np.float64]:
        """Columns, rows (N, 2) of points (N, 3)."""
        return (_plane(points @ self.rotation.T, self.distance_m) - self.middle) * self.scale + self.size / 2

    def raster_points(self, turned: Floats) -> Floats:
        """Columns, rows and inverse depth (V, 3) of corners (V, 3) that the rotation has turned."""
        xy = (_plane(turned, self.distance_m) - self.middle) * self.scale + self.size / 2
        return np.column_stack([xy, 1 / (self.distance_m + turned[:, 1])]).astype(np.float32)


class Framing:
    """How a face is cut: by brow, chin and cheeks of the head at rest, and partly by where the chin has moved."""

    def __init__(self, head: Head) -> None:
        self._brow = head.near((0, 0.05), (0.015, 0.025), 0.0)
        self._chin = head.near((0, 0.012), (-0.11, -0.10), 0.01)
        cheeks = head.near((0.055, 0.2), (-0.04, 0.0), 0.04)
        self._left = cheeks[head.canonical[cheeks, 0] > 0]
        self._right = cheeks[head.canonical[cheeks, 0] < 0]

    def camera(self, scene: Scene, rest: Floats, moved: Floats, size: int) -> Camera:
        """The camera for a picture of `size` pixels of a head at rest (V, 3) that has moved (V, 3)."""
        rotation = scene.rotation

        def mean(vertices: Floats, corners: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
            return np.asarray(_plane(vertices[corners] @ rotation.T, scene.distance_m).mean(0), np.float64)

        brow, chin = mean(rest, self._brow), 0.6 * mean(rest, self._chin) + 0.4 * mean(moved, self._chin)
        breadth = float(np.linalg.norm(mean(rest, self._left) - mean(rest, self._right)))
        tall = max(float(np.linalg.norm(chin - brow)), BREADTH * breadth)
        middle = brow + BROW_AT * (chin - brow) + tall * np.array(scene.shift)
        return Camera(rotation, scene.distance_m, middle, size / (SIDE_OF_CUT * tall * scene.zoom), size)


def _plane(turned: npt.NDArray[np.float64] | Floats, distance_m: float) -> npt.NDArray[np.float64]:
    """Right and down (N, 2) in the plane at distance 1."""
    depth = distance_m + turned[:, 1]
    return np.stack([turned[:, 0] / depth, -turned[:, 2] / depth], 1)
