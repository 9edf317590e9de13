# SPDX-License-Identifier: Apache-2.0
"""Frames and observations of a small contract, for tests of what is written of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from packages import small_contract

from board.faces.find import Box
from board.observation import OK, FaceAus, Observation
from board.outputs import CsvOutput, JsonlOutput
from board.sources.open_source import Frame

CONTRACT = small_contract()
AUS = len(CONTRACT.action_units)


def frame(index: int, size: tuple[int, int] = (120, 160)) -> Frame:
    return Frame(index, index / 25, "film", np.full((*size, 3), 100, np.uint8), "", 0.0)


def face(index: int, face_id: int = 0, status: str = OK) -> Observation:
    """A face whose AUs differ from frame to frame."""
    accumulators = np.arange(AUS) + 10 * index
    probabilities = np.linspace(0, 1, AUS)
    aus = FaceAus(accumulators, probabilities, probabilities >= 0.5, "happiness") if status == OK else None
    box = Box(30 + face_id, 20, 60)
    return Observation(index, index / 25, "film", status, "", face_id, box, 0.75, aus, 0.0123)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


KINDS = [(CsvOutput, "aus.csv"), (JsonlOutput, "aus.jsonl")]
