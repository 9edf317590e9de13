# SPDX-License-Identifier: Apache-2.0
"""Report of a build's timing: slack by layer with the slowest path of each, as JSON, as CSV and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

from rich.table import Table

from board.core.files import write_csv
from board.core.graph import IntegerGraph
from hls_build.build_folder import BuildFolder
from hls_build.dataflow.names import layer_of
from hls_build.timing.analysis import Endpoint, Stage, Timing, analyse
from hls_build.timing.graph import build_graph
from hls_build.timing.net_delays import DOUBLING_PS, NET_PS, NetModel
from hls_build.timing.nets import OUTSIDE
from hls_build.yosys.netlist import Netlist
from hls_build.yosys.synthesis import Design
from hls_build.yosys.synthesis_report import MEMORY

SOURCE = "Project X-Ray, 7-series speed grade -1, slow corner"
CLOCK, FAST_CLOCK = "ap_clk", "ap_clk2x"
BIN_NS = 0.5
"""Of slack, in the histogram."""


@dataclass(frozen=True)
class BuildTiming:
    """A build's slack.

    Attributes:
        periods_ns: Of its clocks.
        model: Of its nets.
        timing: Of all endpoints.
        layers: Layer of every block, in stream order.
    """

    periods_ns: Mapping[str, float]
    model: NetModel
    timing: Timing
    layers: Mapping[str, str]

    @property
    def worst_slack_ns(self) -> float:
        """Of all endpoints."""
        return self.timing.worst.slack_ps / 1000

    @property
    def by_layer(self) -> dict[str, list[Endpoint]]:
        """Endpoints by the layer that they are in, in stream order, those with the least slack first."""
        found: dict[str, list[Endpoint]] = {layer: [] for layer in (*self.layers.values(), OUTSIDE)}
        for one in sorted(self.timing.endpoints, key=lambda one: one.slack_ps):
            found[self.layers.get(one.capture.point.block, OUTSIDE)].append(one)
        return {layer: endpoints for layer, endpoints in found.items() if endpoints}

    @property
    def histogram(self) -> dict[str, int]:
        """Endpoints by their slack in ns: the lower end of every bin, as text, from the least to the most."""
        places = [floor(one.slack_ps / 1000 / BIN_NS) for one in self.timing.endpoints]
        return {f"{place * BIN_NS:g}": places.count(place) for place in range(min(places), max(places) + 1)}

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per layer, with its slowest path."""
        for layer, endpoints in self.by_layer.items():
            path = self.timing.path(endpoints[0])
            yield {
                "layer": layer,
                "endpoints": len(endpoints),
                "failing": sum(one.slack_ps < 0 for one in endpoints),
                "slack_ns": round(endpoints[0].slack_ps / 1000, 3),
                "delay_ns": round(endpoints[0].delay_ps / 1000, 3),
                "levels": len(path) - 2,
                "nets_ns": round(sum(stage.net_ps for stage in path) / 1000, 3),
                "start": _place(path[0]),
                "end": _place(path[-1]),
                "through": " ".join(dict.fromkeys(stage.point.block for stage in path)),
            }

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program, with every cell of the slowest path of each layer."""
        paths = [self.timing.path(endpoints[0]) for endpoints in self.by_layer.values()]
        return {
            "cells": SOURCE,
            "net": {"ps": NET_PS, "doubling_ps": DOUBLING_PS, "scale": self.model.scale},
            "periods_ns": dict(self.periods_ns),
            "endpoints": len(self.timing.endpoints),
            "failing": self.timing.failing(),
            "worst_slack_ns": round(self.worst_slack_ns, 3),
            "bin_ns": BIN_NS,
            "histogram": self.histogram,
            "layers": [
                {**row, "path": [_stage(stage) for stage in path]} for row, path in zip(self.rows(), paths, strict=True)
            ],
        }

    def verdict(self) -> str:
        """What a person is told."""
        count, periods = len(self.timing.endpoints), ", ".join(f"{value:g}" for value in self.periods_ns.values())
        return (
            f"{self.timing.failing():,} of {count:,} endpoints take more than {periods} ns with nets at"
            f" {self.model.scale:g} of the nominal delay; least slack {self.worst_slack_ns:.2f} ns"
        )


def of_designs(
    folder: BuildFolder, designs: Sequence[Design], clock_mhz: float, scale: float | None = None
) -> BuildTiming:
    """Time designs of a build that were synthesised.

    Args:
        folder: The build.
        designs: Its blocks, or some of them; what the others would give comes from flip-flops.
        clock_mhz: Of the accelerator.
        scale: Of the delay of nets; None takes the nominal one.

    Raises:
        RuntimeError: A block has a cell whose delays are unknown, or signals run in a circle.
    """
    netlists = {}
    for design in designs:
        if (netlist := design.netlist()) is None:
            raise RuntimeError(
                f"the cache must hold the netlist of {design.name}, got none: raise its limit, run again"
            )
        netlists[design.name] = netlist
    layers = [node.name for node in IntegerGraph.load(folder.integer).nodes]
    return measure(netlists, layers, clock_mhz, NetModel() if scale is None else NetModel(scale))


def measure(blocks: Mapping[str, Netlist], layers: Sequence[str], clock_mhz: float, model: NetModel) -> BuildTiming:
    """Time blocks.

    Args:
        blocks: Netlists by name, in stream order.
        layers: Names of the network's layers.
        clock_mhz: Of the accelerator.
        model: Of the nets.

    Raises:
        RuntimeError: A cell's delays are unknown, or signals run in a circle.
    """
    fast = any(FAST_CLOCK in netlist.inputs for netlist in blocks.values())
    periods_ns = {CLOCK: 1e3 / clock_mhz} | ({FAST_CLOCK: 5e2 / clock_mhz} if fast else {})
    graph = build_graph(blocks, tuple(periods_ns))
    timing = analyse(graph, {clock: 1e3 * period for clock, period in periods_ns.items()}, model)
    return BuildTiming(
        periods_ns, model, timing, {name: layer_of(name.removesuffix(MEMORY), layers) for name in blocks}
    )


def write(folder: BuildFolder, found: BuildTiming) -> None:
    """Write a build's report/timing.json and timing.csv."""
    folder.write_report("timing", found.as_json())
    rows = list(found.rows())
    write_csv(folder.timing_rows, [rows[0], *(row.values() for row in rows)])


def table(found: BuildTiming) -> Table:
    """One row per layer: the slowest path, whose ends stand below the layer's name, since they are long."""
    result = Table(title="Slowest path of each layer, not placed", title_justify="left")
    result.add_column("layer, and its path", overflow="fold", min_width=30)
    for column in ("endpoints", "failing", "slack ns", "delay ns", "levels"):
        result.add_column(column, justify="right")
    for row in found.rows():
        result.add_row(
            f"{row['layer']}\n  {row['start']}\n  {row['end']}",
            f"{row['endpoints']:,}",
            f"{row['failing']:,}" if row["failing"] else "",
            f"{row['slack_ns']:.2f}",
            f"{row['delay_ns']:.2f}",
            str(row["levels"]),
            style="bold red" if row["failing"] else "",
        )
    return result


def _place(stage: Stage) -> str:
    """A register and its pin: the name in its block of what it drives, or its block's where there is none."""
    block, cell, pin, _ = stage.point
    name = stage.name.removeprefix(f"{block}_i.")
    return f"{block}: {name or cell} {pin}"


def _stage(stage: Stage) -> dict[str, Any]:
    point = stage.point
    return {
        **{"block": point.block, "cell": point.cell, "pin": point.pin, "net": stage.name},
        **{"net_ns": round(stage.net_ps / 1000, 3), "at_ns": round(stage.ps / 1000, 3)},
    }
