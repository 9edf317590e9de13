# SPDX-License-Identifier: Apache-2.0
"""Draw observations into a picture: boxes, a panel of AU bars, and where the network looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.contract import Contract
from board.faces.crop import Box, framed
from board.observation import Observation
from board.outputs.ink import BACKGROUND, colour_of, text_size, write_text
from board.outputs.panel import draw_panel

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

UNIT_PX = 480
"""Height of a picture for which text and lines have their natural size; others scale with it."""
PANEL_SHARE = 0.72
"""Width of the panel, as a share of the picture's height."""
SMALLEST_PX = 360
"""Lower pictures are enlarged, or nobody could read the panel."""
HEAT_SHARE = 0.55
"""Of the heat's colour where attention is fully open."""


def draw(picture: Pixels, observations: list[Observation], contract: Contract) -> Pixels:
    """Draw the observations of one frame beside and into its picture.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        observations: Of this frame.
        contract: Names the action units and their thresholds.

    Returns:
        RGB uint8, of another size: the picture, enlarged if it is small, with the panel to its right.
    """
    if picture.ndim == 2:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    factor = max(1.0, SMALLEST_PX / picture.shape[0])
    shown = picture if factor == 1 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    height, width = shown.shape[:2]
    panel = round(height * PANEL_SHARE)
    canvas = np.empty((height, width + panel, 3), np.uint8)
    canvas[:, :width] = shown
    canvas[:, width:] = BACKGROUND
    unit = height / UNIT_PX
    for seen in observations:
        if seen.face is not None:
            if seen.attention is not None:
                square = framed(picture, seen.face.box, contract.input.crop_margin)
                _heat(canvas[:, :width], seen.attention, _scaled(square, factor))
            _face(canvas[:, :width], seen, _scaled(seen.face.box, factor), unit)
    draw_panel(canvas[:, width:], observations, contract, unit)
    return canvas


def _scaled(box: Box, factor: float) -> Box:
    """A box of the picture in the canvas."""
    return Box(round(factor * box.left), round(factor * box.top), round(factor * box.side))


def _face(picture: Pixels, seen: Observation, box: Box, unit: float) -> None:
    """Box, number and emotion of one face."""
    assert seen.face is not None, "asked for faces only"
    colour, face_id = colour_of(seen), seen.face.face_id
    left, top, side = box.left, box.top, box.side
    line = max(1, round(2 * unit))
    cv2.rectangle(picture, (left, top), (left + side, top + side), colour, line, cv2.LINE_AA)
    caption = f"{face_id}" if seen.aus is None or seen.aus.emotion is None else f"{face_id} {seen.aus.emotion}"
    size = 0.5 * unit
    wide, high = text_size(caption, size, unit)
    pad = round(4 * unit)
    bottom = top if top > high + 2 * pad else top + high + 2 * pad  # inside the box where there is no room above
    bottom = min(max(bottom, high + 2 * pad), picture.shape[0])
    start = max(0, min(left, picture.shape[1] - wide - 2 * pad))  # readable where the box leaves the picture
    cv2.rectangle(picture, (start, bottom - high - 2 * pad), (start + wide + 2 * pad, bottom), colour, -1)
    write_text(picture, caption, (start + pad, bottom - pad), size, BACKGROUND, unit)


def _heat(picture: Pixels, attention: npt.NDArray[np.float32], square: Box) -> None:
    """Blend attention, (rows, columns) from 0 to 1, over a square of the picture, as far as that lies in it."""
    height, width = picture.shape[:2]
    left, top, side = square.left, square.top, square.side
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    if x0 >= x1 or y0 >= y1:
        return
    span = max(1e-6, float(attention.max() - attention.min()))
    levels = cv2.resize((attention - attention.min()) / span, (side, side), interpolation=cv2.INTER_LINEAR)
    levels = levels[y0 - top : y1 - top, x0 - left : x1 - left]
    colours = cv2.applyColorMap(np.round(255 * levels).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    share = HEAT_SHARE * levels
    region = picture[y0:y1, x0:x1]
    region[:] = cv2.blendLinear(np.ascontiguousarray(region), np.ascontiguousarray(colours), 1 - share, share)
