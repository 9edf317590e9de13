# SPDX-License-Identifier: Apache-2.0
"""Picture files, each a scene of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.sources.fingerprint import fingerprint
from board.sources.frame import STILLS_FPS, Frame, to_picture
from board.sources.selection import ALL, Selection

PICTURES = (
    ".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PAPER = 255
"""What shows where a picture is transparent."""
ROWS = 256
"""Of a transparent picture, at a time."""


class PictureSource:
    """Picture files, each a scene of its own; one with several pages is several.

    Args:
        files: In the order in which they are read.
        name: Of the file or folder.
        names: What to call each file, its own name by default; `#2` behind it is the second page.
        colour: Whether pictures are RGB; else they are grey.
        selection: Which of them to yield.
        left_out: What lay beside them and is not read, a sentence each.

    Attributes:
        names: Of every picture, in order.
    """

    live = False
    moving = False
    fps = STILLS_FPS

    def __init__(
        self,
        files: Sequence[Path],
        name: str,
        names: Sequence[str] = (),
        *,
        colour: bool = True,
        selection: Selection = ALL,
        left_out: Sequence[str] = (),
    ) -> None:
        self.files, self.name, self._colour, self._selection = list(files), name, colour, selection
        self.left_out = list(left_out)
        self._pages: list[tuple[Path, int | None]] = []
        self.names: list[str] = []
        for file, called in zip(self.files, names or [file.name for file in self.files], strict=True):
            pages = count_pages(file)
            self._pages += [(file, page) for page in range(pages)] if pages > 1 else [(file, None)]
            self.names += [f"{called}#{page + 1}" for page in range(pages)] if pages > 1 else [called]
        self.count = selection.expected(len(self._pages), self.fps)

    @cached_property
    def fingerprint(self) -> str:
        """Of the files' names, sizes, beginnings and ends, and the options."""
        return fingerprint(self.files, self._colour, self._selection)

    def use_paths(self) -> None:
        """Call every picture by its path."""
        self.names = [f"{file}{'' if page is None else f'#{page + 1}'}" for file, page in self._pages]

    def name_of(self, index: int) -> str:
        """The picture's file name, empty beyond the last."""
        return self.names[index] if index < len(self.names) else ""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield every picture; one that cannot be read has none but says why."""
        for index, (file, page) in enumerate(self._pages[start:], start):
            time_s = index / self.fps
            if not self._selection.takes(index, time_s):
                continue
            try:
                picture, error = read_picture(file, self._colour, page), ""
            except (ValueError, OSError) as problem:
                picture, error = None, str(problem)
            yield Frame(index, time_s, self.names[index], picture, error, time.perf_counter())


def read_picture(path: Path, colour: bool = True, page: int | None = None) -> Pixels:
    """Read a picture file, turned upright as its camera says, transparent parts white.

    Args:
        path: The file.
        colour: Whether to give RGB; else the grey of it.
        page: Which picture of a file of several, from 0; the first where it is None.

    Returns:
        RGB uint8 (H, W, 3), or grey (H, W).

    Raises:
        ValueError: It is not a picture that OpenCV reads.
    """
    try:
        decoded = _decoded(path) if page is None else _page(path, page)
    except cv2.error:  # more pixels than OpenCV takes
        raise ValueError(f"a picture must be one that OpenCV takes, got {path}, which is too large") from None
    if decoded is None:
        raise ValueError(f"a picture must be a file OpenCV reads, got {path}: copy it again, or save it as PNG or JPEG")
    return to_picture(decoded, colour)


def count_pages(path: Path) -> int:
    """Number of pictures in a file: more than one only of a TIFF."""
    try:
        with open(path, "rb") as file:
            if file.read(4) not in TIFF:
                return 1
            return int(cv2.imcount(f"/proc/self/fd/{file.fileno()}"))
    except (OSError, cv2.error):
        return 1


def _page(path: Path, page: int) -> cv2.typing.MatLike | None:
    with open(path, "rb") as file:  # by its descriptor: OpenCV takes no name that is not UTF-8
        done, pages = cv2.imreadmulti(f"/proc/self/fd/{file.fileno()}", page, 1, flags=cv2.IMREAD_COLOR)
    return pages[0] if done and len(pages) else None


def _decoded(path: Path) -> cv2.typing.MatLike | None:
    """BGR uint8 (H, W, 3) of a file's only picture, or its first."""
    content = path.read_bytes()
    if not content:
        raise ValueError(f"a picture must hold data, got the empty file {path}: copy it again")
    buffer = np.frombuffer(content, np.uint8)
    picture = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    if picture is None or not _may_be_transparent(content):
        return picture
    layers = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if layers is None or layers.shape[2:] != (4,) or layers.shape[:2] != picture.shape[:2]:
        return picture
    most = (1 << 8 * layers.itemsize) - 1
    for top in range(0, len(picture), ROWS):  # at once, a large picture's floats would take gigabytes
        rows = slice(top, top + ROWS)
        opaque = layers[rows, :, 3:].astype(np.float32) / most
        shown = PAPER + (picture[rows].astype(np.float32) - PAPER) * opaque
        picture[rows] = np.rint(shown).astype(np.uint8)
    return picture


def _may_be_transparent(content: bytes) -> bool:
    """Whether a PNG or WebP has an alpha channel, or a colour that stands for none."""
    if content.startswith(PNG):
        return content[25] in (4, 6) or b"tRNS" in content[: content.find(b"IDAT")]
    return content[8:12] == b"WEBP" and (content[12:16] == b"VP8L" or content[20] & 0x10 != 0)
