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
from dataclasses import dataclass, field, replace
from typing import Protocol

import cv2
import numpy as np

from board.detector import AUDetector
from board.faces.find import SIDE_PX, Box, find_faces
from board.faces.track import SEARCH_EVERY, FaceTracker, TrackedFace
from board.observation import FAILED, NO_FACE, OK, UNREADABLE, FaceAus, Observation
from board.sources.open_source import Frame, Source
from board.summary import STAGES, Summary

BATCH_FACES = 8
"""Most faces of one call of the executor, where so many wait."""
QUEUE_FRAMES = 8
"""Frames that may wait between two stages."""
LIVE_FRAMES = 1
"""The same for a live source, where every frame that waits makes the answers later."""
POLL_S = 0.1
"""Longest time for which a stage does not look whether it is to end."""


class Output(Protocol):
    """Where observations go."""

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Take the observations of the next frame."""

    def close(self) -> None:
        """Finish: all frames are there."""

    def abandon(self) -> None:
        """End early, such that it can be resumed."""


@dataclass
class _Work:
    """One frame and what is known of it so far."""

    frame: Frame
    found: Sequence[TrackedFace] = ()
    faces: np.ndarray | None = None  # (N, 48, 48, 3)
    observations: list[Observation] = field(default_factory=list)


_END = None
"""Follows the last frame through the queues."""


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
        search_every: int = SEARCH_EVERY,
        max_faces: int = 8,
        start: int = 0,
        log: logging.Logger = logging.getLogger("auflow.pipeline"),  # noqa: B008
    ) -> None:
        self._detector, self._source, self._outputs = detector, source, outputs
        self._attention, self._start, self._max_faces, self._log = attention, start, max_faces, log
        self._tracker = FaceTracker(search_every, max_faces=max_faces)
        waiting = LIVE_FRAMES if source.live else QUEUE_FRAMES
        self._queues: list[queue.Queue[_Work | None]] = [queue.Queue(waiting) for _ in STAGES[1:]]
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self.summary = Summary()

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
                for work in self._received(2):
                    self._write(work)
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
                self._offer_newest(_Work(frame))
            else:
                self._pass(0, _Work(frame))
        self._pass(0, _END)

    def _offer_newest(self, work: _Work) -> None:
        """Hand a live frame on; where there is no room the oldest one that waits is lost."""
        while True:
            try:
                self._queues[0].put_nowait(work)
                return
            except queue.Full:
                try:
                    self._queues[0].get_nowait()
                    self.summary.dropped += 1
                except queue.Empty:  # taken in the meantime
                    continue

    def _find(self) -> None:
        figures = self.summary.stages["faces"]
        for work in self._received(0):
            began = time.perf_counter()
            picture = work.frame.picture
            if picture is not None:
                try:
                    work.found = self._faces_of(picture)
                    work.faces = self._detector.cut(picture, [face.box for face in work.found])
                except cv2.error as error:  # of a shape that OpenCV does not take
                    work.frame = replace(work.frame, picture=None, error=f"OpenCV fails on it: {error.err}")
            figures.busy_s += time.perf_counter() - began
            figures.frames += 1
            self._pass(1, work)
        self._pass(1, _END)

    def _faces_of(self, picture: np.ndarray) -> Sequence[TrackedFace]:
        height, width = picture.shape[:2]
        if (height, width) == (SIDE_PX, SIDE_PX):  # a face already
            return [TrackedFace(0, Box(0, 0, SIDE_PX), 1.0)]
        if self._source.moving:
            return self._tracker.update(picture)
        found = find_faces(picture) or find_faces(picture, scale=1.0)  # the full size finds what the half overlooks
        return [TrackedFace(i, face.box, face.confidence) for i, face in enumerate(found[: self._max_faces])]

    def _infer(self) -> None:
        figures = self.summary.stages["inference"]
        for group in self._groups():
            began = time.perf_counter()
            self._observe(group)
            figures.busy_s += time.perf_counter() - began
            figures.frames += len(group)
            for work in group:
                self._pass(2, work)
        self._pass(2, _END)

    def _groups(self) -> Iterator[list[_Work]]:
        """Frames that wait, up to BATCH_FACES faces together."""
        for first in self._received(1):
            group, ended = [first], False
            while sum(len(work.found) for work in group) < BATCH_FACES and len(group) < BATCH_FACES:
                try:
                    following = self._queues[1].get_nowait()
                except queue.Empty:
                    break
                if following is _END:
                    ended = True
                    break
                group.append(following)
            yield group
            if ended:
                return

    def _observe(self, group: list[_Work]) -> None:
        """Add the observations of some frames; where the executor fails on them together, each is tried alone."""
        try:
            self._observe_together(group)
        except (RuntimeError, OSError) as error:
            if len(group) > 1:
                for work in group:
                    self._observe([work])
                return
            work = group[0]
            self._log.error("frame %d failed: %s", work.frame.index, error)
            work.observations = [self._observation(work.frame, FAILED, str(error), face) for face in work.found]

    def _observe_together(self, group: list[_Work]) -> None:
        faces = [work.faces for work in group if work.faces is not None and len(work.faces)]
        answers: Iterator[FaceAus] = iter(())
        maps: Iterator[np.ndarray] = iter(())
        if faces:
            together = np.concatenate(faces)
            answers = iter(self._detector.aus(together))
            if self._attention:
                maps = iter(self._detector.attention(together))
        for work in group:
            if work.frame.picture is None:
                work.observations = [self._observation(work.frame, UNREADABLE, work.frame.error)]
            elif not work.found:
                work.observations = [self._observation(work.frame, NO_FACE)]
            else:
                work.observations = [
                    replace(self._observation(work.frame, OK, "", face), aus=next(answers), attention=next(maps, None))
                    for face in work.found
                ]

    @staticmethod
    def _observation(frame: Frame, status: str, message: str = "", face: TrackedFace | None = None) -> Observation:
        known = {} if face is None else {"face_id": face.face_id, "box": face.box, "confidence": face.confidence}
        return Observation(frame.index, frame.timestamp_s, frame.source, status, message, **known)  # type: ignore[arg-type] # each of its type

    def _write(self, work: _Work) -> None:
        began = time.perf_counter()
        latency_s = began - work.frame.captured_s
        observations = [replace(observation, latency_s=latency_s) for observation in work.observations]
        for output in self._outputs:
            output.write(work.frame, observations)
        figures = self.summary.stages["output"]
        figures.busy_s += time.perf_counter() - began
        figures.frames += 1
        self.summary.frames += 1
        self.summary.latencies_s.append(latency_s)
        for observation in observations:
            count = self.summary.observations.get(observation.status, 0)
            self.summary.observations[observation.status] = count + 1

    def _received(self, index: int) -> Iterator[_Work]:
        """What the stage before queue `index` hands on, until its end or a stop."""
        waiting, stage = self._queues[index], self.summary.stages[STAGES[index + 1]]
        while not self._stop.is_set():
            try:
                work = waiting.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if work is _END:
                return
            stage.waiting = max(stage.waiting, waiting.qsize() + 1)
            yield work

    def _pass(self, index: int, work: _Work | None) -> None:
        """Hand work to the next stage, waiting for room unless all is to end."""
        while not self._stop.is_set():
            try:
                self._queues[index].put(work, timeout=POLL_S)
                return
            except queue.Full:
                continue
