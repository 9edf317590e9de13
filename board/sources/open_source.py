# SPDX-License-Identifier: Apache-2.0
"""Open what a user named, whatever kind of source it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from board.sources.array import ARRAYS, ArraySource, read_array
from board.sources.camera import CameraSource
from board.sources.frame import Source
from board.sources.pictures import PICTURES, PictureSource, pictures_in, read_picture
from board.sources.video import VIDEOS, VideoSource


def open_source(spec: str) -> Source:
    """Open a picture, a folder of pictures, a video, an .npy or .npz file, or a camera such as /dev/video0 or 0.

    Raises:
        ValueError: It is missing, empty or of no known kind.
        RuntimeError: A camera does not deliver.
    """
    if re.fullmatch(r"\d+|/dev/video\d+", spec) and not Path(spec).is_file():
        return CameraSource(spec)
    path = Path(spec)
    kinds = "a picture, a folder of pictures, a video, an .npy or .npz file or a camera such as /dev/video0"
    if not path.exists():
        raise ValueError(f"the input must be {kinds}, got {spec}, which is missing")
    if path.is_dir():
        return PictureSource(pictures_in(path), path.name)
    if path.stat().st_size == 0:
        raise ValueError(f"the input must hold data, got the empty file {path}: copy it again")
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        read_picture(path)  # the only one must be readable
        return PictureSource([path], path.name)
    if suffix in ARRAYS:
        return ArraySource(read_array(path), path.name)
    if suffix in VIDEOS:
        return VideoSource(path)
    raise ValueError(f"the input must be {kinds}, got {path}: known videos end in {', '.join(VIDEOS)}")


def open_sources(
    specs: Sequence[str],
    *,
    recursive: bool = False,
    colour: bool = True,
    start_s: float | None = None,
    end_s: float | None = None,
    every: int = 1,
) -> list[Source]:
    """Open several inputs, see `open_source`.

    Raises:
        ValueError: One of them cannot be read, or not so.
        RuntimeError: A camera does not deliver.
    """
    if recursive or start_s is not None or end_s is not None or every != 1:
        raise ValueError("inputs are read whole, without the folders in folders: leave the option out")
    return [open_source(spec) for spec in specs]
