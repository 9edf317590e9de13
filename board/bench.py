# SPDX-License-Identifier: Apache-2.0
"""Measure a deployment: each stage alone, then all together, on a video of the example face."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.deployment import EXAMPLE, Deployment
from board.detector import AUDetector, Located
from board.faces.track import FaceTracker
from board.outputs import CsvOutput
from board.pipeline import BATCH_FACES, Pipeline
from board.sources.array import ArraySource
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
        alone: Stages on their own; `inference` with one face a call, `inference_batched` with several.
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


class _Live(ArraySource):
    """A video whose frames come at its own pace, taken or not."""

    live = True

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield each frame when it is due."""
        began = time.perf_counter()
        for frame in super().frames(start):
            due = began + (frame.index - start) / self.fps
            time.sleep(max(0.0, due - time.perf_counter()))
            yield replace(frame, captured_s=time.perf_counter())


def swaying_video(picture: Pixels, frames: int) -> Pixels:
    """A video of a still picture that sways and breathes.

    Args:
        picture: RGB uint8 (H, W, 3).
        frames: How many.

    Returns:
        uint8 of shape (frames, 480, 640, 3).
    """
    height, width = picture.shape[:2]
    fit = HEIGHT_PX / height
    made = np.empty((frames, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for index in range(frames):
        turn = 2 * np.pi * index / 90
        scale = fit * (1 + 0.03 * np.sin(turn / 2))
        left = (WIDTH_PX - width * scale) / 2 + SWAY_PX * np.sin(turn)
        move = np.array([[scale, 0, left], [0, scale, 0]])
        made[index] = cv2.warpAffine(picture, move, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)
    return made


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
    video = ArraySource(swaying_video(_example(detector.deployment), frames), "video", moving=True, fps=FPS)
    captured, tracker = list(video.frames()), FaceTracker(detector.finder)
    located: list[Located] = []
    progress("faces alone")
    alone = {"faces": _each(lambda frame: located.append(detector.locate(frame, tracker.update, 1)), captured)}
    if missing := sum(not one.faces for one in located):
        raise ValueError(f"every frame must show a face, got {missing} of {frames} without one: use another {EXAMPLE}")
    detector.accumulators(located[0].crops)  # what is slow only the first time
    progress("inference alone")
    alone["inference"] = _each(detector.observe, [[one] for one in located])
    groups = [located[at : at + BATCH_FACES] for at in range(0, frames, BATCH_FACES)]
    batched = _each(detector.observe, groups)
    alone["inference_batched"] = StageAlone(batched.frames_per_second * frames / len(groups), batched.latency_ms)
    (observations,) = detector.observe(located[:1])
    with tempfile.TemporaryDirectory() as folder:
        progress("output alone")
        table = CsvOutput(Path(folder) / "alone.csv", detector.contract)
        alone["output"] = _each(lambda frame: table.write(frame, observations), captured)
        table.close()
        progress("all together")
        summary = Pipeline(detector, video, [CsvOutput(Path(folder) / "all.csv", detector.contract)]).run()
        progress(f"all together at {FPS:g} frames/s")
        paced = _Live(video.pictures, video.name, moving=True, fps=FPS)
        live = Pipeline(detector, paced, [CsvOutput(Path(folder) / "live.csv", detector.contract)]).run()
    slowest = min(alone[name].frames_per_second for name in ("faces", "inference_batched", "output"))
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
    rates.bar_label(bars, [f" {speed:,.0f}" for speed in speeds])
    rates.set_xscale("log")
    rates.set_xlim(right=max(speeds) * 3)
    rates.invert_yaxis()
    rates.set_xlabel("frames per second, one face, 640x480")
    rates.set_title(f"{bench.executor}: {bench.description}", loc="left", fontsize=10)
    milliseconds = np.sort(np.array(bench.live.latencies_s) * 1000)
    latencies.plot(milliseconds, np.arange(1, len(milliseconds) + 1) / len(milliseconds), color="#d9822b")
    for percentile in PERCENTILES:
        value = np.percentile(milliseconds, percentile)
        latencies.axvline(value, color="#888888", linewidth=0.8, linestyle="--")
        latencies.text(value, 0.02, f" p{percentile} {value:.0f} ms", rotation=90, fontsize=8, va="bottom", ha="right")
    latencies.set_xlabel(f"capture to output at {FPS:g} frames/s, ms")
    latencies.set_ylabel("share of frames")
    for axes in (rates, latencies):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _example(deployment: Deployment) -> Pixels:
    return read_picture(deployment.file(EXAMPLE))


def _each(call: Callable[[T], object], inputs: Sequence[T]) -> StageAlone:
    """Time single calls."""
    seconds = []
    for x in inputs:
        began = time.perf_counter()
        call(x)
        seconds.append(time.perf_counter() - began)
    return StageAlone(round(len(inputs) / sum(seconds), 2), percentiles_ms(seconds))
