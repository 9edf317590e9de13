# SPDX-License-Identifier: Apache-2.0
"""Observations for a person at a terminal: a line for each."""

from __future__ import annotations

from board.core.contract import Contract
from board.observation import Observation
from board.sources.frame import Frame


class TerminalOutput:
    """Prints a line for each observation.

    Args:
        contract: Names the action units.
    """

    def __init__(self, contract: Contract) -> None:
        self._names = [name.partition(" ")[0] for name in contract.au_names]

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Print the observations of a frame."""
        for seen in observations:
            print(f"{seen.source} {seen.timestamp_s:.2f} s: {self._words(seen)}")

    def close(self) -> None:
        """Nothing is left to do."""

    def abandon(self) -> None:
        """Nothing is left to do."""

    def _words(self, seen: Observation) -> str:
        if seen.aus is None or seen.face is None:
            return f"{seen.status}, {seen.message}" if seen.message else seen.status
        units = zip(self._names, seen.aus.probabilities, seen.aus.occurrence, strict=True)
        present = ", ".join(f"{name} {probability:.2f}" for name, probability, there in units if there) or "no AU"
        emotion = "" if seen.aus.emotion is None else f"; nearest emotion {seen.aus.emotion}"
        return f"face {seen.face.face_id}: {present}{emotion}"
