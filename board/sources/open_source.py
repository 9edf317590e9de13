# SPDX-License-Identifier: Apache-2.0
"""Open what a user named, whatever kind of source it is."""

from __future__ import annotations

import re
from pathlib import Path

from board.sources.array import ARRAYS, ArraySource, read_array
from board.sources.camera import CameraSource
from board.sources.frame import Source
from board.sources.pictures import PICTURES, PictureSource, pictures_in, read_picture
from board.sources.video import VIDEOS, VideoSource


def is_camera(spec: str) -> bool:
    """Whether what a user named is a camera, there or not."""
    return re.fullmatch(r"\d+|/dev/video\d+", spec) is not None and not Path(spec).is_file()


def open_source(spec: str) -> Source:
    """Open a picture, a folder of pictures, a video, an .npy or .npz file, or a camera such as /dev/video0 or 0.

    Raises:
        ValueError: It is missing, empty or of no known kind.
        RuntimeError: A camera does not deliver.
    """
    if is_camera(spec):
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
