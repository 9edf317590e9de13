# SPDX-License-Identifier: Apache-2.0
"""Frames to action units with capture, face search, inference and output at work side by side."""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Generic, TypeVar

import cv2

from board.detector import AUDetector, Located
from board.faces.track import FaceTracker
from board.observation import FAILED, Observation
from board.outputs.output import Output
from board.sources.frame import Frame, Source
from board.summary import StageFigures, Summary

BATCH_FACES = 8
"""Most faces of one call of the executor, where so many wait."""
QUEUE_FRAMES = 8
"""Frames that may wait between two stages."""
LIVE_FRAMES = 1
"""The same for a live source, where every frame that waits makes the answers later."""
POLL_S = 0.1
"""Longest time for which a stage does not look whether it is to end."""


T = TypeVar("T")


class _Queue(Generic[T]):
    """What waits between two stages, for as long as the run is not stopped.

    Args:
        size: Most items.
        stage: Figures of the stage that it leads to.
        stop: Set when everything is to end.
    """

    def __init__(self, size: int, stage: StageFigures, stop: threading.Event) -> None:
        self._items: queue.Queue[T | None] = queue.Queue(size)  # None follows the last
        self._stage, self._stop = stage, stop

    def put(self, item: T | None) -> None:
        """Hand an item on, waiting for room; None ends what the next stage receives."""
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=POLL_S)
                return
            except queue.Full:
                continue

    def put_newest(self, item: T) -> int:
        """Hand an item on at once; where there is no room the oldest ones that wait are lost, and counted."""
        lost = 0
        while True:
            try:
                self._items.put_nowait(item)
                return lost
            except queue.Full:
                try:
                    self._items.get_nowait()
                    lost += 1
                except queue.Empty:  # taken in the meantime
                    continue

    def groups(self, full: Callable[[list[T]], bool]) -> Iterator[list[T]]:
        """What was handed on: each time what waits, at least one item, and no more once a group is full."""
        while not self._stop.is_set():
            try:
                item = self._items.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if item is None:
                return
            self._stage.waiting = max(self._stage.waiting, self._items.qsize() + 1)
            group = [item]
            while not full(group):
                try:
                    item = self._items.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    break
                group.append(item)
            yield group
            if item is None:
                return

    def items(self) -> Iterator[T]:
        """What was handed on, one by one."""
        for group in self.groups(lambda group: True):
            yield from group


class Pipeline:
    """Runs a detector over a source, each stage in a thread of its own.

    Frames leave in the order in which they came, one observation for every frame and face. A live source loses its
    oldest waiting frames when the stages are too slow; any other waits for them.

    Args:
        detector: What finds the action units.
        source: Where frames come from.
        outputs: Where observations go.
        attention: Whether to add attention maps.
        search_every: See FaceTracker.
        max_faces: Most faces of a frame.
        start: Index of the first frame.
        log: Told of every frame that failed.
    """

    def __init__(
        self,
        detector: AUDetector,
        source: Source,
        outputs: Sequence[Output] = (),
        *,
        attention: bool = False,
        search_every: int | None = None,
        max_faces: int = 8,
        start: int = 0,
        log: logging.Logger = logging.getLogger("auflow.pipeline"),  # noqa: B008 # the same for every call
    ) -> None:
        self._detector, self._source, self._outputs = detector, source, outputs
        self._attention, self._start, self._max_faces, self._log = attention, start, max_faces, log
        tracker = FaceTracker(detector.finder, search_every, max_faces)
        self._search = tracker.update if source.moving else None
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self.summary = Summary()
        size, stages = LIVE_FRAMES if source.live else QUEUE_FRAMES, self.summary.stages
        self._captured: _Queue[Frame] = _Queue(size, stages["faces"], self._stop)
        self._located: _Queue[Located] = _Queue(size, stages["inference"], self._stop)
        self._observed: _Queue[tuple[Frame, list[Observation]]] = _Queue(size, stages["output"], self._stop)

    def run(self, progress: Callable[[int], None] = lambda frames: None) -> Summary:
        """Go through the source; Ctrl-C ends it early, with everything written that was finished.

        A live source that is ended so is complete; of any other the outputs can be resumed.

        Args:
            progress: Called with the number of frames written.

        Raises:
            RuntimeError: A camera stopped, or an output cannot be written.
        """
        threads = [
            threading.Thread(target=self._guarded, args=(stage,), name=stage.__name__, daemon=True)
            for stage in (self._capture, self._find, self._infer)
        ]
        began = time.perf_counter()
        finished = False
        try:
            with self._interruptible():
                for thread in threads:
                    thread.start()
                for frame, observations in self._observed.items():
                    self._write(frame, observations)
                    progress(self.summary.frames)
                finished = not self._stop.is_set()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            self.summary.seconds = time.perf_counter() - began
            complete = finished or (self.summary.interrupted and self._source.live)
            self._end_outputs(complete)
        if self._error is not None:
            raise self._error
        return self.summary

    def _end_outputs(self, complete: bool) -> None:
        """Close or abandon every output; the first error is told when all had their turn."""
        for output in self._outputs:
            try:
                if complete:
                    output.close()
                else:
                    output.abandon()
            except RuntimeError as error:
                self._error = self._error or error

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let Ctrl-C end the run between two frames, not in the middle of a row."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread hears signals
            return

        def interrupt(*_: object) -> None:
            self.summary.interrupted = True
            self._stop.set()

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _guarded(self, stage: Callable[[], None]) -> None:
        """Run a stage; its error ends the run."""
        try:
            stage()
        except BaseException as error:
            self._error = error
            self._stop.set()

    def _capture(self) -> None:
        figures, frames = self.summary.stages["capture"], self._source.frames(self._start)
        while not self._stop.is_set():
            began = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                break
            figures.busy_s += time.perf_counter() - began
            figures.frames += 1
            if self._source.live:
                self.summary.dropped += self._captured.put_newest(frame)
            else:
                self._captured.put(frame)
        self._captured.put(None)

    def _find(self) -> None:
        figures = self.summary.stages["faces"]
        for frame in self._captured.items():
            began = time.perf_counter()
            try:
                located = self._detector.locate(frame, self._search, self._max_faces)
            except cv2.error as error:  # of a shape that OpenCV does not take
                unreadable = replace(frame, picture=None, error=f"OpenCV fails on it: {error.err}")
                located = self._detector.locate(unreadable)
            figures.busy_s += time.perf_counter() - began
            figures.frames += 1
            self._located.put(located)
        self._located.put(None)

    def _infer(self) -> None:
        figures = self.summary.stages["inference"]
        for group in self._located.groups(_is_full):
            began = time.perf_counter()
            observations = self._observe(group)
            figures.busy_s += time.perf_counter() - began
            figures.frames += len(group)
            for located, seen in zip(group, observations, strict=True):
                self._observed.put((located.frame, seen))
        self._observed.put(None)

    def _observe(self, group: list[Located]) -> list[list[Observation]]:
        """The observations of some frames; where the executor fails on them together, each is tried alone."""
        try:
            return self._detector.observe(group, self._attention)
        except (RuntimeError, OSError) as error:
            if len(group) > 1:
                return [observations for one in group for observations in self._observe([one])]
            (located,) = group
            self._log.error("frame %d failed: %s", located.frame.index, error)
            return [[Observation.of(located.frame, FAILED, str(error), face) for face in located.faces]]

    def _write(self, frame: Frame, observations: list[Observation]) -> None:
        began = time.perf_counter()
        latency_s = began - frame.captured_s
        observations = [replace(seen, latency_s=latency_s) for seen in observations]
        for output in self._outputs:
            output.write(frame, observations)
        figures = self.summary.stages["output"]
        figures.busy_s += time.perf_counter() - began
        figures.frames += 1
        self.summary.frames += 1
        self.summary.latencies_s.append(latency_s)
        for seen in observations:
            count = self.summary.observations.get(seen.status, 0)
            self.summary.observations[seen.status] = count + 1


def _is_full(group: list[Located]) -> bool:
    """Whether frames have as many faces together as one call of the executor takes."""
    return sum(len(located.faces) for located in group) >= BATCH_FACES or len(group) >= BATCH_FACES
