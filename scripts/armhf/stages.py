# SPDX-License-Identifier: Apache-2.0
"""Count the guest instructions of every stage of detection; runs on armhf under qemu with the plugin count.c.

    python3 stages.py DEPLOY VIDEO COUNTS OUT.json

DEPLOY is a deployment, VIDEO a video of 640x480 that shows its example face, COUNTS the plugin's file of counters.
Every stage calls what a thread of `board.pipeline` calls, one call after the other in this one thread, so that a count
is the same in every run; what threads wait for each other is no part of it.
"""

from __future__ import annotations

import gc
import itertools
import json
import math
import mmap
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

import cv2
import numpy as np
from instructions import JPEG_QUALITY

from board.bench import FPS, SwayingVideo
from board.core.contract import Contract
from board.deployment import EXAMPLE, Deployment
from board.detector import AUDetector, Located
from board.driver.iodma import Control, Iodma, Register
from board.driver.overlay import IDMA, ODMA
from board.driver.transfer import Pace, Slot, Transfer
from board.driver.watermark import Watermark
from board.faces.finders import open_finder
from board.faces.finders.haar import SEARCH_EVERY
from board.faces.track import LOOK_EVERY, FaceTracker
from board.live.hub import Hub
from board.live.picture import to_jpeg
from board.live.publisher import as_json
from board.observation import Observation
from board.outputs import CsvOutput, JsonlOutput
from board.outputs.annotate import draw
from board.pipeline import _Queue
from board.sources.frame import Frame
from board.sources.open_source import open_source
from board.sources.pictures import read_picture
from board.summary import StageFigures

LATENCY_S, INTERVAL_S = 4.4e-3, 1.48e-3
"""Of a face in the default accelerator, from first pixel to first accumulator and to the next face, where the
deployment's own was not simulated."""
TURN = math.lcm(SEARCH_EVERY, LOOK_EVERY)
"""Frames after which searches and looks have come round."""
NO_COUNT = 3
"""Calls before a stage is counted: the first ones import, resolve and allocate."""


class Counter:
    """Reads the plugin's counter of the first thread, the only one here."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self._file = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
        self._own = 0
        self._own = min(self.of(lambda: None, 1, calls) for calls in (1, 1, 1))

    def of(self, call: Callable[[], object], before: int = NO_COUNT, calls: int = 1) -> int:
        """Instructions of one call."""
        for _ in range(before):
            call()
        gc.collect()
        gc.disable()  # it would come at other times when code elsewhere changes
        start = int.from_bytes(self._file[:8], "little")
        for _ in range(calls):
            call()
        end = int.from_bytes(self._file[:8], "little")
        gc.enable()
        return (end - start) // calls - self._own


class Memory(np.ndarray):
    """Ordinary memory in place of pynq's."""

    device_address = 0x10000000

    def flush(self) -> None:
        """Nothing: what a cache takes is no instruction of ours."""

    invalidate = flush


class Clock:
    """Time that passes while the driver sleeps: its calls count, what it waits for does not."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float, /) -> None:
        time.sleep(0)
        self.now_s += seconds


class Registers:
    """Of a DMA whose transfers take a fixed time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds, self._due_s = clock, seconds, 0.0

    def read(self, offset: int) -> int:
        running = self._clock.now_s < self._due_s
        return int(Control.START) if running else int(Control.DONE | Control.IDLE | Control.READY)

    def write(self, offset: int, value: int) -> None:
        if offset == Register.CONTROL:
            self._due_s = self._clock.now_s + self._seconds


def memory(contract: Contract) -> tuple[Slot, Slot]:
    """For two batches of one face."""
    shapes = [(1, stream.frame_bytes) for stream in (contract.input_stream, contract.output_stream)] * 2
    buffers = [np.zeros(shape, np.uint8).view(Memory) for shape in shapes]
    return Slot(buffers[0], buffers[1]), Slot(buffers[2], buffers[3])


def transfer(deployment: Deployment, crops: np.ndarray) -> Callable[[], None]:
    """The driver's work for one face, on registers that answer after the accelerator's latency."""
    contract, timing, clock = deployment.contract, deployment.manifest.timing, Clock()
    per_s = contract.clock_mhz * 1e6
    first_s = timing.first_out_cycles / per_s if timing.first_out_cycles else LATENCY_S
    interval_s = timing.interval_cycles / per_s if timing.interval_cycles else INTERVAL_S
    dmas = Iodma(Registers(clock, interval_s), IDMA), Iodma(Registers(clock, first_s), ODMA)
    slots, results = memory(contract), np.empty((1, contract.output_stream.elements), np.int64)
    watermark = Watermark(contract.output_stream, high=False)

    def run() -> None:
        attempt = Transfer(dmas, slots, contract, clock, 2.0, Pace(first_s, interval_s), Unmarked(watermark))
        attempt.run(crops, results)

    return run


class Unmarked:
    """A watermark that is filled in, and then overwritten as the accelerator's answer does."""

    def __init__(self, watermark: Watermark) -> None:
        self._watermark = watermark
        self.whole_frames, self.moved_bytes = watermark.whole_frames, watermark.moved_bytes

    def fill(self, frames: np.ndarray) -> None:
        self._watermark.fill(frames)
        frames[:] = 0


class Known:
    """An executor that knows the answer, so that what is around it is counted alone."""

    name = output = description = "known"

    def __init__(self, answer: np.ndarray) -> None:
        self._answer = answer

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        return self._answer

    def close(self) -> None:
        pass


def frames(make: Callable[[], Iterator[object]]) -> Callable[[], object]:
    """The next frame of a source, from its beginning again after its end."""
    left = make()

    def following() -> object:
        nonlocal left
        frame = next(left, None)
        if frame is None:
            left = make()
            frame = next(left)
        return frame

    return following


def hand_over(located: Located) -> Callable[[], object]:
    """A frame's way through one queue."""
    queue: _Queue[Located] = _Queue(16, StageFigures(), Event())
    items = queue.items()

    def hand() -> None:
        queue.put(located, located.frame.picture)
        next(items)

    return hand


def main(deploy: Path, clip: str, counts: str, out: Path) -> None:
    """Count every stage and write the counts as JSON."""
    cv2.setNumThreads(1)
    count = Counter(counts).of
    stages: dict[str, int] = {}
    deployment = Deployment(deploy)
    contract, example = deployment.contract, read_picture(deployment.file(EXAMPLE))
    video = SwayingVideo(example, 3 * TURN)
    picture = video.picture(0)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    empty, empty_grey = np.full_like(picture, 90), np.full_like(grey, 90)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])

    for name, flag in (
        ("colour", cv2.IMREAD_COLOR),
        ("grey", cv2.IMREAD_GRAYSCALE),
        ("grey, half size", cv2.IMREAD_REDUCED_GRAYSCALE_2),
        ("grey, quarter size", cv2.IMREAD_REDUCED_GRAYSCALE_4),
    ):
        stages[f"decode a JPEG, {name}"] = count(lambda flag=flag: cv2.imdecode(jpeg, flag))
    stages["decode a video's frame"] = count(frames(lambda: open_source(clip).frames()), 5, 10)
    stages["colour to grey"] = count(lambda: cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))

    haar, yunet = open_finder(deployment, "haar"), open_finder(deployment, "yunet")
    stages["search, haar, half size"] = count(lambda: haar.search(grey), 2)
    stages["search, haar, no face"] = count(lambda: haar.search(empty_grey), 2)
    for name, shown, nothing in (("colour", picture, empty), ("grey", grey, empty_grey)):
        stages[f"search, yunet, {name}"] = count(lambda shown=shown: yunet.search(shown), 2)
        stages[f"search, yunet, {name}, no face"] = count(lambda nothing=nothing: yunet.search(nothing), 2)

    with AUDetector(deployment, "numpy", yunet) as detector:
        located = detector.locate(next(video.frames()), None, 1)
        crops, face = detector.cut(located.frame.picture, located.faces), located.faces[0]
        stages["how far a face leans"] = count(lambda: yunet.with_roll(grey, face))
        for name, roll in (("as it is", 0.0), ("turned", 20.0)):
            turned = replace(face, roll_deg=roll)
            stages[f"cut a face, {name}"] = count(lambda turned=turned: detector.cut(grey, [turned]))
        greys = [
            replace(frame, picture=cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY))
            for frame in video.frames()
            if frame.picture is not None
        ]
        followed: list[Located] = []
        for finder in (haar, yunet):  # the default last, whose faces are cut below
            followed.clear()
            tracker, following = FaceTracker(finder), frames(lambda: iter(greys))
            stages[f"faces of a frame, {finder.name}"] = count(
                lambda tracker=tracker, following=following: followed.append(
                    detector.locate(following(), tracker.update, 1)
                ),
                TURN,
                TURN,
            )
        answer = detector.accumulators(crops)
        stages["network, numpy"] = count(lambda: detector.accumulators(crops), 1)
        detector.executor = Known(answer)
        again = itertools.cycle(followed)
        stages["cut and observe a face, without the network"] = count(
            lambda: detector.observe([next(again)]), TURN, TURN
        )
        (seen,) = detector.observe([located])
    lanes_in, lanes_out = contract.input_stream.lane_rule, contract.output_stream.lane_rule
    beats = lanes_out.pack(answer.reshape(-1, contract.output_stream.lanes))
    stages["pack a face"] = count(lambda: lanes_in.pack(crops))
    stages["unpack its accumulators"] = count(lambda: lanes_out.unpack(beats))
    stages["transfer it, packing and polls included"] = count(transfer(deployment, crops))
    stages["decode its logits"] = count(lambda: contract.outputs(answer))
    stages["hand a frame from thread to thread"] = count(hand_over(located))

    frame, seen = located.frame, [replace(one, latency_s=0.0123) for one in seen]
    stages |= outputs(count, contract, frame, seen) | page(count, frame, grey, seen)
    out.write_text(json.dumps(stages, indent=2) + "\n")


def outputs(count: Callable[..., int], contract: Contract, frame: object, seen: list[Observation]) -> dict[str, int]:
    """Stages behind the detector."""
    stages = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, kind in (("csv", CsvOutput), ("jsonl", JsonlOutput)):
            table = kind(Path(temporary) / f"rows.{name}", contract)
            stages[f"write a row, {name}"] = count(lambda table=table: table.write(frame, seen))
            table.close()
        drawn = draw(frame.picture, seen, contract)
        stages["draw a frame"] = count(lambda: draw(frame.picture, seen, contract), 2)
        stages["encode what is drawn, JPEG"] = count(lambda: cv2.imencode(".jpg", drawn), 2)
        size = drawn.shape[1] // 2 * 2, drawn.shape[0] // 2 * 2
        writer = cv2.VideoWriter(str(Path(temporary) / "drawn.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
        fitting = np.ascontiguousarray(drawn[: size[1], : size[0]])
        stages["encode what is drawn, MPEG-4"] = count(lambda: writer.write(fitting), 2, 3)
        writer.release()
    return stages


def page(count: Callable[..., int], frame: Frame, grey: np.ndarray, seen: list[Observation]) -> dict[str, int]:
    """What the live page adds: for every frame, and for every picture while somebody looks."""
    hub = Hub()
    stages = {"keep a frame for the page": count(lambda: hub.write(frame, seen))}
    for width in (320, 640):
        for name, picture in (("colour", frame.picture), ("grey", grey)):
            stages[f"encode for the page, {width} wide, {name}"] = count(partial(to_jpeg, picture, width))
    points = hub.points()[-4:]  # of a picture's turn
    stages["make an event for the page"] = count(lambda: as_json(hub.newest, points, 0.0, {}))
    return stages


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
