# SPDX-License-Identifier: Apache-2.0
"""A software rasteriser: triangles into a z-buffer, normals of corners, and the light that reaches corners."""

from __future__ import annotations

import numpy as np

from qnn.rendering.arrays import Floats, Ints
from qnn.rendering.jit import compiled

TWO_SIDED = 5  # qnn.rendering.mesh.TEETH, the first kind seen from both sides
CUT_OUT = 6  # qnn.rendering.mesh.HAIR


@compiled
def rasterise(
    points: Floats,
    faces: Ints,
    kinds: Ints,
    cutout: Floats,
    chart: Floats,
    hairy: Floats,
    nearness: Floats,
    triangle: Ints,
    weights: Floats,
) -> None:
    """Draw triangles, the nearest on top.

    Args:
        points: (V, 3): column, row, inverse depth, which is larger where it is nearer.
        faces: (F, 3); seen from outside where their corners run counterclockwise with rows downwards.
        kinds: (F,), by qnn.rendering.mesh; hair is drawn only where `cutout` or `hairy` is over one half.
        cutout: (R, C), over the chart.
        chart: (V, 2), row and column of each corner in `cutout`.
        hairy: (V,).
        nearness: (H, W), the largest inverse depth so far; at first zeros.
        triangle: (H, W), the triangle that is seen; at first -1.
        weights: (H, W, 2), barycentric weights of its first two corners.
    """
    height, width = nearness.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0 or (area > 0 and kinds[f] < TWO_SIDED):
            continue
        left, right = max(0, int(np.floor(min(x0, x1, x2)))), min(width - 1, int(np.ceil(max(x0, x1, x2))))
        top, bottom = max(0, int(np.floor(min(y0, y1, y2)))), min(height - 1, int(np.ceil(max(y0, y1, y2))))
        scale = 1 / area
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * scale
                w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * scale
                w0 = 1 - w1 - w2
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                z = w0 * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2]
                if z <= nearness[y, x]:
                    continue
                if kinds[f] == CUT_OUT and w0 * hairy[a] + w1 * hairy[b] + w2 * hairy[c] < 0.5:
                    i = int(w0 * chart[a, 0] + w1 * chart[b, 0] + w2 * chart[c, 0])
                    j = int(w0 * chart[a, 1] + w1 * chart[b, 1] + w2 * chart[c, 1])
                    i, j = min(max(i, 0), cutout.shape[0] - 1), min(max(j, 0), cutout.shape[1] - 1)
                    if cutout[i, j] < 0.5:
                        continue
                nearness[y, x] = z
                triangle[y, x] = f
                weights[y, x, 0] = w0
                weights[y, x, 1] = w1


@compiled
def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (V, 3) of the corners (V, 3), each triangle by its area."""
    normals = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += nx
            normals[i, 1] += ny
            normals[i, 2] += nz
    for i in range(normals.shape[0]):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + np.float32(1e-20)
        normals[i, 0] /= length
        normals[i, 1] /= length
        normals[i, 2] /= length
    return normals


@compiled
def _depth_map(points: Floats, faces: Ints, size: int) -> Floats:
    """Nearest third column (size, size) of triangles whose points (V, 3) lie at 0..size."""
    near = np.full((size, size), -1e9, np.float32)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        left, right = max(0, int(min(x0, x1, x2))), min(size - 1, int(max(x0, x1, x2)) + 1)
        top, bottom = max(0, int(min(y0, y1, y2))), min(size - 1, int(max(y0, y1, y2)) + 1)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
                w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
                if w1 < 0 or w2 < 0 or w1 + w2 > 1:
                    continue
                z = (1 - w1 - w2) * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2]
                if z > near[y, x]:
                    near[y, x] = z
    return near


@compiled
def _lit(points: Floats, near: Floats, bias: float) -> Floats:
    """Part of four texels around each point that is no nearer to the light than the point, (V,)."""
    size = near.shape[0]
    lit = np.zeros(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        for dy in (-1, 1):
            for dx in (-1, 1):
                x = min(max(int(points[i, 0] + 0.8 * dx), 0), size - 1)
                y = min(max(int(points[i, 1] + 0.8 * dy), 0), size - 1)
                if near[y, x] <= points[i, 2] + bias:
                    lit[i] += np.float32(0.25)
    return lit


def light_reaching(vertices: Floats, faces: Ints, direction: Floats, texels: int = 112) -> Floats:
    """Part of a distant light that reaches each corner: 0 in shadow, 1 in the light, between at a shadow's edge.

    Args:
        vertices: (V, 3), metres.
        faces: (F, 3), what casts shadows.
        direction: Unit vector towards the light.
        texels: Side of the depth map.
    """
    side = np.cross(direction, [0.0, 0.0, 1.0] if abs(direction[2]) < 0.9 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(side, direction), direction]).astype(np.float32)
    points = np.ascontiguousarray(vertices @ frame.T)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    texel = float((high - low).max()) / (texels - 2)
    points[:, :2] = (points[:, :2] - low) / np.float32(texel) + np.float32(1)
    return np.asarray(_lit(points, _depth_map(points, faces, texels), 3 * texel + 0.001))


def ambient_occlusion(vertices: Floats, faces: Ints, directions: int = 96) -> Floats:
    """Part of the surroundings that each corner sees, by the cosine, float32 (V,)."""
    normals = vertex_normals(vertices, faces)
    k = np.arange(directions) + 0.5
    z, turn = 1 - 2 * k / directions, np.pi * (1 + 5**0.5) * k
    seen = total = np.zeros(len(vertices), np.float32)
    for direction in np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], 1):
        cosine = np.clip(normals @ direction.astype(np.float32), 0, None)
        seen = seen + cosine * light_reaching(vertices, faces, direction.astype(np.float32), 160)
        total = total + cosine
    return np.asarray(seen / (total + np.float32(1e-6)), np.float32)
