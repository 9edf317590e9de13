# SPDX-License-Identifier: Apache-2.0
"""Frames to action units with capture, face search, inference, output and drawing at work side by side."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2
import numpy as np

from board.detector import AUDetector, Located
from board.faces.track import FaceTracker
from board.observation import FAILED, Observation
from board.outputs.output import Output
from board.sources.frame import Frame, Source
from board.summary import StageFigures, Summary

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

BATCH_FACES = 16
"""Most faces of one call of the executor, where so many wait: two batches of the FPGA, one in work while the other is
packed."""
WAITING_FRAMES = 16
"""Most frames that wait between two stages."""
WAITING_BYTES = (8 if sys.maxsize > 1 << 32 else 1) << 20
"""Most memory of the pictures that wait between two stages; one may wait whatever its size."""
LIVE_FRAMES = 1
"""Most frames of a live source that wait: every one makes the answers later."""


T = TypeVar("T")


class _Queue(Generic[T]):
    """What waits between two stages, until it is finished or the run is stopped. Waiting costs nothing.

    Args:
        most: Items that may wait.
        stage: Figures of the stage that it leads to.
        stop: Set when everything is to end; `wake` then tells those who wait.
    """

    def __init__(self, most: int, stage: StageFigures, stop: threading.Event) -> None:
        self._most, self._stage, self._stop = most, stage, stop
        self._items: deque[tuple[T, int]] = deque()  # with the bytes of each
        self._bytes = 0
        self._finished = False
        self._changed = threading.Condition()

    def put(self, item: T, picture: npt.NDArray[np.uint8] | None) -> None:
        """Hand an item on, waiting for room for its picture."""
        with self._changed:
            while not self._stop.is_set() and not self._fits(picture):
                self._changed.wait()
            self._add(item, picture)

    def put_newest(self, item: T, picture: npt.NDArray[np.uint8] | None) -> int:
        """Hand an item on at once; where there is no room the oldest ones that wait are lost, and counted."""
        with self._changed:
            lost = 0
            while not self._fits(picture):
                self._take()
                lost += 1
            self._add(item, picture)
            return lost

    def finish(self) -> None:
        """Nothing more is handed on; what waits is still received."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Have those who wait look whether the run is stopped."""
        with self._changed:
            self._changed.notify_all()

    def groups(self, full: Callable[[list[T]], bool]) -> Iterator[list[T]]:
        """What was handed on: each time what waits, at least one item, and no more once a group is full."""
        while True:
            with self._changed:
                while not (self._items or self._finished or self._stop.is_set()):
                    self._changed.wait()
                if self._stop.is_set() or not self._items:
                    return
                self._stage.waiting = max(self._stage.waiting, len(self._items))
                group = [self._take()]
                while self._items and not full(group):
                    group.append(self._take())
                self._changed.notify_all()
            yield group

    def items(self) -> Iterator[T]:
        """What was handed on, one by one."""
        for group in self.groups(lambda group: True):
            yield from group

    def _fits(self, picture: npt.NDArray[np.uint8] | None) -> bool:
        size = 0 if picture is None else picture.nbytes
        return not self._items or (len(self._items) < self._most and self._bytes + size <= WAITING_BYTES)

    def _add(self, item: T, picture: npt.NDArray[np.uint8] | None) -> None:
        size = 0 if picture is None else picture.nbytes
        self._items.append((item, size))
        self._bytes += size
        self._changed.notify_all()

    def _take(self) -> T:
        item, size = self._items.popleft()
        self._bytes -= size
        return item


class Pipeline:
    """Runs a detector over a source, each stage in a thread of its own.

    Frames leave in the order in which they came, one observation for every frame and face. A live source loses its
    oldest waiting frames when the stages are too slow; any other waits for them. What draws comes behind all others
    and in a thread of its own: a live source's rows do not wait for it, and frames that it has no time for are not
    drawn.

    Args:
        detector: What finds the action units.
        source: Where frames come from.
        outputs: Where observations go.
        drawings: Outputs that draw, which takes longer than all else.
        attention: Whether to add attention maps.
        search_every: See FaceTracker.
        max_faces: Most faces of a frame.
        start: Index of the first frame that outputs get. Where faces are followed, those before it are searched too,
            so that every face has the number and the box that it has without `start`.
        log: Told of every frame that failed.
    """

    def __init__(
        self,
        detector: AUDetector,
        source: Source,
        outputs: Sequence[Output] = (),
        *,
        drawings: Sequence[Output] = (),
        attention: bool = False,
        search_every: int | None = None,
        max_faces: int = 8,
        start: int = 0,
        log: logging.Logger = logging.getLogger("auflow.pipeline"),  # noqa: B008 # the same for every call
    ) -> None:
        self._detector, self._source, self._outputs, self._drawings = detector, source, outputs, drawings
        self._attention, self._start, self._max_faces, self._log = attention, start, max_faces, log
        tracker = FaceTracker(detector.finder, search_every, max_faces)
        self._search = tracker.update if source.moving else None
        self._stop = threading.Event()
        self._failed = threading.Event()
        self._error: BaseException | None = None
        self.summary = Summary()
        if drawings:
            self.summary.stages["drawing"] = StageFigures()
        most, stages = LIVE_FRAMES if source.live else WAITING_FRAMES, self.summary.stages
        self._captured: _Queue[Frame] = _Queue(most, stages["faces"], self._stop)
        self._located: _Queue[Located] = _Queue(most, stages["inference"], self._stop)
        self._observed: _Queue[tuple[Frame, list[Observation]]] = _Queue(most, stages["output"], self._stop)
        # past Ctrl-C too: what has its row is drawn
        self._written: _Queue[tuple[Frame, list[Observation]]] = _Queue(
            most, stages.get("drawing", StageFigures()), self._failed
        )

    def run(self, progress: Callable[[int], None] = lambda frames: None) -> Summary:
        """Go through the source; Ctrl-C ends it early, with everything written that was finished.

        A live source that is ended so is complete; of any other the outputs can be resumed.

        Args:
            progress: Called with the number of frames written.

        Raises:
            RuntimeError: A camera stopped, or an output cannot be written.
        """
        stages = [self._capture, self._find, self._infer, *([self._draw] if self._drawings else [])]
        threads = [
            threading.Thread(target=self._guarded, args=(stage,), name=stage.__name__, daemon=True) for stage in stages
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
            self._end()
            self._written.finish()
            for thread in threads:
                thread.join()
            self.summary.seconds = time.perf_counter() - began
            complete = (finished and self._error is None) or (self.summary.interrupted and self._source.live)
            self._end_outputs(complete)
        if (error := self._error) is not None:
            try:
                raise error
            finally:
                self._error = None
                del error  # or pictures would stay, in a circle through its traceback, until a collection
        return self.summary

    def stop(self) -> None:
        """End the run between two frames, from any thread; `run` returns when everything is written."""
        self.summary.interrupted = True
        self._end()

    def _end(self) -> None:
        """Have all stages end; drawing ends when it is done."""
        self._stop.set()
        for waiting in (self._captured, self._located, self._observed, self._written):
            waiting.wake()

    def _end_outputs(self, complete: bool) -> None:
        """Close or abandon every output; the first error is told when all had their turn."""
        for output in (*self._outputs, *self._drawings):
            try:
                if complete:
                    output.close()
                else:
                    output.abandon()
            except (ValueError, RuntimeError) as error:
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
            # in a thread, since this one may hold the locks that it takes
            threading.Thread(target=self._end, name="end", daemon=True).start()

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
            self._failed.set()
            self._end()

    def _capture(self) -> None:
        figures = self.summary.stages["capture"]
        frames = self._source.frames(self._start if self._search is None else 0)
        while not self._stop.is_set():
            began = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                break
            figures.busy_s += time.perf_counter() - began
            figures.frames += 1
            if self._source.live:
                self.summary.dropped += self._captured.put_newest(frame, frame.picture)
            else:
                self._captured.put(frame, frame.picture)
        self._captured.finish()

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
            if frame.index >= self._start:
                self._located.put(located, frame.picture)
        self._located.finish()

    def _infer(self) -> None:
        figures = self.summary.stages["inference"]
        for group in self._located.groups(_is_full):
            began = time.perf_counter()
            observations = self._observe(group)
            figures.busy_s += time.perf_counter() - began
            figures.frames += len(group)
            for located, seen in zip(group, observations, strict=True):
                self._observed.put((located.frame, seen), located.frame.picture)
        self._observed.finish()

    def _observe(self, group: list[Located]) -> list[list[Observation]]:
        """The observations of some frames; where the executor fails on them together, each is tried alone."""
        try:
            return self._detector.observe(group, self._attention)
        except (RuntimeError, OSError, cv2.error) as error:
            if len(group) > 1:
                return [observations for one in group for observations in self._observe([one])]
            (located,) = group
            self._log.error("frame %d failed: %s", located.frame.index, str(error))  # a record must not hold pictures
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
        if self._drawings:
            if self._source.live:
                self.summary.undrawn += self._written.put_newest((frame, observations), frame.picture)
            else:
                self._written.put((frame, observations), frame.picture)

    def _draw(self) -> None:
        figures = self.summary.stages["drawing"]
        for frame, observations in self._written.items():
            began = time.perf_counter()
            for output in self._drawings:
                output.write(frame, observations)
            figures.busy_s += time.perf_counter() - began
            figures.frames += 1


def _is_full(group: list[Located]) -> bool:
    """Whether frames have as many faces together as one call of the executor takes."""
    return sum(len(located.faces) for located in group) >= BATCH_FACES or len(group) >= BATCH_FACES
