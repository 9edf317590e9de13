# SPDX-License-Identifier: Apache-2.0
"""CSV with the columns of OpenFace's FeatureExtraction.

Columns, in this order:

- `frame` (from 1, as OpenFace counts), `face_id` (from 0; -1 without a face), `timestamp` in seconds, `confidence` of
  the face detection from 0 to 1, `success` (1 where there are action units, else 0);
- `AU01_r` to `AU45_r`: the PROBABILITY of the action unit from 0 to 1, calibrated where the network is. OpenFace puts
  an intensity from 0 to 5 there, which this network does not estimate: do not compare the two;
- `AU01_c` to `AU45_c`: 1 where the probability reaches the unit's threshold, else 0, as in OpenFace;
- `FaceRectX`, `FaceRectY`, `FaceRectWidth`, `FaceRectHeight` in pixels and `FaceScore`, the confidence again, as
  Py-Feat names them: its `read_feat` finds the `faceboxes` only with all five;
- `emotion`, `status` (see board.observation.STATUSES), `message`, `source`, `latency_ms`;
- `neutral` to `surprise`: the probability of each emotion, named as Py-Feat names them: by the network's outputs for
  emotions, or where it has none by its AUs and Table 2, see board.core.decoding.decode.

Columns of AUs that the network does not have are empty: Py-Feat's `read_openface` asks for all of OpenFace's. There is
a row for every frame and face, and for every frame without a face. Names and messages are made safe by
board.core.text.cell.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from board.core.contract import Contract
from board.core.facs import EMOTIONS
from board.core.text import cell
from board.observation import OK, Observation
from board.outputs.record import WEIGHTS, MadeBy, digest
from board.outputs.resumable_table import ResumableTable

INTENSITIES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PRESENCES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
"""AUs of OpenFace's columns `_r` and `_c`."""
COLUMNS = (
    "frame", "face_id", "timestamp", "confidence", "success",
    *(f"AU{number:02d}_r" for number in INTENSITIES),
    *(f"AU{number:02d}_c" for number in PRESENCES),
    "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore",
    "emotion", "status", "message", "source", "latency_ms", *EMOTIONS,
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
        made_by: What else than the contract decides over the rows.
        keep_record: See ResumableTable.
    """

    HEADER = (",".join(COLUMNS) + "\n").encode()

    def __init__(
        self,
        path: Path,
        contract: Contract,
        resume: bool = False,
        made_by: MadeBy | None = None,
        keep_record: bool = False,
    ) -> None:
        self._numbers = [au_number(name) for name in contract.au_names]
        super().__init__(path, resume, {**(made_by or {}), WEIGHTS: digest(contract)}, keep_record)

    def frame_of(self, line: str) -> int:
        """Index of the frame of a row."""
        return int(line.partition(",")[0]) - 1

    def values_of(self, line: str) -> dict[str, object]:
        """The cells of a row without its latency."""
        try:
            cells = next(csv.reader([line], strict=True))
        except csv.Error as error:  # which is no ValueError
            raise ValueError(str(error)) from None
        return {name: text for name, text in zip(COLUMNS, cells, strict=True) if name != "latency_ms"}

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
            "message": cell(seen.message),
            "source": cell(seen.source),
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
            if seen.aus.emotion_probabilities is not None:
                shares = zip(EMOTIONS, seen.aus.emotion_probabilities, strict=True)
                row |= {name: f"{share:.4f}" for name, share in shares}
        return row
