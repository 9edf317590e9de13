# SPDX-License-Identifier: Apache-2.0
"""A page of faces: for each AU those with the highest and the lowest output, so that a person sees what it tells."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from board.core.facs import AU_TITLES
from board.core.files import write_figure
from qnn.data.faces import Faces
from qnn.evaluation.aus.statistics import Floats
from qnn.evaluation.aus.validity import ABSENT, PRESENT
from qnn.evaluation.plots import BLUE, DPI, GREY, ORANGE

EACH = 8
"""Faces on each side."""
FACE_PX, GAP_PX, TEXT_PX, SIDE_PX, HEAD_PX = 96, 8, 22, 190, 58


def page(path: Path, faces: Faces, probabilities: Floats, title: str) -> None:
    """Write a PNG: a row for each AU, its highest outputs at the left, its lowest at the right.

    Under each face stand its true strength and the output. Faces of one subject come once on each side. A frame tells
    where the two disagree: orange where an AU that is absent is among the highest or one that is present among the
    lowest, blue where they agree.

    Args:
        path: Where to.
        faces: With strengths for labels, NaN where unknown.
        probabilities: Of each AU, (N, AUs).
        title: Above all.
    """
    across, down = FACE_PX + GAP_PX, FACE_PX + TEXT_PX + GAP_PX
    width, height = SIDE_PX + (2 * EACH + 1) * across, HEAD_PX + len(faces.aus) * down
    canvas = np.full((height, width, 3), 255, np.uint8)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    small = 6.5 * 100 / DPI
    for row, au in enumerate(faces.aus):
        top = HEAD_PX + row * down
        axes.text(10, top + FACE_PX / 2, f"AU{au}\n{_wrapped(AU_TITLES[au])}", fontsize=2 * small, va="center")
        order = np.argsort(-probabilities[:, row], kind="stable")
        for side, chosen in enumerate((_distinct(order, faces.subjects), _distinct(order[::-1], faces.subjects))):
            for place, face in enumerate(chosen):
                left = SIDE_PX + (side * (EACH + 1) + place) * across
                canvas[top : top + FACE_PX, left : left + FACE_PX] = _large(faces, int(face))
                strength, said = faces.labels[face, row], probabilities[face, row]
                frame = _frame(float(strength), side == 0)
                axes.add_patch(Rectangle((left - 1, top - 1), FACE_PX + 1, FACE_PX + 1, fill=False, lw=1.2, ec=frame))
                truth = "?" if np.isnan(strength) else f"{strength:.2f}"
                text = f"{truth} | {said:.2f}"
                axes.text(left + FACE_PX / 2, top + FACE_PX + 4, text, fontsize=small * 1.6, ha="center", va="top")
    axes.text(10, 20, title, fontsize=2.4 * small, va="center")
    for side, words in enumerate(("highest outputs", "lowest outputs")):
        left = SIDE_PX + side * (EACH + 1) * across
        axes.text(left, 44, f"{words}: true strength | output", fontsize=1.9 * small, va="center", color=GREY)
    axes.imshow(canvas, interpolation="nearest")
    axes.set_axis_off()
    write_figure(path, figure, DPI)


def _distinct(order: npt.NDArray[np.int64], subjects: npt.NDArray[np.str_]) -> list[int]:
    """The first EACH faces of an order (N,), one of each subject."""
    seen: set[str] = set()
    chosen: list[int] = []
    for face in order.tolist():
        if len(chosen) < EACH and (not subjects[face] or subjects[face] not in seen):
            seen.add(str(subjects[face]))
            chosen.append(face)
    return chosen


def _large(faces: Faces, face: int) -> npt.NDArray[np.uint8]:
    """A face as the page shows it, (FACE_PX, FACE_PX, 3)."""
    rgb = faces.take(np.array([face])).rgb[0]
    return np.asarray(cv2.resize(rgb, (FACE_PX, FACE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)


def _frame(strength: float, high: bool) -> str:
    """Colour of a face's frame."""
    if strength >= PRESENT:
        return BLUE if high else ORANGE
    if strength <= ABSENT:
        return ORANGE if high else BLUE
    return "0.8"


def _wrapped(title: str) -> str:
    """A title on two lines, where it has more than one word."""
    first, _, rest = title.partition(" ")
    return f"{first}\n{rest}"
