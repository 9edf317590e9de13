# SPDX-License-Identifier: Apache-2.0
"""CSV with the columns of OpenFace's FeatureExtraction.

Columns, in this order:

- `frame` (from 1, as OpenFace counts), `face_id` (from 0; -1 without a face), `timestamp` in seconds, `confidence` of
  the face detection from 0 to 1, `success` (1 where there are action units, else 0);
- `AU01_r` to `AU45_r`: the PROBABILITY of the action unit from 0 to 1. OpenFace puts an intensity from 0 to 5 there,
  which this network does not estimate: do not compare the two;
- `AU01_c` to `AU45_c`: 1 where the probability reaches the unit's threshold, else 0, as in OpenFace;
- `FaceRectX`, `FaceRectY`, `FaceRectWidth`, `FaceRectHeight` in pixels and `FaceScore`, the confidence again, as
  Py-Feat names them: its `read_feat` finds the `faceboxes` only with all five;
- `emotion`, `status` (see board.observation.STATUSES), `message`, `source`, `latency_ms`.

Columns of AUs that the network does not have are empty: Py-Feat's `read_openface` asks for all of OpenFace's. There is
a row for every frame and face, and for every frame without a face.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from board.core.contract import Contract
from board.observation import OK, Observation
from board.outputs.resumable_table import ResumableTable

INTENSITIES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PRESENCES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
"""AUs of OpenFace's columns `_r` and `_c`."""
COLUMNS = (
    "frame", "face_id", "timestamp", "confidence", "success",
    *(f"AU{number:02d}_r" for number in INTENSITIES),
    *(f"AU{number:02d}_c" for number in PRESENCES),
    "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore",
    "emotion", "status", "message", "source", "latency_ms",
)  # fmt: skip


def au_number(name: str) -> int:
    """FACS number in a contract's name: 12 of "AU12 Lip corner puller"."""
    found = re.match(r"AU(\d+)\b", name)
    if found is None:
        raise ValueError(f"the name of an action unit must begin with AU and its number, got {name!r}")
    return int(found.group(1))


class CsvOutput(ResumableTable):
    """A CSV file of observations.

    Args:
        path: The file.
        contract: Names the action units.
        resume: Go on with what an interrupted run left.
    """

    def __init__(self, path: Path, contract: Contract, resume: bool = False) -> None:
        self._numbers = [au_number(name) for name in contract.au_names]
        super().__init__(path, resume)

    def header(self) -> str:
        """The columns' names."""
        return ",".join(COLUMNS) + "\n"

    def frame_of(self, line: str) -> int:
        """Index of the frame of a row."""
        return int(line.partition(",")[0]) - 1

    def source_of(self, line: str) -> str:
        """Name of the source of a row."""
        return _read(line)["source"]

    def has_these_units(self, line: str) -> bool:
        """Whether exactly the contract's columns are filled."""
        row = _read(line)
        if row.get("status") != OK:
            return True
        return {number for number in INTENSITIES if row[f"AU{number:02d}_r"]} == set(self._numbers)

    def rows(self, observations: list[Observation]) -> str:
        """One line for each observation."""
        lines = io.StringIO()
        writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        writer.writerows(self._row(observation) for observation in observations)
        return lines.getvalue()

    def _row(self, seen: Observation) -> dict[str, object]:
        face, confidence = seen.face, f"{0.0 if seen.face is None else seen.face.confidence:.3f}"
        row: dict[str, object] = {
            "frame": seen.frame + 1,
            "face_id": -1 if face is None else face.face_id,
            "timestamp": f"{seen.timestamp_s:.3f}",
            "confidence": confidence,
            "success": int(seen.status == OK),
            "emotion": "" if seen.aus is None or seen.aus.emotion is None else seen.aus.emotion,
            "status": seen.status,
            "message": " ".join(seen.message.split()),  # a row is a line
            "source": " ".join(seen.source.split()),
            "latency_ms": f"{1000 * seen.latency_s:.2f}",
        }
        if face is not None:
            row |= {"FaceRectX": face.box.left, "FaceRectY": face.box.top}
            row |= {"FaceRectWidth": face.box.side, "FaceRectHeight": face.box.side, "FaceScore": confidence}
        if seen.aus is not None:
            for number, probability, present in zip(
                self._numbers, seen.aus.probabilities, seen.aus.occurrence, strict=True
            ):
                row |= {f"AU{number:02d}_r": f"{probability:.4f}", f"AU{number:02d}_c": int(present)}
        return row


def _read(line: str) -> dict[str, str]:
    return dict(zip(COLUMNS, next(csv.reader([line])), strict=False))
