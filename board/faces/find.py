# SPDX-License-Identifier: Apache-2.0
"""Find the faces of a picture: the one rule that decides what counts as a face, and the Haar cascade behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.faces.crop import SIDE_PX, Box, check_picture, is_face, shared_px, to_grey

CASCADE = "haarcascade_frontalface_default.xml"
DEBIAN_CASCADES = Path("/usr/share/opencv4/haarcascades")
SCALE_STEP = 1.2
MIN_NEIGHBOURS = 5
MIN_FACE_PX = 60  # in the full-size picture
COVERED = 0.5
"""Share of a found square, from which on a larger one that covers it makes it part of the same face."""


@dataclass(frozen=True)
class Face:
    """A face in a picture or in a frame of a video.

    Attributes:
        face_id: From 0: in a video the same from frame to frame, in a picture its place by size, the largest first.
        box: Where it is.
        confidence: From 0 to 1, more for more certain: w / (w + 2) of the weight w that the cascade's last stage gives,
            which is about 4 for a small blurred face and 11 for a large sharp one; 0 for a weight below 0. In a frame
            of a video that was not searched, times how well the face matches its template.
    """

    face_id: int
    box: Box
    confidence: float


def find_faces(picture: Pixels, search: Callable[[Pixels], list[Face]] | None = None) -> list[Face]:
    """The picture rule: a picture of 48x48 pixels is a face already, any other is searched.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        search: How to search, such as a FaceTracker's `update` in a video; by default at half size, which is much
            faster, then at full size, which finds what the half overlooks.

    Returns:
        The faces, the largest first.

    Raises:
        ValueError: The array is no picture.
    """
    check_picture(picture)
    if is_face(picture):
        return [Face(0, Box(0, 0, SIDE_PX), 1.0)]
    if search is not None:
        return search(picture)
    return search_faces(picture, 0.5) or search_faces(picture, 1.0)


def find_face(picture: Pixels) -> Box | None:
    """The largest face by the picture rule, None where there is none; see `find_faces`."""
    found = find_faces(picture)
    return found[0].box if found else None


def search_faces(picture: Pixels, scale: float) -> list[Face]:
    """Search a picture for frontal faces once.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        scale: The search runs on the picture shrunk by this factor.

    Returns:
        The faces, the largest first; of squares that cover each other only the largest.
    """
    if not 0 < scale <= 1:
        raise ValueError(f"need 0 < scale <= 1, got {scale}")
    grey = to_grey(picture)
    if min(grey.shape) * scale < 1:
        return []
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    least = round(MIN_FACE_PX * scale)
    found, _, weights = _cascade().detectMultiScale3(
        small, SCALE_STEP, MIN_NEIGHBOURS, minSize=(least, least), outputRejectLevels=True
    )
    squares = []
    for (left, top, side, _), weight in zip(found, np.ravel(weights), strict=True):
        box = Box(round(left / scale), round(top / scale), round(side / scale))
        weight = max(0.0, float(weight))  # the cascade accepts windows from about -3 on
        squares.append((box, weight / (weight + 2)))
    faces: list[Face] = []
    for box, confidence in sorted(squares, key=lambda square: -square[0].side):
        if all(shared_px(box, face.box) / box.side**2 < COVERED for face in faces):
            faces.append(Face(len(faces), box, confidence))
    return faces


@lru_cache(maxsize=1)
def _cascade() -> cv2.CascadeClassifier:
    """The frontal-face cascade of pip's or of Debian's OpenCV."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise RuntimeError(f"face detection needs OpenCV 4, got {cv2.__version__}: install opencv<5")
    folders = [DEBIAN_CASCADES]
    if hasattr(cv2, "data"):  # Debian's package has none
        folders.insert(0, Path(cv2.data.haarcascades))  # type: ignore[attr-defined] # its stub lacks it
    for folder in folders:
        if (folder / CASCADE).is_file():
            return cv2.CascadeClassifier(str(folder / CASCADE))
    raise RuntimeError(
        f"face detection needs {CASCADE}, found neither of {', '.join(map(str, folders))}:"
        " install Debian's opencv-data or pip's opencv-python-headless"
    )
