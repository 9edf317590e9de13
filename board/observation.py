# SPDX-License-Identifier: Apache-2.0
"""Observations: one row of every output for each face of a frame, and for a frame without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from board.core.outputs import Outputs
from board.faces.find import Face
from board.sources.frame import Frame

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

OK, NO_FACE, UNREADABLE, FAILED = "ok", "no face", "unreadable", "failed"
STATUSES = (OK, NO_FACE, UNREADABLE, FAILED)
"""What became of a frame: action units, no face in it, it could not be decoded, or the accelerator failed on it."""


@dataclass(frozen=True)
class Observation:
    """One row of every output: one face of one frame, or a frame without one.

    Attributes:
        frame: Index in the input, from 0.
        timestamp_s: Time in the input.
        source: Name of the picture file, or of the video or camera.
        status: One of STATUSES.
        message: Why, where the status is UNREADABLE or FAILED.
        face: Where the face is, before the crop margin; None without a face.
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
    face: Face | None = None
    aus: Outputs | None = None
    latency_s: float = 0.0
    attention: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"the status of an observation must be one of {', '.join(STATUSES)}, got {self.status!r}")

    @classmethod
    def of(
        cls,
        frame: Frame,
        status: str,
        message: str = "",
        face: Face | None = None,
        aus: Outputs | None = None,
        attention: npt.NDArray[np.float32] | None = None,
    ) -> Observation:
        """What was seen in a frame."""
        return cls(frame.index, frame.timestamp_s, frame.source, status, message, face, aus, attention=attention)
