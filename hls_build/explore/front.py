# SPDX-License-Identifier: Apache-2.0
"""The Pareto front: the points that no other one of their board beats in everything that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hls_build.explore.plan import Point


@dataclass(frozen=True)
class Objective:
    """A figure that counts.

    Attributes:
        name: Of the field of Point.
        label: What a person reads.
        most: Whether more of it is better.
    """

    name: str
    label: str
    most: bool = False

    def of(self, point: Point) -> float | None:
        """A point's figure."""
        value: float | None = getattr(point, self.name)
        return value

    def cost(self, point: Point) -> float:
        """The figure so that less is better."""
        value = self.of(point)
        assert value is not None, "objectives in use are known of every point"
        return -value if self.most else value


QUALITY = (
    Objective("f1", "micro F1-frame", most=True),
    Objective("au_auc", "AU validity (AUC, rendered)", most=True),
)
SPEED = (Objective("fps", "frames per second", most=True),)
COST = (
    Objective("latency_ms", "latency, ms"),
    Objective("lut", "LUT"),
    Objective("bram18", "BRAM18"),
    Objective("dsp", "DSP"),
)
OBJECTIVES = (*QUALITY, *SPEED, *COST)


def in_use(points: Sequence[Point], objectives: Sequence[Objective] = OBJECTIVES) -> tuple[Objective, ...]:
    """The objectives that are known of every whole point; without any whole point, none."""
    whole = [point for point in points if point.whole]
    return tuple(one for one in objectives if whole and all(one.of(point) is not None for point in whole))


def front(points: Sequence[Point], objectives: Sequence[Objective]) -> list[Point]:
    """The whole points that are Pareto-optimal among those of their board.

    Args:
        points: All.
        objectives: What counts, known of every whole point, see `in_use`.
    """
    whole = [point for point in points if point.whole]
    return [
        point
        for point in whole
        if not any(_beats(other, point, objectives) for other in whole if other.board == point.board)
    ]


def _beats(one: Point, other: Point, objectives: Sequence[Objective]) -> bool:
    """Whether one is as good in everything and better in something."""
    costs = [(objective.cost(one), objective.cost(other)) for objective in objectives]
    return all(a <= b for a, b in costs) and any(a < b for a, b in costs)
