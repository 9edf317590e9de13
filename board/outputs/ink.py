# SPDX-License-Identifier: Apache-2.0
"""Colours and letters of drawn observations."""

from __future__ import annotations

import cv2

from board.core.arrays import Pixels
from board.core.text import ascii_only
from board.observation import OK, Observation

Colour = tuple[int, int, int]

BACKGROUND, TEXT, FAINT = (24, 27, 33), (236, 239, 244), (136, 144, 158)
PRESENT, ABSENT, TRACK, TICK = (255, 176, 59), (92, 124, 168), (46, 51, 61), (236, 239, 244)
TROUBLE = (240, 98, 89)
FACES = (
    (255, 176, 59), (94, 199, 140), (108, 170, 255), (220, 130, 220), (240, 230, 120), (90, 215, 220), (255, 150, 140),
    (180, 200, 90),
)  # fmt: skip
"""Colours, RGB; of faces by their number."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


def colour_of(seen: Observation) -> Colour:
    """Of a face's box, and of its number in the panel."""
    assert seen.face is not None, "asked for faces only"
    return FACES[seen.face.face_id % len(FACES)] if seen.status == OK else TROUBLE


def text_size(text: str, size: float, unit: float) -> tuple[int, int]:
    """Width and height of a text in pixels."""
    (wide, high), _ = cv2.getTextSize(ascii_only(text), FONT, size, max(1, round(unit)))
    return wide, high


def write_text(canvas: Pixels, text: str, at: tuple[int, int], size: float, colour: Colour, unit: float) -> None:
    """Write a text with its lower left corner at (x, y); OpenCV's letters are ASCII."""
    cv2.putText(canvas, ascii_only(text), at, FONT, size, colour, max(1, round(unit)), cv2.LINE_AA)
