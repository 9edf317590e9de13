# SPDX-License-Identifier: Apache-2.0
"""The pictures of a build's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from board.simulation.streams import Counters
from hls_build.config.board import MAX_UTILISATION, Board
from hls_build.cost.resources import LABELS, Resources
from hls_build.report.layers import Layer
from hls_build.report.timeline import Timeline

BLUE, ORANGE, GREY, PALE = "#3b6ea5", "#d9822b", "#8a8f98", "#dfe3e8"
DRAM_BYTES_PER_CYCLE = 8
"""What one 64-bit high-performance port of the processing system moves in a cycle of the accelerator."""
PORT_BITS = 36
"""Width of a block RAM of 18 kbit at its widest, read once per cycle."""
BAR = 0.72


def waterfall(timeline: Timeline, layers: Sequence[Layer], edges: Sequence[tuple[str, str, str]]) -> Figure:
    """A bar per layer and frame, from when the layer has something of each input to the last beat out of it.

    Args:
        timeline: Of a run.
        layers: In stream order.
        edges: (stream, node that gives it, node that takes it); the accelerator's own ends are empty strings.
    """
    figure = Figure(figsize=(11, 0.9 + 0.22 * len(layers)), layout="constrained")
    axes = figure.subplots()
    colours = colormaps["viridis"](np.linspace(0.15, 0.85, timeline.frames))
    for row, layer in enumerate(layers):
        into, out = boundary(layer, edges)
        for frame in range(timeline.frames):
            begin = max(timeline.begin(stream, frame) for stream in into)
            end = max(timeline.end(stream, frame) for stream in out)
            axes.barh(row, end - begin, BAR / 2, begin, color=colours[frame], align="edge" if frame % 2 else "center")
    axes.set_yticks(range(len(layers)), [layer.name for layer in layers], fontsize=8)
    for label, layer in zip(axes.get_yticklabels(), layers, strict=True):
        label.set_color(ORANGE if layer.is_attention else "black")
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlim(0, timeline.cycles[-1])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:,.0f}k"))
    axes.set_xlabel("clock cycles since the first pixel; one colour per frame, attention in orange letters")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def boundary(layer: Layer, edges: Sequence[tuple[str, str, str]]) -> tuple[list[str], list[str]]:
    """Streams into and out of a layer."""
    into = [stream for stream, source, sink in edges if sink in layer.nodes and source not in layer.nodes]
    out = [stream for stream, source, sink in edges if source in layer.nodes and sink not in layer.nodes]
    return into, out


def stalls(streams: Mapping[str, Counters], cycles: int) -> Figure:
    """Share of a run that each stream moved beats, was stalled by its sink, or starved for its source."""
    names = list(streams)
    figure = Figure(figsize=(11, 0.9 + 0.19 * len(names)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(names))
    states = (("beats", BLUE, "moves a beat"), ("stalls", ORANGE, "stalled by its sink"), ("starves", PALE, "starved"))
    for key, colour, label in states:
        share = np.array([getattr(streams[name], key) / cycles for name in names])
        axes.barh(names, share, BAR, left, color=colour, label=label)
        left += share
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set_xlabel("share of all cycles; white: its sink is not ready either")
    figure.legend(loc="outside upper right", ncols=3, fontsize=8, frameon=False)
    return figure


def fifos(fill: Mapping[str, int], depth: Mapping[str, int]) -> Figure:
    """Highest fill of every FIFO over its depth."""
    names = list(fill)
    figure = Figure(figsize=(11, 0.9 + 0.25 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [depth[name] for name in names], BAR, color=PALE, label="depth")
    axes.barh(names, [fill[name] for name in names], BAR / 2, color=BLUE, label="highest fill")
    axes.set_xscale("log")
    axes.set_xlabel("beats")
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    return figure


def slack(timing: Mapping[str, Any]) -> Figure:
    """How many endpoints have how much slack; those that have none are orange.

    Args:
        timing: A build's report/timing.json.
    """
    figure = Figure(figsize=(11, 3), layout="constrained")
    axes = figure.subplots()
    low = np.array([float(edge) for edge in timing["histogram"]])
    colours = [ORANGE if edge < 0 else BLUE for edge in low]
    axes.bar(low, list(timing["histogram"].values()), 0.9 * timing["bin_ns"], color=colours, align="edge")
    axes.axvline(0, color="black", linewidth=2)
    axes.set_yscale("log")
    axes.set_xlabel(f"slack in ns, not placed, nets at {timing['net']['scale']:g} of their nominal delay")
    axes.set_ylabel("endpoints")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def resources(parts: Mapping[str, Resources], board: Board) -> Figure:
    """Utilisation of the device by each part of the accelerator, with the maximum.

    Args:
        parts: By what is written in the legend.
        board: Whose device counts.
    """
    figure = Figure(figsize=(11, 3), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(LABELS))
    colours = colormaps["tab20c"](np.linspace(0, 1, len(parts)))
    for (label, part), colour in zip(parts.items(), colours, strict=True):
        share = np.array(list(part.shares(board.budget).values()))
        axes.barh(list(LABELS.values()), share, BAR, left, color=colour, label=label)
        left += share
    for row, most in enumerate(MAX_UTILISATION.values()):
        axes.plot([most] * 2, [row - 0.45, row + 0.45], color="black", linewidth=2)
        axes.text(max(left[row], most) + 0.01, row, f"{left[row]:.0%}", va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.08, left.max() + 0.08))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set_xlabel(f"utilisation of {board.part}; black: maximum utilisation")
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


def roofline(
    layers: Sequence[Layer], interval_cycles: float, frame_bytes: int, board: Board, clock_mhz: float
) -> Figure:
    """Multiply-accumulates (MAC) per second over MAC per byte of DRAM, under what DSPs, block RAMs and its port allow.

    Args:
        layers: All.
        interval_cycles: Cycles per frame.
        frame_bytes: Pixels in and accumulators out.
        board: Whose device counts.
        clock_mhz: Clock of the accelerator.
    """
    multipliers = [layer.multiplier for layer in layers if layer.multiplier]
    macs = sum(one.macs for one in multipliers)
    weight_bits = sum(one.weights * one.weight_bits for one in multipliers)
    lanes = sum(one.macs * one.lanes for one in multipliers) / macs
    mean_bits = sum(one.macs * one.weight_bits for one in multipliers) / macs
    pump = 2 if any(one.pumped for one in multipliers) else 1
    giga = clock_mhz * 1e6 / 1e9
    roofs = {}
    if all(one.lanes for one in multipliers):  # LUTs have no roof but the device's
        each = f"{lanes:.1f} MAC each{', twice a cycle' if pump == 2 else ''}"
        roofs[f"{board.budget.dsp} DSPs, {each}"] = board.budget.dsp * lanes * pump
    roofs |= {
        f"{board.budget.bram18} block RAMs of weights, {mean_bits:.1f} bits each": board.budget.bram18
        * PORT_BITS
        / mean_bits,
    }
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    streamed, resident = macs / (frame_bytes + weight_bits / 8), macs / frame_bytes
    intensity = np.geomspace(streamed / 100, resident * 4, 300)
    for (label, roof), style in zip(roofs.items(), ("-", "--"), strict=False):
        reach = np.minimum(roof, intensity * DRAM_BYTES_PER_CYCLE) * giga
        axes.loglog(intensity, reach, style, color=GREY, label=f"{label}: {roof * giga:,.0f} GMAC/s")
    speed = macs / interval_cycles * giga
    axes.plot(resident, speed, "o", color=BLUE, markersize=9, label=f"this build: {speed:,.1f} GMAC/s")
    axes.plot(streamed, speed, "o", color=BLUE, fillstyle="none", markersize=9, label="were weights read from DRAM")
    axes.set_xlabel("arithmetic intensity, MAC per byte of DRAM traffic")
    axes.set_ylabel("GMAC/s")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, loc="lower right")
    return figure
