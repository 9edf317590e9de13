# SPDX-License-Identifier: Apache-2.0
"""Pictures in a numpy file or array."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from board.core.arrays import Pixels
from board.sources.frame import STILLS_FPS, Frame

ARRAYS = (".npy", ".npz")


class ArraySource:
    """A numpy array of pictures.

    Args:
        pictures: uint8 of shape (N, H, W) or (N, H, W, 3), colours in the order RGB.
        name: What to call it.
        moving: Whether it is a video.
        fps: Frames per second of the video.
    """

    live = False

    def __init__(self, pictures: Pixels, name: str, moving: bool = False, fps: float = STILLS_FPS) -> None:
        if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[3] != 3):
            raise ValueError(
                f"pictures must be uint8 of shape (N, H, W) or (N, H, W, 3),"
                f" got {pictures.dtype} {pictures.shape} in {name}"
            )
        if 0 in pictures.shape:
            raise ValueError(f"an array of pictures must hold at least one, got shape {pictures.shape} in {name}")
        self.pictures, self.name, self.moving, self.fps = pictures, name, moving, fps
        self.count = len(pictures)

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every picture."""
        for index in range(start, len(self.pictures)):
            picture = self.pictures[index]
            if picture.ndim == 2:
                picture = np.repeat(picture[..., np.newaxis], 3, axis=2)
            yield Frame(index, index / self.fps, self.name, picture, "", time.perf_counter())


def read_array(path: Path) -> npt.NDArray[Any]:
    """The array of an .npy file, read as it is used, or the only one of an .npz file.

    Raises:
        ValueError: The file cannot be read, or holds something else.
    """
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = loaded.files
            if len(names) == 1:
                return np.asarray(loaded[names[0]])
    except (ValueError, OSError, EOFError, BadZipFile):
        raise ValueError(f"a numpy file must hold a plain array, got {path}, which cannot be read") from None
    raise ValueError(
        f"an .npz of pictures must hold one array, got {len(names)} ({', '.join(names)}) in {path}: save them alone"
    )
