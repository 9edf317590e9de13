# SPDX-License-Identifier: Apache-2.0
"""Frames per second, latency and what binds, over the last seconds of a running pipeline."""

from __future__ import annotations

import itertools
import statistics
import time
from collections import deque
from dataclasses import dataclass, field

from board.summary import Summary

WINDOW_S = 3.0
"""How far back figures look: long enough to be read, short enough to follow a change."""
LATENCIES = 60
"""Of the newest frames, for the median."""


@dataclass(frozen=True)
class _Sample:
    time_s: float
    frames: int
    stages: dict[str, tuple[int, float]]  # frames, busy seconds


@dataclass(frozen=True)
class Rates:
    """How a run goes.

    Attributes:
        fps: Frames per second, end to end.
        latency_ms: Median from capture to output; None before the first frame.
        stages_ms: Of each stage that had frames, per frame.
        binds: The stage that takes longest; None before the first frame.
        frames: Since the run began.
        dropped: Of a live source, since the run began.
        failed: Observations that an accelerator failed on or that could not be decoded, by status.
    """

    fps: float = 0.0
    latency_ms: float | None = None
    stages_ms: dict[str, float] = field(default_factory=dict)
    binds: str | None = None
    frames: int = 0
    dropped: int = 0
    observations: dict[str, int] = field(default_factory=dict)


class RateMeter:
    """Reads a summary that a pipeline is writing.

    Args:
        summary: Of the run.
    """

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._samples: deque[_Sample] = deque()
        self._sample()

    def rates(self) -> Rates:
        """Over the last WINDOW_S, or since the run began."""
        newest = self._sample()
        while len(self._samples) > 2 and self._samples[1].time_s < newest.time_s - WINDOW_S:
            self._samples.popleft()
        oldest, summary = self._samples[0], self._summary
        stages_ms = {
            name: 1000 * (busy_s - oldest.stages[name][1]) / (frames - oldest.stages[name][0])
            for name, (frames, busy_s) in newest.stages.items()
            if frames > oldest.stages[name][0]
        }
        latencies_s = list(itertools.islice(reversed(summary.latencies_s.copy()), LATENCIES))
        elapsed_s = newest.time_s - oldest.time_s
        return Rates(
            fps=(newest.frames - oldest.frames) / elapsed_s if elapsed_s else 0.0,
            latency_ms=1000 * statistics.median(latencies_s) if latencies_s else None,
            stages_ms=stages_ms,
            binds=max(stages_ms, key=lambda name: stages_ms[name], default=None),
            frames=summary.frames,
            dropped=summary.dropped,
            observations=dict(summary.observations),
        )

    def _sample(self) -> _Sample:
        stages = {name: (stage.frames, stage.busy_s) for name, stage in self._summary.stages.items()}
        taken = _Sample(time.perf_counter(), self._summary.frames, stages)
        self._samples.append(taken)
        return taken
