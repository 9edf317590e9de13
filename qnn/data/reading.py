# SPDX-License-Identifier: Apache-2.0
"""Read pictures and video frames in lots: a lot is what one process reads, and what one cached file holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from board.core.arrays import Pixels
from board.core.reading import read_arrays
from board.faces.crop import SIDE_PX
from board.sources.frame import to_rgb
from board.sources.pictures import read_picture
from qnn.data.dataset import Dataset, Problem, Source

PICTURES_PER_LOT = 512
PACKED = ".npz"
"""Suffix of files that hold pictures as an array's rows."""
LOST_FRAMES = 5
"""So many frames may lack at the end of a video: DISFA's labels and videos differ in length by a frame or two."""


def lots(sources: Sequence[Source]) -> list[Sequence[Source]]:
    """Sources cut into lots, in order: the frames of one video together, pictures by the hundred."""
    cut: list[Sequence[Source]] = []
    for video, group in groupby(sources, lambda source: None if source.frame is None else source.path):
        members = tuple(group)
        size = PICTURES_PER_LOT if video is None else len(members)
        cut += [members[start : start + size] for start in range(0, len(members), size)]
    return cut


def prepare(dataset: Dataset, lot: Sequence[Source], margin: float) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Faces of a lot's N sources, and which of them have one.

    Returns:
        uint8 of shape (M, 48, 48) or (M, 48, 48, 3), and bool of shape (N,) with M true.

    Raises:
        ValueError: A picture cannot be read, or has the wrong size.
    """
    faces, found = [], []
    for source, picture in zip(lot, _pictures(lot), strict=True):
        try:
            face = None if picture is None else dataset.face(picture, margin)
        except ValueError as error:
            raise ValueError(f"{error} in {source.path}") from None
        found.append(face is not None)
        if face is not None:
            faces.append(face if dataset.colour == "rgb" else face[..., 0])
    shape = (SIDE_PX, SIDE_PX, 3) if dataset.colour == "rgb" else (SIDE_PX, SIDE_PX)
    return np.array(faces, dtype=np.uint8).reshape(-1, *shape), np.array(found, dtype=bool)


def faults(dataset: Dataset, lot: Sequence[Source]) -> list[Problem]:
    """What of a lot cannot be read or has the wrong size; faces are not looked for."""
    if lot[0].frame is not None:
        try:
            for _ in _pictures(lot):
                pass
        except ValueError as error:
            return [Problem("unreadable", str(error))]
        return []
    found = []
    for source in lot:
        try:
            picture = read_picture(source.path)
        except (ValueError, OSError) as error:
            found.append(Problem("unreadable", str(error)))
            continue
        try:
            dataset.accept(picture)
        except ValueError as error:
            found.append(Problem("size", f"{error} in {source.path}"))
    return found


def frame_count(video: Path) -> int:
    """Number of frames that a video says it has."""
    capture = _open(video)
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return count


def _pictures(lot: Sequence[Source]) -> Iterator[Pixels | None]:
    """RGB pictures (H, W, 3) of a lot; None for a frame after the last of its video."""
    if lot[0].path.suffix == PACKED:
        yield from _rows(lot)
    elif lot[0].frame is not None:
        yield from _frames(lot)
    else:
        for source in lot:
            yield read_picture(source.path)


def _rows(lot: Sequence[Source]) -> Iterator[Pixels]:
    """Pictures that are rows of one array file, whose grey `pixels` are (N, H, W)."""
    pixels = read_arrays(lot[0].path, "packed faces", "copy it again").get("pixels")
    if pixels is None or pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"packed faces must have pixels uint8 (N, H, W), got others in {lot[0].path}: copy it again")
    for source in lot:
        yield np.repeat(pixels[source.frame, :, :, np.newaxis], 3, axis=2)


def _frames(lot: Sequence[Source]) -> Iterator[Pixels | None]:
    """Frames of one video in rising order, read once from the start: seeking is not exact in every container."""
    video = lot[0].path
    capture = _open(video)
    position, lost = 0, 0
    for source in lot:
        assert source.frame is not None and source.frame >= position, "frames rise"
        while position < source.frame and capture.grab():
            position += 1
        there, picture = capture.read() if position == source.frame else (False, None)
        if there and picture is not None:
            position += 1
            yield to_rgb(picture)
            continue
        lost += 1
        if lost > LOST_FRAMES:
            raise ValueError(f"a video must hold every labelled frame, got none from {position + 1} on in {video}")
        yield None
    capture.release()


def _open(video: Path) -> cv2.VideoCapture:
    """A video to read from the start."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise ValueError(f"a video must be a file OpenCV reads, got {video}: copy it again")
    return capture
