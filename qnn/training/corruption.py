# SPDX-License-Identifier: Apache-2.0
"""Corruption of faces as cameras, links and hands corrupt them: noise, blur, JPEG, few pixels, darkness, cover.

Every function takes faces (B, C, 48, 48), float32 of 0 to 255, and draws one strength per face.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from qnn.training.distributed import shared_rand

NOISE_SD = (3.0, 25.0)
BLUR_SD_PX = (0.5, 2.0)
JPEG_QUALITY = (5.0, 50.0)
COARSE_PX = (12, 16, 20, 24)
"""Sides that faces are scaled down to."""
GAIN = (0.15, 0.8)
GAMMA = (0.6, 1.8)
COVERED = (0.15, 0.5)
"""Share of the side, from one edge on."""

LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
"""Steps of JPEG's example quantisation table for luminance (ITU-T T.81, table K.1), which libjpeg scales by quality."""


def noisy(faces: Tensor) -> Tensor:
    """Add normal noise, by the Box-Muller transform of two uniform numbers per pair of pixels."""
    sd = _between(NOISE_SD, shared_rand(faces, 1, 1, 1))
    half = faces.shape[-1] // 2
    radius, angle = shared_rand(faces, 2, *faces.shape[1:-1], half).unbind(1)
    radius, angle = (-2 * torch.log1p(-radius)).sqrt(), 2 * math.pi * angle
    return (faces + sd * torch.cat([radius * angle.cos(), radius * angle.sin()], -1)).clamp(0, 255)


def blurred(faces: Tensor) -> Tensor:
    """Convolve with a Gaussian, rows and columns by one matrix each; beyond the edge the edge repeats."""
    sd = _between(BLUR_SD_PX, shared_rand(faces, 1, 1, 1))
    size, reach = faces.shape[-1], 6
    at = torch.arange(size, device=faces.device, dtype=faces.dtype)
    taken = torch.arange(-reach, size + reach, device=faces.device, dtype=faces.dtype)
    weights = torch.exp(-((at[:, None] - taken[None, :]) ** 2) / (2 * sd**2))  # (B, 1, 48, 60)
    folded = weights[..., reach:-reach].clone()
    folded[..., 0] += weights[..., :reach].sum(-1)
    folded[..., -1] += weights[..., -reach:].sum(-1)
    folded = folded / folded.sum(-1, keepdim=True)
    return folded @ faces @ folded.transpose(-1, -2)


def compressed(faces: Tensor) -> Tensor:
    """Quantise the cosine transform of every 8x8 block, as JPEG does each plane; the files' rest loses nothing."""
    quality = _between(JPEG_QUALITY, shared_rand(faces, 1, 1, 1, 1, 1))
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = torch.tensor(LUMINANCE, device=faces.device, dtype=faces.dtype)
    steps = ((table * percent + 50) / 100).floor().clamp(1, 255)  # (B, 1, 1, 1, 8, 8)
    transform = _cosines(faces)
    blocks = (faces - 128).unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8)).transpose(-2, -3)  # (B, C, 6, 6, 8, 8)
    codes = (transform @ blocks @ transform.T / steps).round()
    blocks = transform.T @ (codes * steps) @ transform
    return (blocks.transpose(-2, -3).flatten(-4, -3).flatten(-2) + 128).clamp(0, 255)


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal cosine transform of eight numbers, (8, 8)."""
    count = torch.arange(8, device=like.device, dtype=like.dtype)
    rows = torch.cos((2 * count[None, :] + 1) * count[:, None] * math.pi / 16) / 2
    rows[0] /= math.sqrt(2)
    return rows


def coarse(faces: Tensor) -> Tensor:
    """Scale down by areas and up again between pixels, each face by one of the sides."""
    choice = (shared_rand(faces, 1, 1, 1) * len(COARSE_PX)).long()
    result = faces
    for index, side in enumerate(COARSE_PX):
        small = nn.functional.interpolate(faces, size=(side, side), mode="area")
        large = nn.functional.interpolate(small, size=faces.shape[-2:], mode="bilinear", align_corners=False)
        result = torch.where(choice == index, large, result)
    return result


def dim(faces: Tensor) -> Tensor:
    """Darken by a gain, and bend the range by a gamma."""
    gain, gamma = shared_rand(faces, 2, 1, 1, 1).unbind(1)
    return 255 * _between(GAIN, gain) * (faces / 255).clamp(1e-4, 1) ** _between(GAMMA, gamma)


def covered(faces: Tensor) -> Tensor:
    """Cover a face from one of its four edges on with one grey."""
    edge, depth, grey = shared_rand(faces, 3, 1, 1, 1).unbind(1)
    place = (torch.arange(faces.shape[-1], device=faces.device, dtype=faces.dtype) + 0.5) / faces.shape[-1]
    hidden = _between(COVERED, depth)
    sides = (place[None, :], 1 - place[None, :], place[:, None], 1 - place[:, None])
    for index, away in enumerate(sides):
        here = ((edge * len(sides)).long() == index) & (away < hidden)
        faces = torch.where(here, 255 * grey, faces)
    return faces


def _between(ends: tuple[float, float], share: Tensor) -> Tensor:
    """Numbers between two ends, of shares in [0, 1)."""
    return ends[0] + (ends[1] - ends[0]) * share
