# SPDX-License-Identifier: Apache-2.0
"""The view: all pieces of the live page put together, without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from board import __version__
from board.detector import AUDetector
from board.faces.finders.finder import Finder
from board.live.hub import HISTORY_S, Hub
from board.live.publisher import SHARE, Publisher
from board.live.recorder import Recorder
from board.live.session import Session
from board.sources.frame import Source


class View:
    """A session, its hub, its recorder and its publisher.

    Args:
        detector: What finds the action units.
        open_input: Opens the input anew.
        name: What to call the input.
        folder: Where recordings go.
        page_fps: Most pictures per second.
        page_width: Most pixels across a picture.
        share: See board.live.publisher.SHARE.
        finders, retry, max_faces, search_every: See Session.
    """

    def __init__(
        self,
        detector: AUDetector,
        open_input: Callable[[], Source],
        name: str,
        folder: Path,
        *,
        page_fps: float,
        page_width: int,
        share: float = SHARE,
        finders: Mapping[str, Callable[[], Finder]] | None = None,
        retry: bool = False,
        max_faces: int = 8,
        search_every: int | None = None,
    ) -> None:
        self.contract, self._detector, self._name = detector.contract, detector, name
        self.hub = Hub()
        self.recorder = Recorder(folder, detector.contract)
        self.session = Session(
            detector,
            open_input,
            self.hub,
            self.recorder,
            finders=finders,
            retry=retry,
            max_faces=max_faces,
            search_every=search_every,
        )
        self.publisher = Publisher(self.hub, self.now, page_fps, page_width, share)

    def close(self) -> None:
        """End the run, the recording and the streams."""
        self.session.close()
        self.publisher.close()

    def record(self, wanted: bool) -> None:
        """Begin a recording, or finish the one that is running.

        Raises:
            ValueError: One is running already, or nothing to record is.
            RuntimeError: It cannot be written.
        """
        if not wanted:
            self.recorder.stop()
        elif self.session.running:
            self.recorder.start()
        else:
            raise ValueError(f"a recording needs an input that is running, got one that is {self.session.state.name}")

    def about(self) -> dict[str, Any]:
        """What stays the same, for JSON."""
        return {
            "version": __version__,
            "deployment": self._detector.deployment.manifest.name,
            "executor": self._detector.executor.name,
            "executor_description": self._detector.executor.description,
            "input": self._name,
            "aus": [
                {"name": unit.name, "short": unit.short, "threshold": unit.threshold, "validity": validity}
                for unit, validity in zip(self.contract.action_units, self.contract.validity, strict=True)
            ],
            "remark": self.contract.remark,
            "emotions": [emotion.name for emotion in self.contract.emotions],
            "finders": self.session.finders,
            "history_s": HISTORY_S,
        }

    def now(self) -> dict[str, Any]:
        """State, rates and recording, for JSON."""
        state, rates, recording = self.session.state, self.session.rates(), self.recorder.recording
        return {
            "state": {"name": state.name, "message": state.message, "finder": state.finder},
            "rates": {
                **asdict(rates),
                "fps": round(rates.fps, 2),
                "latency_ms": None if rates.latency_ms is None else round(rates.latency_ms, 1),
                "stages_ms": {name: round(value, 2) for name, value in rates.stages_ms.items()},
            },
            "recording": {
                "path": None if recording.path is None else str(recording.path),
                "rows": recording.rows,
                "running": recording.running,
                "error": recording.error,
            },
        }
