# SPDX-License-Identifier: Apache-2.0
"""Tell what a file is: by its first bytes where they say so, else by its suffix."""

from __future__ import annotations

from pathlib import Path

from board.sources.array import ARRAYS
from board.sources.pictures import PICTURES, PNG, TIFF
from board.sources.video import VIDEOS

PICTURE, VIDEO, ARRAY, OTHER = "picture", "video", "array", "other"
KINDS = {**dict.fromkeys(PICTURES, PICTURE), **dict.fromkeys(VIDEOS, VIDEO), **dict.fromkeys(ARRAYS, ARRAY)}
"""By suffix."""
BEGINNINGS = {
    b"\xff\xd8\xff": PICTURE,
    PNG: PICTURE,
    **dict.fromkeys(TIFF, PICTURE),
    b"GIF8": VIDEO,
    b"\x1a\x45\xdf\xa3": VIDEO,  # Matroska, WebM
    b"\x30\x26\xb2\x75": VIDEO,  # ASF
    b"\0\0\x01\xba": VIDEO,  # MPEG program stream
    b"FLV\x01": VIDEO,
    b"\x93NUMPY": ARRAY,
}
STILLS = (b"avif", b"heic", b"heix", b"mif1", b"msf1")
"""Brands of pictures in the container of MP4, which not every OpenCV reads."""


def kind_of(path: Path) -> str:
    """PICTURE, VIDEO, ARRAY, or OTHER where neither its content nor its suffix is known.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(12)
    by_suffix = KINDS.get(path.suffix.lower(), OTHER)
    if by_suffix == VIDEO and path.suffix.lower() in (".mjpeg", ".mjpg"):
        return VIDEO  # begins as a JPEG does
    if head[4:8] == b"ftyp":
        return OTHER if head[8:12] in STILLS else VIDEO
    if head.startswith(b"RIFF"):
        return {b"AVI ": VIDEO, b"WEBP": PICTURE}.get(head[8:12], OTHER)
    return next((kind for beginning, kind in BEGINNINGS.items() if head.startswith(beginning)), by_suffix)
