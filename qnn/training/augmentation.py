# SPDX-License-Identifier: Apache-2.0
"""Augmentation of a batch of faces, on the device where they are: what moves, shades, covers and mixes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qnn.training import corruption
from qnn.training.distributed import shared_rand

CORRUPTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "cover": corruption.covered,
    "dim": corruption.dim,
    "blur": corruption.blurred,
    "coarse": corruption.coarse,
    "noise": corruption.noisy,
    "jpeg": corruption.compressed,
}
"""What may befall a face, in this order."""


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; the paper's (section III.B.1) are the defaults.

    Attributes:
        rotation_deg: Turned by up to so many degrees either way.
        shear: Sheared by up to so many radians either way.
        zoom: Each axis scaled between 1 - zoom and 1 + zoom.
        shift: Moved by up to this share of the side either way.
        mirror: Half of the faces are mirrored.
        erase: A rectangle of up to this share of either side takes the face's mean.
        light: Contrast times between 1 - light and 1 + light, then up to `light` half ranges brighter or darker.
        mix_up: Alpha of the Beta(alpha, alpha) that blends neighbours in the batch; 0 blends none.
        noise, blur, jpeg, coarse, dim, cover: Share of the faces that each of qnn.training.corruption takes, drawn one
            by one: shares of a tenth leave half of the faces clean.
    """

    rotation_deg: float = 30.0
    shear: float = 0.3
    zoom: float = 0.3
    shift: float = 0.0
    mirror: bool = True
    mix_up: float = 0.0
    erase: float = 0.0
    light: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0
    coarse: float = 0.0
    dim: float = 0.0
    cover: float = 0.0

    def __post_init__(self) -> None:
        for name in ("zoom", "erase", "light"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"need 0 <= {name} < 1, got {getattr(self, name)}")
        for name in ("rotation_deg", "shear", "shift", "mix_up"):
            if getattr(self, name) < 0:
                raise ValueError(f"need {name} >= 0, got {getattr(self, name)}")
        for name in CORRUPTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"need 0 <= {name} <= 1, got {getattr(self, name)}")

    def warp(self, faces: Tensor) -> Tensor:
        """Move the pixels of faces (B, C, 48, 48), float32; what lies beyond a face repeats its edge."""
        turn, shear, zoom_x, zoom_y, shift_x, shift_y, mirror = shared_rand(faces, 7).T  # (B,) each
        angle = math.radians(self.rotation_deg) * (2 * turn - 1)
        slant = self.shear * (2 * shear - 1)
        sign = torch.where(mirror < 0.5, -1.0, 1.0) if self.mirror else torch.ones_like(mirror)
        width = sign * (1 + self.zoom * (2 * zoom_x - 1))
        height = 1 + self.zoom * (2 * zoom_y - 1)
        rows = [
            angle.cos() * width, -(angle + slant).sin() * height, 2 * self.shift * (2 * shift_x - 1),
            angle.sin() * width, (angle + slant).cos() * height, 2 * self.shift * (2 * shift_y - 1),
        ]  # fmt: skip
        grid = nn.functional.affine_grid(torch.stack(rows, 1).reshape(-1, 2, 3), list(faces.shape), align_corners=False)
        return nn.functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)

    def shade(self, faces: Tensor) -> Tensor:
        """Change the light of faces (B, C, 48, 48), float32 of 0 to 255, and cover a part of each."""
        mean = faces.mean((1, 2, 3), keepdim=True)
        if self.light:
            contrast, brightness = self.light * (2 * shared_rand(faces, 2).T[..., None, None, None] - 1)
            mean, faces = mean + 127.5 * brightness, (faces - mean) * (1 + contrast) + mean + 127.5 * brightness
            mean, faces = mean.clamp(0, 255), faces.clamp(0, 255)
        if self.erase:
            x, y, width, height = shared_rand(faces, 4).T[..., None]  # (B, 1) each
            pixels = (torch.arange(faces.shape[-1], device=faces.device) + 0.5) / faces.shape[-1]
            across, down = (pixels - x).abs() < self.erase * width / 2, (pixels - y).abs() < self.erase * height / 2
            faces = torch.where((down[:, :, None] & across[:, None, :])[:, None], mean, faces)
        return faces

    def corrupt(self, faces: Tensor) -> Tensor:
        """Corrupt some of the faces (B, C, 48, 48), float32 of 0 to 255, in the order in which light meets a camera."""
        for name, change in CORRUPTIONS.items():
            if share := getattr(self, name):
                faces = torch.where(shared_rand(faces, 1, 1, 1) < share, change(faces), faces)
        return faces

    def blend(self, *batches: Tensor) -> tuple[Tensor, ...]:
        """Mix every two neighbours of each batch (B, ...) with one share per pair; an odd last one stays."""
        if self.mix_up == 0:
            return batches
        pairs = len(batches[0]) // 2
        share = self._shares(batches[0][:pairs]).repeat_interleave(2)  # (2 * pairs,)
        return tuple(_blend(batch, share) for batch in batches)

    def _shares(self, like: Tensor) -> Tensor:
        """One Beta(alpha, alpha) number per row of `like`, from uniform ones (Jöhnk 1964)."""
        tries = 16  # each succeeds with 1/2 or more for alpha <= 0.5, with 1/6 for 1
        u, v = (shared_rand(like, 2, tries) ** (1 / self.mix_up)).unbind(1)  # (rows, tries)
        chosen = ((u + v <= 1) & (u + v > 0)).float().argmax(1, keepdim=True)
        x, y = u.gather(1, chosen)[:, 0], v.gather(1, chosen)[:, 0]
        return x / (x + y).clamp(min=1e-30)


def _blend(batch: Tensor, share: Tensor) -> Tensor:
    """Mix neighbours; share is each row's own part."""
    even = batch[: len(share)]
    partner = even.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
    weight = share.reshape(-1, *[1] * (batch.ndim - 1))
    return torch.cat([weight * even + (1 - weight) * partner, batch[len(share) :]])
