# SPDX-License-Identifier: Apache-2.0
"""Frames, and observations of faces in them, for outputs to write."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from packages import small_contract

from board.core.outputs import Outputs
from board.faces.crop import Box
from board.faces.find import Face
from board.observation import OK, Observation
from board.outputs import CsvOutput, JsonlOutput
from board.sources.frame import Frame

CONTRACT = small_contract()
AUS = len(CONTRACT.action_units)
TABLES = [(CsvOutput, "aus.csv"), (JsonlOutput, "aus.jsonl")]
"""Kinds of resumable table, each with a file's name."""


def frame(index: int, size: tuple[int, int] = (120, 160)) -> Frame:
    """A grey frame of a video of 25 frames per second."""
    return Frame(index, index / 25, "video", np.full((*size, 3), 100, np.uint8), "", 0.0)


def face(index: int, face_id: int = 0, status: str = OK) -> Observation:
    """A face whose AUs differ from frame to frame."""
    accumulators = np.arange(AUS) + 10 * index
    probabilities, logits = np.linspace(0, 1, AUS), np.linspace(-4, 4, AUS)
    aus = Outputs(accumulators, logits, probabilities, probabilities >= 0.5, "happiness") if status == OK else None
    found = Face(face_id, Box(30 + face_id, 20, 60), 0.75)
    return Observation(index, index / 25, "video", status, "", found, aus, 0.0123)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by the names of its columns."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
