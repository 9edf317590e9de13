# SPDX-License-Identifier: Apache-2.0
"""OpenCV's Haar cascade for frontal faces, which every PYNQ image has."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.faces.crop import Box, to_grey
from board.faces.find import Face, distinct

CASCADE = "haarcascade_frontalface_default.xml"
DEBIAN_CASCADES = Path("/usr/share/opencv4/haarcascades")
SCALE_STEP = 1.2
MIN_NEIGHBOURS = 5
LEAST_FACE_PX = 60
SEARCH_EVERY = 12


class Haar:
    """The cascade behind the protocol Finder.

    Its confidence is w / (w + 2) of the weight w that the cascade's last stage gives, which is about 4 for a small
    blurred face and 11 for a large sharp one; 0 for a weight below 0.

    Args:
        least_confidence: Of the faces that are reported, 0 to 1.
        least_face_px: Side of the smallest square that is searched for, in pixels of the picture.

    Raises:
        RuntimeError: OpenCV has no cascades.
    """

    name = "haar"
    search_every = SEARCH_EVERY

    def __init__(self, least_confidence: float = 0.0, least_face_px: int = LEAST_FACE_PX) -> None:
        self._least_confidence, self._least_face_px = least_confidence, least_face_px
        self._cascade = cascade()
        self.description = f"Haar cascade, OpenCV {cv2.__version__}"

    def search(self, picture: Pixels, followed_px: int | None = None) -> list[Face]:
        """See Finder; at half size, which is much faster."""
        return self._search(picture, 0.5)

    def search_still(self, picture: Pixels) -> list[Face]:
        """See Finder; at half size, then at full size, which finds what the half overlooks."""
        return self._search(picture, 0.5) or self._search(picture, 1.0)

    def with_roll(self, picture: Pixels, face: Face) -> Face:
        """See Finder; a cascade does not tell."""
        return face

    def _search(self, picture: Pixels, scale: float) -> list[Face]:
        """Search a picture shrunk by a factor of at most 1."""
        grey = to_grey(picture)
        if min(grey.shape) * scale < 1:
            return []
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        least = round(self._least_face_px * scale)
        found, _, weights = self._cascade.detectMultiScale3(
            small, SCALE_STEP, MIN_NEIGHBOURS, minSize=(least, least), outputRejectLevels=True
        )
        faces = []
        for (left, top, side, _), weight in zip(found, np.ravel(weights), strict=True):
            box = Box(round(left / scale), round(top / scale), round(side / scale))
            weight = max(0.0, float(weight))  # the cascade accepts windows from about -3 on
            if (confidence := weight / (weight + 2)) >= self._least_confidence:
                faces.append(Face(0, box, confidence))
        return distinct(faces)


@lru_cache(maxsize=1)
def cascade() -> cv2.CascadeClassifier:
    """The frontal-face cascade of pip's or of Debian's OpenCV."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise RuntimeError(f"finder haar needs OpenCV 4, got {cv2.__version__}: install opencv<5")
    folders = [DEBIAN_CASCADES]
    if hasattr(cv2, "data"):  # Debian's package has none
        folders.insert(0, Path(cv2.data.haarcascades))  # type: ignore[attr-defined] # its stub lacks it
    for folder in folders:
        if (folder / CASCADE).is_file():
            return cv2.CascadeClassifier(str(folder / CASCADE))
    raise RuntimeError(
        f"finder haar needs {CASCADE}, found neither of {', '.join(map(str, folders))}:"
        " install Debian's opencv-data or pip's opencv-python-headless"
    )
