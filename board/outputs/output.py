# SPDX-License-Identifier: Apache-2.0
"""What every output does: take the observations of one frame after another."""

from __future__ import annotations

from typing import Protocol

from board.observation import Observation
from board.sources.frame import Frame


class Output(Protocol):
    """Where observations go."""

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Take the observations of the next frame."""

    def close(self) -> None:
        """Finish: all frames are there."""

    def abandon(self) -> None:
        """End early, such that it can be resumed."""
