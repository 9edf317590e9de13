# SPDX-License-Identifier: Apache-2.0
"""What a run of the pipeline did: frames, observations, and the time of every stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STAGES = ("capture", "faces", "inference", "output")
LATENCIES = 10_000
"""Of the latest frames, kept for percentiles; the live page copies them for every event."""
PERCENTILES = (50, 90, 99)


def percentiles_ms(seconds: Collection[float]) -> dict[str, float | None]:
    """PERCENTILES of some times in milliseconds, called p50 and so on; None of no times."""
    milliseconds = 1000 * np.fromiter(seconds, float)
    return {f"p{p}": round(float(np.percentile(milliseconds, p)), 3) if seconds else None for p in PERCENTILES}


@dataclass
class StageFigures:
    """What one stage did.

    Attributes:
        frames: That went through.
        busy_s: Spent on them, waiting excluded.
        waiting: Most frames that waited before it.
    """

    frames: int = 0
    busy_s: float = 0.0
    waiting: int = 0

    @property
    def fps(self) -> float:
        """Frames per second that it would do alone; 0 before the first."""
        return self.frames / self.busy_s if self.busy_s else 0.0


@dataclass
class Summary:
    """What a run did.

    Attributes:
        frames: Written.
        observations: By status.
        dropped: Frames of a live source that nobody had time for.
        undrawn: Of its frames that were written, those that drawing had no time for.
        seconds: From the first capture to the last output.
        stages: By name, in order; `drawing` where something is drawn.
        latencies_s: From capture to output, of the latest frames.
        interrupted: Whether it was ended before the source was.
    """

    frames: int = 0
    observations: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    undrawn: int = 0
    seconds: float = 0.0
    stages: dict[str, StageFigures] = field(default_factory=lambda: {name: StageFigures() for name in STAGES})
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    interrupted: bool = False

    @property
    def fps(self) -> float:
        """Frames per second, end to end."""
        return self.frames / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """For programs; latencies as percentiles in milliseconds."""
        return {
            "frames": self.frames,
            "observations": dict(self.observations),
            "dropped": self.dropped,
            "undrawn": self.undrawn,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "latency_ms": percentiles_ms(self.latencies_s),
            "stages": {
                name: {
                    "frames": stage.frames,
                    "ms_per_frame": round(1000 * stage.busy_s / stage.frames, 3) if stage.frames else None,
                    "fps_alone": round(stage.fps, 2),
                    "most_waiting": stage.waiting,
                }
                for name, stage in self.stages.items()
            },
            "interrupted": self.interrupted,
        }


def total(summaries: Iterable[Summary]) -> Summary:
    """Frames, observations and seconds of several runs, one after the other."""
    added = Summary()
    for one in summaries:
        added.frames += one.frames
        added.dropped += one.dropped
        added.undrawn += one.undrawn
        added.seconds += one.seconds
        added.interrupted |= one.interrupted
        for status, count in one.observations.items():
            added.observations[status] = added.observations.get(status, 0) + count
    return added
