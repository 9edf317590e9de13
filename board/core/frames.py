# SPDX-License-Identifier: Apache-2.0
"""Frames of a network of any kind: from a numpy file, or drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from board.core.arrays import Pixels
from board.core.reading import read_array


def load_frames(path: Path, shape: tuple[int, int, int], count: int | None = None) -> Pixels:
    """Read frames as an accelerator takes them.

    Args:
        path: An .npy file of uint8 frames (N, H, W, C), or (N, H, W) of one channel.
        shape: (height, width, channels) of the accelerator's frames.
        count: How many to read, the first ones; all where it is None.

    Returns:
        uint8 of shape (N, height, width, channels).

    Raises:
        ValueError: There are none, or they have another type or shape.
    """
    if path.suffix.lower() != ".npy" or not path.is_file():
        raise ValueError(f"frames come from an .npy file, got {path}{'' if path.exists() else ', which is missing'}")
    found = read_array(path, "a file of frames", "write it by numpy.save")
    if found.ndim == 3 and shape[2] == 1:
        found = found[..., np.newaxis]
    if found.dtype != np.uint8 or found.ndim != 4 or found.shape[1:] != shape or not len(found):
        need = ", ".join(map(str, shape))
        raise ValueError(f"frames must be uint8 of shape (N, {need}), got {found.dtype} {found.shape} in {path}")
    if count is not None and len(found) < count:
        raise ValueError(f"need {count} frames, got {len(found)} from {path}: ask for fewer or name more")
    return found[:count]


def random_frames(count: int, shape: tuple[int, int, int], seed: int = 0) -> Pixels:
    """Frames of noise, uint8 (count, *shape), equal for equal seeds."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
