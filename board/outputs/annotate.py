# SPDX-License-Identifier: Apache-2.0
"""Draw observations into a picture: boxes, a panel of AU bars, and where the network looked."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from board.core.arrays import Pixels
from board.core.contract import ActionUnit, Contract
from board.faces.crop import Box, framed
from board.observation import OK, Observation

UNIT_PX = 480
"""Height of a picture for which text and lines have their natural size; others scale with it."""
PANEL_SHARE = 0.72
"""Width of the panel, as a share of the picture's height."""
SMALLEST_PX = 360
"""Lower pictures are enlarged, or nobody could read the panel."""
FONT = cv2.FONT_HERSHEY_SIMPLEX

BACKGROUND, TEXT, FAINT = (24, 27, 33), (236, 239, 244), (136, 144, 158)
PRESENT, ABSENT, TRACK, TICK = (255, 176, 59), (92, 124, 168), (46, 51, 61), (236, 239, 244)
TROUBLE = (240, 98, 89)
BOXES = ((255, 176, 59), (94, 199, 140), (108, 170, 255), (220, 130, 220))
"""Colours, RGB."""
HEAT_SHARE = 0.55
"""Of the heat's colour where attention is fully open."""


def draw(picture: Pixels, observations: list[Observation], contract: Contract) -> Pixels:
    """Draw the observations of one frame beside and into its picture.

    Args:
        picture: RGB uint8 (H, W, 3).
        observations: Of this frame; the panel shows the first face, boxes all.
        contract: Names the action units and their thresholds.

    Returns:
        RGB uint8, of another size: the picture, enlarged if it is small, with the panel to its right.
    """
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
            _face(canvas[:, :width], seen, _scaled(seen.face.box, factor), seen.face.face_id, unit)
    first = next((seen for seen in observations if seen.status == OK), observations[0] if observations else None)
    if first is not None:
        _panel(canvas[:, width:], first, contract, unit)
    return canvas


def _scaled(box: Box, factor: float) -> Box:
    """A box of the picture in the canvas."""
    return Box(round(factor * box.left), round(factor * box.top), round(factor * box.side))


def _face(picture: Pixels, seen: Observation, box: Box, face_id: int, unit: float) -> None:
    """Box, number and emotion of one face."""
    colour = BOXES[face_id % len(BOXES)] if seen.status == OK else TROUBLE
    left, top, side = box.left, box.top, box.side
    line = max(1, round(2 * unit))
    cv2.rectangle(picture, (left, top), (left + side, top + side), colour, line, cv2.LINE_AA)
    caption = f"{face_id}" if seen.aus is None or seen.aus.emotion is None else f"{face_id} {seen.aus.emotion}"
    size = 0.5 * unit
    (wide, high), _ = cv2.getTextSize(caption, FONT, size, max(1, round(unit)))
    pad = round(4 * unit)
    bottom = top if top > high + 2 * pad else top + high + 2 * pad  # inside the box where there is no room above
    bottom = min(max(bottom, high + 2 * pad), picture.shape[0])
    start = max(0, min(left, picture.shape[1] - wide - 2 * pad))  # readable where the box leaves the picture
    cv2.rectangle(picture, (start, bottom - high - 2 * pad), (start + wide + 2 * pad, bottom), colour, -1)
    _write(picture, caption, (start + pad, bottom - pad), size, BACKGROUND, unit)


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


def _panel(panel: Pixels, seen: Observation, contract: Contract, unit: float) -> None:
    """One bar for each action unit, or why there is none."""
    edge = round(16 * unit)
    title = f"face {seen.face.face_id}" if seen.face is not None and seen.status == OK else seen.status
    _write(panel, title, (edge, round(30 * unit)), 0.62 * unit, TEXT if seen.status == OK else TROUBLE, unit)
    if seen.aus is None:
        for number, line in enumerate(_wrapped(seen.message, 40)):
            _write(panel, line, (edge, round((58 + 20 * number) * unit)), 0.42 * unit, FAINT, unit)
        return
    if seen.aus.emotion is not None:
        _write(panel, seen.aus.emotion, (round(110 * unit), round(30 * unit)), 0.62 * unit, PRESENT, unit)
    rows = len(contract.action_units)
    first, step = 48 * unit, (panel.shape[0] - 60 * unit) / rows
    units = zip(contract.action_units, seen.aus.probabilities, seen.aus.occurrence, strict=True)
    for row, (action_unit, probability, present) in enumerate(units):
        _bar(panel, round(first + row * step), step, action_unit, float(probability), bool(present), unit)


def _bar(
    panel: Pixels, top: int, step: float, action_unit: ActionUnit, probability: float, present: bool, unit: float
) -> None:
    """Name, bar, threshold and probability of one action unit."""
    edge, width = round(16 * unit), panel.shape[1]
    short, _, title = action_unit.name.partition(" ")
    size, colour = min(0.42 * unit, 0.016 * step), TEXT if present else FAINT
    base = top + round(0.42 * step)
    _write(panel, short, (edge, base), size, PRESENT if present else FAINT, unit)
    _write(panel, title, (edge + round(52 * unit), base), size, colour, unit)
    number = f"{probability:.2f}"
    (wide, _), _ = cv2.getTextSize(number, FONT, size, 1)
    _write(panel, number, (width - edge - wide, base), size, colour, unit)
    y0, y1 = top + round(0.56 * step), top + round(0.78 * step)
    span = width - 2 * edge
    cv2.rectangle(panel, (edge, y0), (edge + span, y1), TRACK, -1)
    cv2.rectangle(panel, (edge, y0), (edge + round(span * probability), y1), PRESENT if present else ABSENT, -1)
    tick = edge + round(span * action_unit.threshold)
    reach = max(1, round(2 * unit))
    cv2.line(panel, (tick, y0), (tick, y1 + reach), TICK, max(1, round(unit)))


def _write(
    canvas: Pixels, text: str, at: tuple[int, int], size: float, colour: tuple[int, int, int], unit: float
) -> None:
    cv2.putText(canvas, text, at, FONT, size, colour, max(1, round(unit)), cv2.LINE_AA)


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many characters; OpenCV writes ASCII only."""
    lines = [""]
    for word in text.encode("ascii", "replace").decode().split():
        for start in range(0, len(word), columns - 1):  # such as a path
            part = word[start : start + columns - 1]
            if start or len(lines[-1]) + len(part) >= columns:
                lines.append("")
            lines[-1] = f"{lines[-1]} {part}".strip()
    return lines
