# SPDX-License-Identifier: Apache-2.0
"""Picture files, each a scene of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.sources.frame import STILLS_FPS, Frame, to_rgb

PICTURES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class PictureSource:
    """Picture files, each a scene of its own.

    Args:
        files: In the order in which they are read.
        name: Of the file or folder.
    """

    live = False
    moving = False
    fps = STILLS_FPS

    def __init__(self, files: list[Path], name: str) -> None:
        self.files, self.name, self.count = files, name, len(files)

    def name_of(self, index: int) -> str:
        """The picture's file name, empty beyond the last."""
        return self.files[index].name if index < len(self.files) else ""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every picture; one that cannot be read has none but says why."""
        for index, file in enumerate(self.files[start:], start):
            try:
                picture, error = read_picture(file), ""
            except (ValueError, OSError) as problem:
                picture, error = None, str(problem)
            yield Frame(index, index / self.fps, file.name, picture, error, time.perf_counter())


def read_picture(path: Path) -> Pixels:
    """Read a picture file as RGB, uint8 of shape (H, W, 3), or say why that fails."""
    content = path.read_bytes()
    if not content:
        raise ValueError(f"a picture must hold data, got the empty file {path}: copy it again")
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV takes
        raise ValueError(f"a picture must be one that OpenCV takes, got {path}, which is too large") from None
    if picture is None:
        raise ValueError(f"a picture must be a file OpenCV reads, got {path}: save it as PNG or JPEG")
    return to_rgb(picture)


def pictures_in(folder: Path) -> list[Path]:
    """Picture files of a folder in the order of their names.

    Raises:
        ValueError: There are none.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES)
    if not files:
        raise ValueError(f"a folder of pictures must hold some ({', '.join(PICTURES)}), found none in {folder}")
    return files
