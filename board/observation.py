# SPDX-License-Identifier: Apache-2.0
"""What the detector says: the action units of a face, and one observation for every frame and face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from board.faces.find import Box

OK, NO_FACE, UNREADABLE, FAILED = "ok", "no face", "unreadable", "failed"
STATUSES = (OK, NO_FACE, UNREADABLE, FAILED)
"""What became of a frame: action units, no face in it, it could not be decoded, or the accelerator failed on it."""


@dataclass(frozen=True)
class FaceAus:
    """The action units of one face, in the order of the contract.

    Attributes:
        accumulators: What left the accelerator, int64 (AUs,): the same integers from every executor.
        probabilities: float64 (AUs,).
        occurrence: Whether each probability reaches its threshold, bool (AUs,).
        emotion: The best-matching row of the paper's Table 2; None where the AUs are not its thirteen.
    """

    accumulators: np.ndarray
    probabilities: np.ndarray
    occurrence: np.ndarray
    emotion: str | None


@dataclass(frozen=True)
class Observation:
    """One row of every output: one face of one frame, or a frame without one.

    Attributes:
        frame: Index in the input, from 0.
        timestamp_s: Time in the input.
        source: Name of the picture file, or of the video or camera.
        status: One of STATUSES.
        message: Why, where the status is UNREADABLE or FAILED.
        face_id: The same number for the same face from frame to frame, from 0; None without a face.
        box: Where the face is, before the crop margin.
        confidence: Of the face detection, 0 to 1.
        aus: The action units where the status is OK.
        latency_s: From the frame's capture to this observation.
        attention: Where the network looked, float32 (rows, columns) from 0 to 1 over the cropped face; None if not
            asked for.
    """

    frame: int
    timestamp_s: float
    source: str
    status: str
    message: str = ""
    face_id: int | None = None
    box: Box | None = None
    confidence: float = 0.0
    aus: FaceAus | None = None
    latency_s: float = 0.0
    attention: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"the status of an observation must be one of {', '.join(STATUSES)}, got {self.status!r}")
