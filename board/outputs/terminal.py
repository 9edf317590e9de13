# SPDX-License-Identifier: Apache-2.0
"""Observations for a person at a terminal: a line for each."""

from __future__ import annotations

import math

from board.core.contract import Contract
from board.core.outputs import MARK
from board.core.text import printable
from board.observation import Observation
from board.sources.array import ArraySource
from board.sources.frame import Frame, Source


class TerminalOutput:
    """Prints a line for each observation.

    Args:
        contract: Names the action units.
        source: What is read.
    """

    def __init__(self, contract: Contract, source: Source) -> None:
        self._source = source
        self._digits = max(2, math.ceil(math.log10(max(1.0, source.fps))))  # so that no two frames have the same
        self._names = [unit.short for unit in contract.action_units]
        self._emotion = "emotion" if contract.emotions else "nearest emotion"
        self._remark, self._marked = contract.remark, False

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Print the observations of a frame."""
        for seen in observations:
            print(printable(f"{self._place(seen)}: {self._words(seen)}"))

    def close(self) -> None:
        """Say what a mark means, where there is one."""
        if self._marked:
            print(self._remark)

    def abandon(self) -> None:
        """Nothing is left to do."""

    def _place(self, seen: Observation) -> str:
        """A picture by its name, one of an array by its index too, a frame of a video by its time."""
        if self._source.moving:
            return f"{seen.source} {seen.timestamp_s:.{self._digits}f} s"
        return f"{seen.source}[{seen.frame}]" if isinstance(self._source, ArraySource) else seen.source

    def _words(self, seen: Observation) -> str:
        if seen.aus is None or seen.face is None:
            return f"{seen.status}, {seen.message}" if seen.message else seen.status
        units = zip(self._names, seen.aus.probabilities, seen.aus.occurrence, strict=True)
        present = ", ".join(f"{name} {probability:.2f}" for name, probability, there in units if there) or "no AU"
        self._marked |= MARK in present
        emotion = "" if seen.aus.emotion is None else f"; {self._emotion} {seen.aus.emotion}"
        return f"face {seen.face.face_id}: {present}{emotion}"
