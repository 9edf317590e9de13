# SPDX-License-Identifier: Apache-2.0
"""Pictures in a numpy file or array."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from board.core import reading
from board.core.arrays import Pixels
from board.sources.fingerprint import END_BYTES, fingerprint
from board.sources.frame import STILLS_FPS, Frame, to_picture
from board.sources.selection import ALL, Selection

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

ARRAYS = (".npy", ".npz")
LEAST_WIDTH_PX = 5
"""Of a picture in an array: what ends in fewer has channels there."""


class ArraySource:
    """A numpy array of pictures.

    An array (N, M, 3) is one colour picture, since grey ones three pixels wide are none.

    Args:
        pictures: uint8 of shape (N, H, W) or (N, H, W, 3), or one picture (H, W) or (H, W, 3), colours in the order
            RGB.
        name: What to call it.
        moving: Whether it is a video.
        fps: Frames per second of the video.
        path: The file that it was read from.
        colour: Whether pictures are RGB; else they are grey.
        selection: Which of them to yield.

    Raises:
        ValueError: The array is none of these.
    """

    live = False

    def __init__(
        self,
        pictures: Pixels,
        name: str,
        moving: bool = False,
        fps: float = STILLS_FPS,
        *,
        path: Path | None = None,
        colour: bool = True,
        selection: Selection = ALL,
    ) -> None:
        shape, where = pictures.shape, path or name
        if len(shape) == 2 or (len(shape) == 3 and shape[2] == 3):
            pictures = pictures[np.newaxis]
        coloured = pictures.ndim == 4 and pictures.shape[3] == 3
        if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4) or (pictures.ndim == 4 and not coloured):
            raise ValueError(
                f"pictures must be uint8 of shape (N, H, W), (N, H, W, 3), (H, W) or (H, W, 3),"
                f" got {pictures.dtype} {shape} in {where}: convert them"
            )
        if 0 in shape:
            raise ValueError(f"an array of pictures must hold at least one, got shape {shape} in {where}: name another")
        if pictures.shape[2] < LEAST_WIDTH_PX:
            raise ValueError(
                f"pictures must be at least {LEAST_WIDTH_PX} pixels wide, got shape {shape} in {where}, whose last"
                " axis looks like channels: convert them to three, RGB"
            )
        self.pictures, self.name, self.moving, self.fps = pictures, name, moving, fps
        self.path, self._colour, self._selection = path, colour, selection
        self.left_out: list[str] = []
        self.count = selection.expected(len(pictures), fps)

    @cached_property
    def fingerprint(self) -> str:
        """Of the file, or of the array's shape, beginning and end; and the options."""
        options = self._colour, self._selection
        if self.path is not None:
            return fingerprint([self.path], *options)
        size = max(1, END_BYTES // self.pictures[0].size)
        digest = hashlib.sha256(repr((self.pictures.shape, *options)).encode())
        digest.update(self.pictures[:size].tobytes() + self.pictures[-size:].tobytes())
        return digest.hexdigest()

    def use_paths(self) -> None:
        """Call it by its path."""
        self.name = str(self.path or self.name)

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every picture."""
        for index in range(start, len(self.pictures)):
            time_s = index / self.fps
            if self._selection.takes(index, time_s):
                yield Frame(index, time_s, self.name, self._picture(index), "", time.perf_counter())

    def _picture(self, index: int) -> Pixels:
        picture = self.pictures[index]
        if picture.ndim == 2:
            return np.repeat(picture[..., np.newaxis], 3, axis=2) if self._colour else np.ascontiguousarray(picture)
        return picture if self._colour else to_picture(np.ascontiguousarray(picture[..., ::-1]), colour=False)


def _begins_as_zip(path: Path) -> bool:
    """Whether a file is an .npz by its first bytes, as numpy tells it: one that was cut short is still one."""
    with suppress(OSError), open(path, "rb") as file:
        return file.read(2) == b"PK"
    return False


def read_array(path: Path) -> npt.NDArray[Any]:
    """The array of an .npy file, read as it is used, or the only one of an .npz file.

    Raises:
        ValueError: The file cannot be read, holds something else, or does not fit into this computer's memory.
    """
    what, remedy = "a numpy file", "save it again, with numpy.save"
    if not _begins_as_zip(path):
        return reading.read_array(path, what, remedy)
    arrays = reading.read_arrays(path, what, remedy)
    if len(arrays) != 1:
        names = ", ".join(arrays)
        raise ValueError(
            f"an .npz of pictures must hold one array, got {len(arrays)} ({names}) in {path}: save them alone"
        )
    return next(iter(arrays.values()))
