# SPDX-License-Identifier: Apache-2.0
"""JSONL: every observation with all that is known of it, the accelerator's integers included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from board.core.contract import Contract
from board.core.facs import EMOTIONS
from board.core.text import printable
from board.observation import Observation
from board.outputs.record import WEIGHTS, MadeBy, digest
from board.outputs.resumable_table import ResumableTable


class JsonlOutput(ResumableTable):
    """A file with one JSON object for each observation, as `as_json` makes it.

    Args:
        path: The file.
        contract: Names the action units.
        resume: Go on with what an interrupted run left.
        made_by: What else than the contract decides over the rows.
        keep_record: See ResumableTable.
    """

    def __init__(
        self,
        path: Path,
        contract: Contract,
        resume: bool = False,
        made_by: MadeBy | None = None,
        keep_record: bool = False,
    ) -> None:
        self._contract = contract
        super().__init__(path, resume, {**(made_by or {}), WEIGHTS: digest(contract)}, keep_record)

    def frame_of(self, line: str) -> int:
        """Index of the frame of a line."""
        frame = _object(line)["frame"]
        if type(frame) is not int:
            raise ValueError("no index of a frame")
        return frame

    def values_of(self, line: str) -> dict[str, object]:
        """The object of a line without its latency."""
        content = _object(line)
        content.pop("latency_s", None)
        return content

    def rows(self, observations: list[Observation]) -> str:
        """One line for each observation."""
        return "".join(json.dumps(as_json(seen, self._contract)) + "\n" for seen in observations)


def _object(line: str) -> dict[str, Any]:
    """The object of a line; ValueError where it is none."""
    try:
        content = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(content, dict):
        raise ValueError("no object")
    return content


def as_json(seen: Observation, contract: Contract) -> dict[str, Any]:
    """An observation as JSON takes it; `frame` counts from 0, an AU says what it learned from where that is known."""
    face = seen.face
    content: dict[str, Any] = {
        "frame": seen.frame,
        "timestamp_s": round(seen.timestamp_s, 6),
        "source": printable(seen.source),
        "status": seen.status,
        "message": printable(seen.message),
        "face_id": None if face is None else face.face_id,
        "box": None if face is None else [face.box.left, face.box.top, face.box.side],
        "confidence": 0.0 if face is None else round(face.confidence, 4),
        "latency_s": round(seen.latency_s, 6),
    }
    if seen.aus is not None:
        names, sums = contract.au_names, [int(accumulator) for accumulator in seen.aus.accumulators]
        units = zip(
            names, sums[: len(names)], seen.aus.probabilities, seen.aus.occurrence, contract.validity, strict=True
        )
        content["emotion"] = seen.aus.emotion
        if seen.aus.emotion_probabilities is not None:
            shares = zip(EMOTIONS, seen.aus.emotion_probabilities, strict=True)
            content["emotions"] = {name: float(share) for name, share in shares}
        if contract.emotions:
            content["emotion_accumulators"] = dict(zip(EMOTIONS, sums[len(names) :], strict=True))
        content["action_units"] = {
            name: {"accumulator": accumulator, "probability": float(probability), "present": bool(present)}
            | ({"validity": validity} if validity else {})
            for name, accumulator, probability, present, validity in units
        }
    if seen.attention is not None:
        content["attention"] = [[round(float(value), 4) for value in row] for row in seen.attention]
    return content
