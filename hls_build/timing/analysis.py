# SPDX-License-Identifier: Apache-2.0
"""Arrival times over a timing graph, the slack of every endpoint, and the way that the slowest signal took there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hls_build.timing.graph import Arc, Capture, Launch, Point, TimingGraph
from hls_build.timing.net_delays import NetModel


class Stage(NamedTuple):
    """One step of a path.

    Attributes:
        point: Output of a register first, then an input of every cell on the way, an input of a register last.
        name: Of the net out of that cell, as near to the source as there is one.
        ps: From the clock's edge until the signal has left the cell; at the last one, until its setup is kept.
        net_ps: Of that, the net into the cell.
    """

    point: Point
    name: str
    ps: float
    net_ps: float


class Endpoint(NamedTuple):
    """Where paths end.

    Attributes:
        capture: The register's input.
        launch_clock: Clock of the register that the slowest path begins at.
        delay_ps: What that path takes, from clock to output and setup included.
        slack_ps: What it leaves of the time between the clocks' edges; negative where it is too slow.
    """

    capture: Capture
    launch_clock: str
    delay_ps: float
    slack_ps: float


@dataclass(frozen=True)
class Timing:
    """A design's slack.

    Attributes:
        endpoints: All that a signal arrives at.
        ways: Of the signals, by the clock that launches them.
    """

    endpoints: Sequence[Endpoint]
    ways: Mapping[str, Ways]

    @property
    def worst(self) -> Endpoint:
        """The endpoint with the least slack."""
        return min(self.endpoints, key=lambda one: one.slack_ps)

    def failing(self, slack_ps: float = 0.0) -> int:
        """How many endpoints have less slack than so much."""
        return sum(one.slack_ps < slack_ps for one in self.endpoints)

    def path(self, endpoint: Endpoint) -> list[Stage]:
        """The slowest way to an endpoint."""
        return self.ways[endpoint.launch_clock].path(endpoint.capture)


def analyse(graph: TimingGraph, periods_ps: Mapping[str, float], model: NetModel) -> Timing:
    """Slack of every endpoint.

    Between two clocks, whose edges coincide, the faster one's period counts.

    Args:
        graph: Of the design.
        periods_ps: Of its clocks.
        model: Of its nets.

    Raises:
        RuntimeError: Signals run in a circle that no register breaks.
    """
    order = _order(graph)
    ways = {clock: Ways(graph, model, order, clock) for clock in periods_ps}
    found = []
    for capture in graph.captures:
        ends = [
            Endpoint(capture, clock, delay, min(periods_ps[clock], periods_ps[capture.clock]) - delay)
            for clock, way in ways.items()
            if (delay := way.delay_ps(capture)) is not None
        ]
        if ends:
            found.append(min(ends, key=lambda one: one.slack_ps))
    return Timing(found, ways)


def _order(graph: TimingGraph) -> list[int]:
    """Nets with arcs, each behind all that come before it."""
    waiting = Counter(arc.target for arcs in graph.arcs.values() for arc in arcs)
    ready = [net for net in graph.arcs if not waiting[net]]
    order = []
    while ready:
        net = ready.pop()
        order.append(net)
        for arc in graph.arcs.get(net, ()):
            waiting[arc.target] -= 1
            if not waiting[arc.target]:
                ready.append(arc.target)
    if stuck := [net for net, count in waiting.items() if count]:
        name = graph.names.get(stuck[0], "a net without a name")
        raise RuntimeError(f"timing needs a register in every circle, got none around {name}")
    return order


class Ways:
    """Arrivals after the edge of one clock, and how the slowest signal came to each net."""

    def __init__(self, graph: TimingGraph, model: NetModel, order: Sequence[int], clock: str) -> None:
        """Follow all that the clock launches.

        Args:
            graph: Of the design.
            model: Of its nets.
            order: Nets, each behind all that come before it.
            clock: Name of the clock.
        """
        self._graph, self._model = graph, model
        self._arrivals: dict[int, float] = {}
        self._starts: dict[int, Launch] = {}
        self._arcs: dict[int, tuple[int, Arc]] = {}
        for launch in graph.launches:
            if launch.clock == clock and launch.ps > self._arrivals.get(launch.net, -1.0):
                self._arrivals[launch.net] = launch.ps
                self._starts[launch.net] = launch
        for net in order:
            if net in self._arrivals:
                arrival = self._arrivals[net]
                routed = arrival + model.ps(graph.fan_out[net])
                for arc in graph.arcs.get(net, ()):
                    then = (arrival if arc.is_local else routed) + arc.ps
                    if then > self._arrivals.get(arc.target, -1.0):
                        self._arrivals[arc.target] = then
                        self._arcs[arc.target] = net, arc

    def delay_ps(self, capture: Capture) -> float | None:
        """When the slowest signal is at an endpoint, setup added; None where none comes there."""
        if capture.net not in self._arrivals:
            return None
        return self._arrivals[capture.net] + self._net_ps(capture.net, capture) + capture.ps

    def _net_ps(self, net: int, sink: Arc | Capture) -> float:
        return 0.0 if sink.is_local else self._model.ps(self._graph.fan_out[net])

    def path(self, capture: Capture) -> list[Stage]:
        """The slowest way to an endpoint, from the register where it begins."""
        names, net = self._graph.names, capture.net
        delay = self._arrivals[net] + self._net_ps(net, capture) + capture.ps
        stages = [Stage(capture.point, names.get(capture.point.net, ""), delay, self._net_ps(net, capture))]
        while net in self._arcs:
            before, arc = self._arcs[net]
            stages.append(Stage(arc.point, names.get(net, ""), self._arrivals[net], self._net_ps(before, arc)))
            net = before
        start = self._starts[net]
        stages.append(Stage(start.point, names.get(net, ""), start.ps, 0.0))
        return stages[::-1]
