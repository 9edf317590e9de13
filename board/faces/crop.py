# SPDX-License-Identifier: Apache-2.0
"""Cut a face out of a picture and scale it to the accelerator's 48x48x3 input."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.contract import COLOURS

SIDE_PX = 48


@dataclass(frozen=True)
class Box:
    """A square in a picture, in pixels of the full-size picture."""

    left: int
    top: int
    side: int


def shared_px(one: Box, other: Box) -> int:
    """Pixels that lie in both of two boxes."""
    width = min(one.left + one.side, other.left + other.side) - max(one.left, other.left)
    height = min(one.top + one.side, other.top + other.side) - max(one.top, other.top)
    return max(0, width) * max(0, height)


def is_face(picture: Pixels) -> bool:
    """Whether a picture has the input's size: such a one is a face already, framed as the network wants it."""
    return picture.shape[:2] == (SIDE_PX, SIDE_PX)


def framed(picture: Pixels, box: Box, margin: float) -> Box:
    """The square that the network sees of a face: its box with the margin, or all of a picture that is a face already.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        box: Where the face is.
        margin: Share of the box's side added on each of its four sides, above -0.5.
    """
    if not -0.5 < margin <= 1:
        raise ValueError(f"need -0.5 < margin <= 1, got {margin}")
    grow = 0 if is_face(picture) else round(box.side * margin)
    return Box(box.left - grow, box.top - grow, box.side + 2 * grow)


def cut_square(picture: Pixels, square: Box) -> Pixels:
    """The pixels of a square, (side, side) or (side, side, 3); what lies beyond the picture repeats its edge."""
    left, top, side = square.left, square.top, square.side
    height, width = picture.shape[:2]
    beyond = max(0, -left, -top, left + side - width, top + side - height)
    if beyond:
        bordered = cv2.copyMakeBorder(picture, beyond, beyond, beyond, beyond, cv2.BORDER_REPLICATE)
        picture = np.asarray(bordered, np.uint8)
    return picture[top + beyond : top + beyond + side, left + beyond : left + beyond + side]


def cut_face(picture: Pixels, box: Box, margin: float = 0.0, colour: str = "grey") -> Pixels:
    """Cut a face out and scale it to the accelerator's input.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        box: Where the face is.
        margin: See `framed`.
        colour: "grey" or "rgb", see `to_input`.

    Returns:
        uint8 of shape (48, 48, 3).
    """
    face = cut_square(picture, framed(picture, box, margin))
    if colour == "grey":
        face = to_grey(face)  # before it is scaled, and into three channels after that: equal, and a third of the work
    small = cv2.resize(face, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return to_input(np.asarray(small, np.uint8), colour)


def to_input(face: Pixels, colour: str) -> Pixels:
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
        check_picture(face)
        return np.ascontiguousarray(face)
    return np.repeat(to_grey(face)[..., np.newaxis], 3, axis=2)


def to_grey(picture: Pixels) -> Pixels:
    """Luminance (H, W) of uint8 (H, W) or RGB (H, W, 3); grey in all three channels stays exactly as it is."""
    check_picture(picture)
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def check_picture(picture: Pixels) -> None:
    """Refuse an array that is no picture.

    Raises:
        ValueError: It has another type or shape.
    """
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(f"a picture must be uint8 of shape (H, W) or (H, W, 3), got {picture.dtype} {picture.shape}")
