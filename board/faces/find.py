# SPDX-License-Identifier: Apache-2.0
"""Find frontal faces in a picture and cut them out as the accelerator's 48x48x3 input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

SIDE_PX = 48
COLOURS = ("grey", "rgb")
PREPROCESSING = "haar-frontal-area48-1"
"""Name of what this file does to a picture; the contract carries it, so that old builds notice a change."""

CASCADE = "haarcascade_frontalface_default.xml"
DEBIAN_CASCADES = Path("/usr/share/opencv4/haarcascades")
SCALE_STEP = 1.2
MIN_NEIGHBOURS = 5
MIN_FACE_PX = 60  # in the full-size picture
COVERED = 0.5
"""Share of a found square, from which on a larger one that covers it makes it part of the same face."""


@dataclass(frozen=True)
class Box:
    """A square in a picture, in pixels of the full-size picture."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class Detection:
    """A face that was found.

    Attributes:
        box: Where.
        confidence: From 0 to 1, more for more certain: w / (w + 2) of the weight w that the cascade's last stage gives,
            which is about 4 for a small blurred face and 11 for a large sharp one; 0 for a weight below 0.
    """

    box: Box
    confidence: float


def find_faces(picture: np.ndarray, scale: float = 0.5) -> list[Detection]:
    """Find all frontal faces.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        scale: The search runs on the picture shrunk by this factor: a half is much faster than the full size.

    Returns:
        The faces, the largest first; of squares that cover each other only the largest.
    """
    if not 0 < scale <= 1:
        raise ValueError(f"need 0 < scale <= 1, got {scale}")
    grey = to_grey(picture)
    if min(grey.shape) * scale < 1:
        return []
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    smallest = round(MIN_FACE_PX * scale)
    found, _, weights = _cascade().detectMultiScale3(
        grey, SCALE_STEP, MIN_NEIGHBOURS, minSize=(smallest, smallest), outputRejectLevels=True
    )
    detections = []
    for (left, top, side, _), weight in zip(found, np.ravel(weights), strict=True):
        box = Box(round(left / scale), round(top / scale), round(side / scale))
        weight = max(0.0, float(weight))  # the cascade accepts windows from about -3 on
        detections.append(Detection(box, weight / (weight + 2)))
    faces: list[Detection] = []
    for detection in sorted(detections, key=lambda detection: -detection.box.side):
        shares = (shared_px(detection.box, face.box) / detection.box.side**2 for face in faces)
        if all(share < COVERED for share in shares):
            faces.append(detection)
    return faces


def shared_px(one: Box, other: Box) -> int:
    """Pixels that lie in both of two boxes."""
    width = min(one.left + one.side, other.left + other.side) - max(one.left, other.left)
    height = min(one.top + one.side, other.top + other.side) - max(one.top, other.top)
    return max(0, width) * max(0, height)


def find_face(picture: np.ndarray, scale: float = 0.5) -> Box | None:
    """The largest frontal face, None where there is none; see `find_faces`."""
    found = find_faces(picture, scale)
    return found[0].box if found else None


def cut_face(picture: np.ndarray, box: Box, margin: float = 0.0, colour: str = "grey") -> np.ndarray:
    """Cut a face out and scale it to the accelerator's input.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        box: Where the face is.
        margin: Share of the box's side added on each of its four sides, above -0.5; what lies beyond the
            picture repeats its edge.
        colour: "grey" or "rgb", see `to_input`.

    Returns:
        uint8 of shape (48, 48, 3).
    """
    if not -0.5 < margin <= 1:
        raise ValueError(f"need -0.5 < margin <= 1, got {margin}")
    grow = round(box.side * margin)
    left, top, side = box.left - grow, box.top - grow, box.side + 2 * grow
    height, width = picture.shape[:2]
    beyond = max(0, -left, -top, left + side - width, top + side - height)
    if beyond:
        picture = cv2.copyMakeBorder(picture, beyond, beyond, beyond, beyond, cv2.BORDER_REPLICATE)
    crop = picture[top + beyond : top + beyond + side, left + beyond : left + beyond + side]
    return cv2.resize(to_input(crop, colour), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)


def to_input(face: np.ndarray, colour: str) -> np.ndarray:
    """Apply the contract's colour rule to a face.

    Args:
        face: uint8, grey (H, W) or RGB (H, W, 3).
        colour: "grey" puts the luminance into all three channels, for weights trained on grey pictures; "rgb"
            keeps the colours.

    Returns:
        uint8 of shape (H, W, 3).
    """
    if colour not in COLOURS:
        raise ValueError(f"the colour rule must be one of {', '.join(COLOURS)}, got {colour!r}")
    if colour == "rgb" and face.ndim == 3:
        return np.ascontiguousarray(face)
    return np.repeat(to_grey(face)[..., np.newaxis], 3, axis=2)


def to_grey(picture: np.ndarray) -> np.ndarray:
    """Luminance (H, W) of uint8 (H, W) or RGB (H, W, 3); grey in all three channels stays exactly as it is."""
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"a picture must be uint8 of shape (H, W) or (H, W, 3), got {picture.dtype} {picture.shape}")
    return picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


@lru_cache(maxsize=1)
def _cascade() -> cv2.CascadeClassifier:
    """The frontal-face cascade of pip's or of Debian's OpenCV."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise RuntimeError(f"face detection needs OpenCV 4, got {cv2.__version__}: install opencv<5")
    folders = [DEBIAN_CASCADES]
    if hasattr(cv2, "data"):  # Debian's package has none
        folders.insert(0, Path(cv2.data.haarcascades))  # type: ignore[attr-defined]
    for folder in folders:
        if (folder / CASCADE).is_file():
            return cv2.CascadeClassifier(str(folder / CASCADE))
    raise RuntimeError(
        f"face detection needs {CASCADE}, found neither of {', '.join(map(str, folders))}:"
        " install Debian's opencv-data or pip's opencv-python-headless"
    )
