# SPDX-License-Identifier: Apache-2.0
"""The recorder: an output that writes rows to a CSV file while somebody wants it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from board.core.contract import Contract
from board.observation import Observation
from board.outputs import CsvOutput
from board.sources.frame import Frame

LOG = logging.getLogger("auflow.live")


@dataclass(frozen=True)
class Recording:
    """Where rows go, or went last.

    Attributes:
        path: The file; None before the first.
        rows: In it.
        running: Whether rows are added; a file has its own name only when it is finished.
        error: Why it ended, where it had to.
    """

    path: Path | None = None
    rows: int = 0
    running: bool = False
    error: str = ""


class Recorder:
    """Writes the rows that `auflow detect --out` would write, from one call to another.

    A disk that fills ends the recording, not the pipeline.

    Args:
        folder: Where files go, named by the time at which they begin.
        contract: Names the action units.

    Attributes:
        recording: The current or the last one.
    """

    def __init__(self, folder: Path, contract: Contract) -> None:
        self._folder, self._contract = folder.absolute(), contract
        self._lock = threading.Lock()
        self._table: CsvOutput | None = None
        self.recording = Recording()

    def start(self) -> None:
        """Begin a file with the next frame.

        Raises:
            ValueError: One is being written already.
            RuntimeError: It cannot be written.
        """
        with self._lock:
            if self._table is not None:
                raise ValueError(f"one recording at a time, got a second beside {self.recording.path}: stop that first")
            path = self._free_name()
            self._table = CsvOutput(path, self._contract)
            self.recording = Recording(path, running=True)

    def stop(self) -> None:
        """Finish the file, if there is one."""
        with self._lock:
            if self._table is None:
                return
            table, self._table = self._table, None
            error = ""
            try:
                table.close()
            except RuntimeError as problem:
                error = self._failed(problem)
            self.recording = Recording(self.recording.path, self.recording.rows, error=error)

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Add the rows of the next frame, if a file wants them."""
        with self._lock:
            if self._table is None:
                return
            path, rows = self.recording.path, self.recording.rows
            try:
                self._table.write(frame, observations)
                self.recording = Recording(path, rows + len(observations), running=True)
            except RuntimeError as problem:
                table, self._table = self._table, None
                table.abandon()
                self.recording = Recording(path, rows, error=self._failed(problem))

    def close(self) -> None:
        """The run is over: finish the file."""
        self.stop()

    def abandon(self) -> None:
        """The run broke off: what was recorded until then is whole."""
        self.stop()

    def _free_name(self) -> Path:
        """aus-DATE-TIME.csv; a board without a clock may have begun at the same time before."""
        begun = time.strftime("aus-%Y%m%d-%H%M%S")
        names = (f"{begun}{suffix}.csv" for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
        paths = (self._folder / name for name in names)
        return next(path for path in paths if not path.exists() and not path.with_name(path.name + ".partial").exists())

    def _failed(self, problem: RuntimeError) -> str:
        sentence = f"{problem}; the rows before it are in {self.recording.path}.partial"
        LOG.error("%s", sentence)
        return sentence
