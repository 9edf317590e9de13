# SPDX-License-Identifier: Apache-2.0
"""Measure a deployment: each stage alone, then all together, on a video of the example face."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.files import sha256, write_figure
from board.deployment import EXAMPLE, Deployment
from board.detector import AUDetector, Located
from board.faces.track import FaceTracker
from board.outputs import CsvOutput
from board.pipeline import BATCH_FACES, Pipeline
from board.sources.frame import Frame
from board.sources.pictures import read_picture
from board.summary import PERCENTILES, Summary, percentiles_ms

T = TypeVar("T")
WIDTH_PX, HEIGHT_PX, FPS = 640, 480, 30.0
SWAY_PX = 24
"""How far the face of the video moves to each side."""


@dataclass(frozen=True)
class StageAlone:
    """One stage on its own, nothing else running.

    Attributes:
        frames_per_second: Of one face per frame.
        latency_ms: Percentiles of single calls, by name: p50, p90, p99.
    """

    frames_per_second: float
    latency_ms: dict[str, float | None]


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes:
        executor: Its name.
        description: What it ran on.
        finder: What searched for faces.
        machine: Processor and Python.
        frames: Of the video.
        picture: Width and height of the video in pixels.
        alone: Stages on their own; `capture` makes the video's frames, `inference` is of one face a call,
            `inference_batched` of several.
        pipeline: All stages together, as fast as they go; frames wait in queues.
        live: All stages together on a video that comes at its own pace, as a camera's.
        share_of_slowest: Frames per second of the pipeline over those of its slowest stage alone.
    """

    executor: str
    description: str
    finder: str
    machine: str
    frames: int
    picture: tuple[int, int]
    alone: dict[str, StageAlone]
    pipeline: Summary
    live: Summary
    share_of_slowest: float

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "executor": self.executor,
            "description": self.description,
            "finder": self.finder,
            "machine": self.machine,
            "frames": self.frames,
            "picture": list(self.picture),
            "alone": {name: asdict(stage) for name, stage in self.alone.items()},
            "pipeline": self.pipeline.as_json(),
            "live": self.live.as_json(),
            "share_of_slowest": round(self.share_of_slowest, 3),
        }


class SwayingVideo:
    """A video of a still picture that sways and breathes; every frame is made when it is asked for.

    Args:
        picture: RGB uint8 (H, W, 3).
        count: How many frames.
        live: Whether frames come at their own pace, taken or not, as a camera's.
    """

    name = "video"
    moving = True
    fps = FPS

    def __init__(self, picture: Pixels, count: int, live: bool = False) -> None:
        self._picture, self.count, self.live = picture, count, live
        self.left_out: list[str] = []
        self.fingerprint = sha256(picture.tobytes())

    def name_of(self, index: int) -> str:
        """The same for all frames."""
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield each frame, of a live video when it is due."""
        began = time.perf_counter()
        for index in range(start, self.count):
            picture = self.picture(index)
            if self.live:
                time.sleep(max(0.0, began + (index - start) / self.fps - time.perf_counter()))
            yield Frame(index, index / self.fps, self.name, picture, "", time.perf_counter())

    def picture(self, index: int) -> Pixels:
        """The picture of a frame, uint8 (480, 640, 3)."""
        height, width = self._picture.shape[:2]
        turn = 2 * np.pi * index / 90
        scale = HEIGHT_PX / height * (1 + 0.03 * np.sin(turn / 2))
        left = (WIDTH_PX - width * scale) / 2 + SWAY_PX * np.sin(turn)
        move = np.array([[scale, 0, left], [0, scale, 0]])
        made = cv2.warpAffine(self._picture, move, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(made, np.uint8)


def measure(detector: AUDetector, frames: int, progress: Callable[[str], None] = lambda stage: None) -> Bench:
    """Measure a detector on its deployment's example picture.

    Args:
        detector: What to measure.
        frames: Of the video, at least 1.
        progress: Told what is measured next.

    Raises:
        ValueError: Frames are none, or no face is found in the picture.
    """
    if frames < 1:
        raise ValueError(f"need at least 1 frame, got {frames}")
    video = SwayingVideo(_example(detector.deployment), frames)
    tracker = FaceTracker(detector.finder)
    progress("capture alone")
    alone = {"capture": _each(video.picture, range(frames))}
    located: list[Located] = []
    progress("faces alone")
    alone["faces"] = _each(
        lambda frame: located.append(detector.locate(frame, tracker.update, 1)), video.frames(), lambda: _thin(located)
    )
    if missing := sum(not one.faces for one in located):
        raise ValueError(f"every frame must show a face, got {missing} of {frames} without one: use another {EXAMPLE}")
    detector.observe(located[:1])  # what is slow only the first time
    progress("inference alone")
    alone["inference"] = _each(detector.observe, [[one] for one in located])
    groups = [located[at : at + BATCH_FACES] for at in range(0, frames, BATCH_FACES)]
    batched = _each(detector.observe, groups)
    alone["inference_batched"] = StageAlone(batched.frames_per_second * frames / len(groups), batched.latency_ms)
    (observations,) = detector.observe(located[:1])
    with tempfile.TemporaryDirectory() as folder:
        progress("output alone")
        table = CsvOutput(Path(folder) / "alone.csv", detector.contract)
        alone["output"] = _each(lambda one: table.write(one.frame, observations), located)
        table.close()
        progress("all together")
        summary = Pipeline(detector, video, [CsvOutput(Path(folder) / "all.csv", detector.contract)]).run()
        progress(f"all together at {FPS:g} frames/s")
        paced = SwayingVideo(_example(detector.deployment), frames, live=True)
        live = Pipeline(detector, paced, [CsvOutput(Path(folder) / "live.csv", detector.contract)]).run()
    slowest = min(alone[name].frames_per_second for name in ("capture", "faces", "inference_batched", "output"))
    return Bench(
        executor=detector.executor.name,
        description=detector.executor.description,
        finder=detector.finder.description,
        machine=f"{platform.machine()}, Python {platform.python_version()}, OpenCV {cv2.__version__}",
        frames=frames,
        picture=(WIDTH_PX, HEIGHT_PX),
        alone=alone,
        pipeline=summary,
        live=live,
        share_of_slowest=summary.fps / slowest,
    )


def plot(bench: Bench, path: Path) -> None:
    """Draw frames per second of every stage, and the latencies of live frames.

    Raises:
        RuntimeError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise RuntimeError("a plot needs matplotlib, which is not installed: pip install matplotlib") from None
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    rates, latencies = figure.subplots(1, 2, gridspec_kw={"width_ratios": (3, 2)})
    names = [*bench.alone, "pipeline"]
    speeds = [*(stage.frames_per_second for stage in bench.alone.values()), bench.pipeline.fps]
    bars = rates.barh(
        [name.replace("_", " ") for name in names], speeds, color=["#3b6ea5"] * len(bench.alone) + ["#d9822b"]
    )
    rates.bar_label(bars, [_digits(speed) for speed in speeds], padding=4)
    rates.set_xscale("log")
    rates.set_xlim(min(speeds) / 4, max(speeds) * 6)  # the shortest bar is seen, the longest has room for its label
    rates.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    rates.invert_yaxis()
    rates.set_xlabel("frames per second, one face, 640x480")
    figure.suptitle(f"{bench.executor}: {bench.description}", x=0.01, ha="left", fontsize=10)
    milliseconds = np.sort(np.array(bench.live.latencies_s) * 1000)
    latencies.plot(milliseconds, np.arange(1, len(milliseconds) + 1) / len(milliseconds), "o-", ms=2, color="#d9822b")
    shades = ("#222222", "#777777", "#bbbbbb")
    for percentile, shade in zip(PERCENTILES, shades, strict=True):
        value = float(np.percentile(milliseconds, percentile))
        latencies.axvline(value, color=shade, linewidth=0.9, linestyle="--", label=f"p{percentile} {_digits(value)} ms")
    latencies.set_xlim(0, max(milliseconds) * 1.15)
    latencies.set_ylim(0, 1.04)
    latencies.legend(loc="upper left", fontsize=8, framealpha=0.9)
    latencies.set_xlabel(f"capture to output at {FPS:g} frames/s, ms")
    latencies.set_ylabel("share of frames")
    for axes in (rates, latencies):
        axes.spines[["top", "right"]].set_visible(False)
    write_figure(path, figure, 120)


def _digits(value: float) -> str:
    """At least three of them that count, where it is below one too."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _example(deployment: Deployment) -> Pixels:
    return read_picture(deployment.file(EXAMPLE))


def _thin(located: list[Located]) -> None:
    """Have the newest share the first one's picture, for a video is not small."""
    located[-1] = replace(located[-1], frame=replace(located[-1].frame, picture=located[0].frame.picture))


def _each(call: Callable[[T], object], inputs: Iterable[T], after: Callable[[], None] = lambda: None) -> StageAlone:
    """Time single calls; `after` each comes what is not timed."""
    seconds = []
    for x in inputs:
        began = time.perf_counter()
        call(x)
        seconds.append(time.perf_counter() - began)
        after()
    return StageAlone(round(len(seconds) / sum(seconds), 2), percentiles_ms(seconds))
