# SPDX-License-Identifier: Apache-2.0
"""Light on drawn pixels: skin with folds, eyes, the mouth's inside, teeth, hair and cloth."""

from __future__ import annotations

import numpy as np

from qnn.rendering.arrays import Floats, Ints
from qnn.rendering.jit import compiled
from qnn.rendering.scene import Light

SURFACE = ("hair", "lips", "lashes", "iris", "sclera", "iris_radius", "gloss", "teeth", "cloth", "skin")
"""Order of the kernel's tones."""
EYEBALL_M = 0.0151
FRONT_M = 0.03
"""The chart says where hair is for what lies before this, the corners' own value for what lies behind."""


def light_array(light: Light) -> Floats:
    """A light as the kernel takes it."""
    around = (light.ambient, light.above, light.front)
    softness = (light.wrap, light.occlusion)
    return np.array([*light.key, light.key_strength, *around, *light.fill, light.fill_strength, *softness], np.float32)


@compiled
def _sample(picture: Floats, row: float, column: float) -> float:
    """Between four texels."""
    row = min(max(row - 0.5, 0.0), picture.shape[0] - 1.001)
    column = min(max(column - 0.5, 0.0), picture.shape[1] - 1.001)
    i, j = int(row), int(column)
    a, b = row - i, column - j
    upper = (1 - b) * picture[i, j] + b * picture[i, j + 1]
    lower = (1 - b) * picture[i + 1, j] + b * picture[i + 1, j + 1]
    return (1 - a) * upper + a * lower


@compiled
def shade(
    image: Floats,
    triangle: Ints,
    weights: Floats,
    faces: Ints,
    kinds: Ints,
    normals: Floats,
    chart: Floats,
    surface: Floats,
    lit: Floats,
    canonical: Floats,
    albedo: Floats,
    scalp: Floats,
    streaks: Floats,
    height: Floats,
    rotation: Floats,
    light: Floats,
    tones: Floats,
    eye_x: float,
) -> None:
    """Write the linear light of every pixel that shows a triangle.

    Args:
        image: (H, W), changed in place.
        triangle: (H, W) of `rasterise`.
        weights: (H, W, 2) of `rasterise`.
        faces: (F, 3).
        kinds: (F,).
        normals: (V, 3), of the turned head.
        chart: (V, 2).
        surface: (V, 4), see qnn.rendering.mesh.
        lit: (V,), part of the key light that arrives.
        canonical: (V, 3).
        albedo: Chart.
        scalp: Chart.
        streaks: Chart.
        height: Chart of the skin's height, in texels.
        rotation: (3, 3), of the head.
        light: See `light_array`.
        tones: In the order of SURFACE.
        eye_x: Metres from the nose to the middle of an eye of the average head.
    """
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            f = triangle[y, x]
            if f < 0:
                continue
            kind = kinds[f]
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1 = weights[y, x, 0], weights[y, x, 1]
            w2 = 1 - w0 - w1
            nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
            ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
            nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
            row = w0 * chart[a, 0] + w1 * chart[b, 0] + w2 * chart[c, 0]
            column = w0 * chart[a, 1] + w1 * chart[b, 1] + w2 * chart[c, 1]
            seen = w0 * surface[a, 0] + w1 * surface[b, 0] + w2 * surface[c, 0]
            seen = 1 - light[12] * (1 - seen)
            key = w0 * lit[a] + w1 * lit[b] + w2 * lit[c]
            side = w0 * canonical[a, 0] + w1 * canonical[b, 0] + w2 * canonical[c, 0]
            behind = w0 * canonical[a, 1] + w1 * canonical[b, 1] + w2 * canonical[c, 1]
            up = w0 * canonical[a, 2] + w1 * canonical[b, 2] + w2 * canonical[c, 2]
            tone, gloss, sharp = tones[9], tones[6], 12
            if kind == 0:  # skin
                tone = _sample(albedo, row, column)
                lash = w0 * surface[a, 1] + w1 * surface[b, 1] + w2 * surface[c, 1]
                lip = w0 * surface[a, 2] + w1 * surface[b, 2] + w2 * surface[c, 2]
                hairy = w0 * surface[a, 3] + w1 * surface[b, 3] + w2 * surface[c, 3]
                if behind < FRONT_M:
                    hairy = max(hairy, _sample(scalp, row, column))
                elif up > 0.06:
                    hairy = max(hairy, scalp[0, scalp.shape[1] // 2])
                slope_x = (_sample(height, row, column + 1) - _sample(height, row, column - 1)) / 2
                slope_z = (_sample(height, row - 1, column) - _sample(height, row + 1, column)) / 2
                nx -= slope_x * rotation[0, 0] + slope_z * rotation[0, 2]
                ny -= slope_x * rotation[1, 0] + slope_z * rotation[1, 2]
                nz -= slope_x * rotation[2, 0] + slope_z * rotation[2, 2]
                around = _sample(height, row - 3, column) + _sample(height, row + 3, column)
                around += _sample(height, row, column - 3) + _sample(height, row, column + 3)
                crease = min(max(around / 4 - _sample(height, row, column), 0.0), 1.5)
                tone *= (1 - tones[1] * lip) * (1 - 0.33 * crease)
                tone *= 1 - tones[2] * (1.0 if up > -0.003 else 0.35) * min(1.0, 1.6 * lash * lash)
                gloss *= 1 + 1.2 * lip
                seen *= seen * (1 - 0.35 * crease)
                tone += hairy * (max(tones[0] * (1 + _sample(streaks, row, column)), 0.004) - tone)
                gloss *= 1 - hairy
            elif kind == 1:  # eyeball
                r = np.sqrt((abs(side) - eye_x) ** 2 + up * up) / EYEBALL_M
                iris = tones[5]
                if r < 0.4 * iris:
                    tone = 0.008
                elif r < iris:
                    tone = tones[3] * (0.7 + 0.5 * (r - 0.4 * iris) / (0.6 * iris))
                elif r < iris + 0.05:
                    tone = 0.5 * tones[3]
                else:
                    tone = min(tones[4], 0.12 + 2.6 * tones[9]) * (1 - 0.25 * r)
                gloss, sharp = 0.9, 40
                seen = 0.75 - 15 * max(up - 0.0015, 0.0)  # the upper lid's shade
                key = 0.2 + 0.65 * key
            elif kind == 2:  # the mouth's inside
                tone, gloss, seen, key = 0.03 + 0.04 * tone, 0.05, 0.2, 0.25 * key
            elif kind == 3:  # tongue
                tone, gloss, seen, key = 0.14, 0.3, 0.55, 0.5
            elif kind == 4:  # behind the eyeball
                tone, gloss, seen = 0.35 * tone, 0.0, 0.4
            elif kind == 5:  # teeth, with gaps
                tone = min(tones[7], 0.2 + 3.5 * tones[9]) * (0.86 + 0.14 * np.cos(4 * column))
                gloss, key = 0.4, 0.8
            elif kind == 6:  # hair
                tone, gloss = max(tones[0] * (1 + 1.3 * _sample(streaks, row, column)), 0.004), 0.05
            else:  # cloth
                tone, gloss = tones[8], 0.0
            length = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
            nx, ny, nz = nx * length, ny * length, nz * length
            wrap = light[11]
            from_key = max((nx * light[0] + ny * light[1] + nz * light[2] + wrap) / (1 + wrap), 0.0)
            from_fill = max((nx * light[7] + ny * light[8] + nz * light[9] + wrap) / (1 + wrap), 0.0)
            ambient = light[4] * (1 + light[5] * nz) + light[6] * max(-ny, 0.0)
            hx, hy, hz = light[0], light[1] - 1, light[2]
            shine = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-12)
            mirrored = 0.35 * gloss * light[3] * key * max(shine, 0.0) ** sharp
            image[y, x] = tone * (light[3] * from_key * key + (ambient + light[10] * from_fill) * seen) + mirrored
