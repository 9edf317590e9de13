# SPDX-License-Identifier: Apache-2.0
"""Teeth: an upper row fixed to the head and a lower one that follows the jaw; anny has none."""

from __future__ import annotations

import numpy as np

from qnn.rendering.arrays import Floats
from qnn.rendering.mesh import TEETH, Mesh, strip

CORNERS = 13
TEETH_A_ROW = 12


def teeth(inner_lip: Floats, jaw: Floats) -> Mesh:
    """Both rows.

    Args:
        inner_lip: (N, 3), where the lips of the face at rest become the mouth's inside.
        jaw: (3,), how far the jaw has moved.
    """
    seam = float(inner_lip[:, 2].mean())
    front = float(inner_lip[np.abs(inner_lip[:, 0]) < 0.01, 1].mean())
    half = 0.56 * float(np.ptp(inner_lip[:, 0]))
    t = np.linspace(-1, 1, CORNERS)
    rows, light = [], []
    for edge, root, behind, width, moved in (
        (seam - 0.0018, seam + 0.0095, 0.0040, half, np.zeros(3)),
        (seam - 0.0025, seam - 0.0110, 0.0060, 0.85 * half, jaw),
    ):
        curve = 0.0012 * np.sign(root - edge) * t * t
        for z, bright in ((edge, 1.0), (root, 0.75)):
            rows.append(np.stack([width * t, front + behind + 0.019 * t * t, z + curve], 1) + moved)
            light.append(bright * (0.95 - 0.6 * np.abs(t) ** 1.5))
    vertices = np.concatenate(rows).astype(np.float32)
    faces = strip(2, CORNERS)
    faces = np.concatenate([faces, faces + 2 * CORNERS])
    gaps = np.tile(TEETH_A_ROW * np.pi * t / 2, 4)
    surface = np.zeros((len(vertices), 4), np.float32)
    surface[:, 0] = np.concatenate(light)
    return Mesh(
        vertices=vertices,
        normals=np.tile(np.array([0, -1, 0], np.float32), (len(vertices), 1)),
        faces=faces,
        kinds=np.full(len(faces), TEETH, np.int32),
        chart=np.stack([np.zeros_like(gaps), gaps], 1).astype(np.float32),
        canonical=vertices,
        surface=surface,
    )
