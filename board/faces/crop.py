# SPDX-License-Identifier: Apache-2.0
"""Cut a face out of a picture and scale it to the accelerator's 48x48x3 input."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.contract import COLOURS

SIDE_PX = 48
TURNED_PX = 96
"""Side at which a large face is turned: a larger one shows next to nothing more in 48 pixels, and takes long."""


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


def cut_square(picture: Pixels, square: Box, roll_deg: float = 0.0) -> Pixels:
    """The pixels of a square, (side, side) or (side, side, 3); what lies beyond the picture repeats its edge.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        square: Where.
        roll_deg: How far it leans about its centre, positive clockwise: it is turned back.
    """
    if roll_deg:
        return _turned_back(cut_square(picture, _around(square, roll_deg)), roll_deg, square.side)
    left, top, side = square.left, square.top, square.side
    height, width = picture.shape[:2]
    beyond = max(0, -left, -top, left + side - width, top + side - height)
    if beyond:
        bordered = cv2.copyMakeBorder(picture, beyond, beyond, beyond, beyond, cv2.BORDER_REPLICATE)
        picture = np.asarray(bordered, np.uint8)
    return picture[top + beyond : top + beyond + side, left + beyond : left + beyond + side]


def _around(square: Box, roll_deg: float) -> Box:
    """The upright square that holds a leaning one of the same centre."""
    roll = math.radians(roll_deg)
    border = math.ceil(square.side * (abs(math.cos(roll)) + abs(math.sin(roll)) - 1) / 2)
    return Box(square.left - border, square.top - border, square.side + 2 * border)


def _turned_back(outer: Pixels, roll_deg: float, side: int) -> Pixels:
    """The leaning square of a side in the middle of a picture, upright."""
    centre = (len(outer) - 1) / 2
    turn = np.asarray(cv2.getRotationMatrix2D((centre, centre), roll_deg, 1), np.float64)
    turn[:, 2] += (side - 1) / 2 - centre
    turned = cv2.warpAffine(outer, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def cut_face(picture: Pixels, box: Box, margin: float = 0.0, colour: str = "grey", roll_deg: float = 0.0) -> Pixels:
    """Cut a face out and scale it to the accelerator's input.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        box: Where the face is.
        margin: See `framed`.
        colour: "grey" or "rgb", see `to_input`.
        roll_deg: How far it leans, positive clockwise: it is turned upright. 0 where the contract says that faces are
            cut as they are.

    Returns:
        uint8 of shape (48, 48, 3).
    """
    square = framed(picture, box, margin)
    face = cut_square(picture, _around(square, roll_deg))
    if colour == "grey":
        face = to_grey(face)  # what follows takes a third of the time then
    if roll_deg:
        side = min(square.side, TURNED_PX)
        outer = round(len(face) * side / square.side)
        face = np.asarray(cv2.resize(face, (outer, outer), interpolation=cv2.INTER_AREA), np.uint8)
        face = _turned_back(face, roll_deg, side)
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
