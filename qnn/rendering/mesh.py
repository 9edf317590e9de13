# SPDX-License-Identifier: Apache-2.0
"""Meshes: triangles with what the rasteriser and the light need to know of each corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnn.rendering.arrays import Floats, Ints

SKIN, EYE, MOUTH, TONGUE, SOCKET, TEETH, HAIR, CLOTH = range(8)
"""What a triangle shows; those from TEETH on are seen from both sides."""


@dataclass(frozen=True)
class Mesh:
    """V corners and F triangles.

    Attributes:
        vertices: float32 (V, 3), metres.
        normals: float32 (V, 3).
        faces: int32 (F, 3).
        kinds: int32 (F,), one of the constants of this module.
        chart: float32 (V, 2), row and column of the chart.
        canonical: float32 (V, 3), the same corner of the average head.
        surface: float32 (V, 4): part of the surroundings that is seen, lid's edge, lip, hair, each 0..1.
    """

    vertices: Floats
    normals: Floats
    faces: Ints
    kinds: Ints
    chart: Floats
    canonical: Floats
    surface: Floats


def join(pieces: Sequence[Mesh]) -> Mesh:
    """One mesh of several, in their order."""
    starts = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    faces = [piece.faces + np.int32(start) for piece, start in zip(pieces, starts[:-1], strict=True)]
    joined = {
        name: np.concatenate([getattr(piece, name) for piece in pieces]).astype(np.float32)
        for name in ("vertices", "normals", "chart", "canonical", "surface")
    }
    return Mesh(faces=np.concatenate(faces), kinds=np.concatenate([piece.kinds for piece in pieces]), **joined)


def strip(rows: int, columns: int) -> Ints:
    """Triangles int32 of a grid of corners, row by row."""
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    return np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))]).astype(np.int32)
