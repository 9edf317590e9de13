# SPDX-License-Identifier: Apache-2.0
"""A session: the pipeline started and stopped on request, with its outcome in one sentence."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from board.detector import AUDetector
from board.faces.finders.finder import Finder
from board.live.hub import Hub
from board.live.rates import RateMeter, Rates
from board.live.recorder import Recorder
from board.pipeline import Pipeline
from board.sources.frame import Source

LOG = logging.getLogger("auflow.live")
RUNNING, STOPPED, ENDED, WAITING, FAILED = "running", "stopped", "ended", "waiting", "failed"
"""States: frames come; somebody stopped it; the input is at its end; it failed and is tried again; it failed."""
RETRY_S = 2.0
"""From one attempt to open a camera to the next."""


@dataclass(frozen=True)
class State:
    """What a session does.

    Attributes:
        name: RUNNING, STOPPED, ENDED, WAITING or FAILED.
        message: Why, where it is WAITING or FAILED.
        finder: That searches for faces.
    """

    name: str
    message: str = ""
    finder: str = ""


class Session:
    """Runs a detector over an input in a thread of its own, as often as it is asked to.

    Args:
        detector: What finds the action units.
        open_input: Opens the input anew; its first frames follow.
        hub: Is told of every frame and of every change.
        recorder: Is told of every frame.
        finders: What opens a face finder, by name.
        retry: Whether an input that fails is tried again, as a camera is that was unplugged.
        max_faces: Most faces of a frame.
        search_every: See FaceTracker.

    Attributes:
        state: What it does now.
    """

    def __init__(
        self,
        detector: AUDetector,
        open_input: Callable[[], Source],
        hub: Hub,
        recorder: Recorder,
        *,
        finders: Mapping[str, Callable[[], Finder]] | None = None,
        retry: bool = False,
        max_faces: int = 8,
        search_every: int | None = None,
    ) -> None:
        self._detector, self._open_input, self._hub, self._recorder = detector, open_input, hub, recorder
        self._finders, self._retry = dict(finders or {}), retry
        self._max_faces, self._search_every = max_faces, search_every
        self._changed = threading.Condition()
        self._wanted, self._closed = False, False
        self._pipeline: Pipeline | None = None
        self._meter: RateMeter | None = None
        self.state = State(STOPPED, finder=detector.finder.name)
        self._thread = threading.Thread(target=self._work, name="session", daemon=True)
        self._thread.start()

    @property
    def finders(self) -> tuple[str, ...]:
        """Names of what `choose` takes."""
        return tuple(self._finders)

    @property
    def running(self) -> bool:
        """Whether frames come."""
        return self._pipeline is not None

    def rates(self) -> Rates:
        """How the current or the last run goes or went."""
        return Rates() if self._meter is None else self._meter.rates()

    def start(self) -> None:
        """Begin with the input; nothing where it is running."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End the run and the recording, and wait for both."""
        with self._changed:
            self._wanted = False
            self._changed.notify_all()
            if self._pipeline is not None:
                self._pipeline.stop()
            self._changed.wait_for(lambda: self._pipeline is None)
            if self.state.name in (RUNNING, WAITING):
                self._set(STOPPED)

    def choose(self, finder: str) -> None:
        """Search for faces with another finder, from the input's beginning where it is running.

        Raises:
            ValueError: There is none of this name.
            RuntimeError: It does not work here.
        """
        if finder not in self._finders:
            raise ValueError(f"the face finder must be one of {', '.join(self._finders)}, got {finder!r}")
        running = self._wanted
        self.stop()
        try:
            self._detector.finder = self._finders[finder]()
            self._set(self.state.name, self.state.message, finder)
        finally:
            if running:
                self.start()

    def close(self) -> None:
        """End all of it."""
        with self._changed:
            self._closed = True
        self.stop()
        self._thread.join()

    def _set(self, name: str, message: str = "", finder: str | None = None) -> None:
        self.state = State(name, message, self.state.finder if finder is None else finder)
        self._hub.touch()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    return
            self._run()

    def _run(self) -> None:
        """One run, from the opening of the input to its end."""
        said = self.state.message
        try:
            source = self._open_input()
            with self._changed:
                if not self._wanted:
                    return
                pipeline = self._pipeline = Pipeline(
                    self._detector,
                    source,
                    (self._hub, self._recorder),
                    search_every=self._search_every,
                    max_faces=self._max_faces,
                )
                self._meter = RateMeter(pipeline.summary)
                self._set(RUNNING)
            pipeline.run()
            name, message = (ENDED, "") if self._wanted else (STOPPED, "")
        except Exception as error:  # of whatever kind: the page is what tells it
            message = " ".join(str(error).split()) or type(error).__name__
            name = WAITING if self._retry else FAILED
            if message != said:
                LOG.error("%s%s", message, f"; tried again every {RETRY_S:g} s" if self._retry else "")
        with self._changed:
            self._pipeline = None
            self._set(name, message)
            if name == WAITING:
                self._changed.wait_for(lambda: not self._wanted, RETRY_S)
            else:
                self._wanted = False
            self._changed.notify_all()
