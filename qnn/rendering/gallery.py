# SPDX-License-Identifier: Apache-2.0
"""The same people without an AU and with each AU: contact sheets, and the faces of board/data/rendered_faces.npz."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from board.core.files import write_bytes, write_npz
from qnn.rendering.actions import AUS, DETECTED
from qnn.rendering.arrays import Pixels
from qnn.rendering.expressions import only
from qnn.rendering.head import load_head
from qnn.rendering.painter import Painter
from qnn.rendering.person import make_person
from qnn.rendering.scene import make_scene

STORED_PEOPLE, STORED_SEED = 20, 2026
SHEET_PEOPLE, SHEET_STRENGTHS = 6, (0.5, 1.0)
HEADING_PX = 24


@dataclass(frozen=True)
class Gallery:
    """Faces of some people in one calm scene each.

    Attributes:
        pixels: uint8 (people, strengths, 1 + AUs, 48, 48), the first without an AU.
        aus: FACS numbers of the others.
        strengths: AU weights.
    """

    pixels: Pixels
    aus: tuple[int, ...]
    strengths: tuple[float, ...]


def make_gallery(
    painter: Painter, seed: int, people: int, aus: tuple[int, ...] = AUS, strengths: tuple[float, ...] = SHEET_STRENGTHS
) -> Gallery:
    """Draw people at random and show them without an AU and with each alone."""
    rows = []
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        person, scene = make_person(painter.head, rng), make_scene(rng, calm=True)
        shown = [[painter.paint(person, only(au, s), scene, glasses=False) for au in (None, *aus)] for s in strengths]
        rows.append([[face.pixels for face in line] for line in shown])
    return Gallery(np.array(rows, np.uint8), aus, strengths)


def write_sheet(path: Path, gallery: Gallery, zoom: int = 2) -> None:
    """Write a gallery as a picture: a line a person and strength, a column an AU under its number.

    Raises:
        ValueError: The name is not one of a PNG.
        RuntimeError: It cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"a contact sheet must be a .png, got {path}")
    lines = gallery.pixels.reshape(-1, *gallery.pixels.shape[2:])
    faces = np.concatenate([np.concatenate(list(line), axis=1) for line in lines])
    sheet = cv2.resize(faces, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    heading = np.full((HEADING_PX, sheet.shape[1]), 255, np.uint8)
    side = sheet.shape[1] // (1 + len(gallery.aus))
    for column, au in enumerate(("none", *(f"AU{au}" for au in gallery.aus))):
        cv2.putText(heading, au, (column * side + side // 4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
    _, code = cv2.imencode(".png", np.concatenate([heading, sheet]))
    write_bytes(path, code.tobytes())


def write_stored(path: Path, gallery: Gallery) -> None:
    """Write a gallery of one strength as `board.rendered_faces` reads it."""
    people, _, shown = gallery.pixels.shape[:3]
    every = (None, *gallery.aus)
    weights = np.array([only(au, gallery.strengths[0]).weights for au in every], np.float32)
    arrays: dict[str, npt.NDArray[Any]] = {
        "pixels": gallery.pixels.reshape(-1, *gallery.pixels.shape[3:]),
        "weights": np.tile(weights, (people, 1)),
        "aus": np.array(AUS, np.int32),
        "identity": np.repeat(np.arange(people, dtype=np.int32), shown),
    }
    write_npz(path, arrays)


if __name__ == "__main__":
    write_stored(Path(sys.argv[1]), make_gallery(Painter(load_head()), STORED_SEED, STORED_PEOPLE, DETECTED, (1.0,)))
