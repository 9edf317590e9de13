# SPDX-License-Identifier: Apache-2.0
"""The options of every layer, its legal foldings, and what each takes, with the FIFOs and width converters between.

An option's resources are the estimate of the very nodes that the compiler would make, so that a solution takes what its
build takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from math import prod

import numpy as np
from onnx import NodeProto

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.depthwise import Depthwise
from board.core.layers.flatten import Flatten
from board.core.layers.threshold import Threshold
from board.core.node import Node
from hls_build import compiler, estimate
from hls_build.config.board import Board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import DEFAULT_MULTIPLIER, DRAM, Folding
from hls_build.cost.resources import Resources
from hls_build.dataflow import rules
from hls_build.dataflow.activation_thresholds import requantization_of
from hls_build.dataflow.graph_writer import parallel_channels
from hls_build.dataflow.multipliers import geometry, symmetric_bits
from hls_build.dataflow.sliding_windows import Geometry
from hls_build.estimate import NodeEstimate

CONV_SPEED_UP, DENSE_SPEED_UP = 3, 16
"""A multiplier that is more than so many times faster than it must be, or than one product a cycle, is left out, but
where all are: sides of a window that are primes leave few."""
GAP = 1.001
"""Interval over its goal: what a window may add to its multiplier's cycles at the start of a frame."""
SLACK = 0.8
"""Share of the interval that layers other than multipliers and windows may take: their beats come in bursts."""
WINDOW_OPTIONS = 3
"""Lanes of a sliding window that are looked at: the fewest that are fast enough, and the next ones."""
LUT_STYLE, BLOCK_STYLE = "distributed", "block"
LUT_WEIGHT_BITS, LUT_ACTIVATION_BITS = 3, 4
"""Widest operands of multipliers in LUTs where these are asked for: those of wider ones take more than FINN+'s does.
Among others wider weights are an option too, for where DSPs run out."""


@dataclass(frozen=True)
class Goal:
    """What a folding must reach.

    Attributes:
        interval_cycles: Cycles from frame to frame.
        double_pump: Whether multipliers may run at twice the clock.
        clock_mhz: Clock of the accelerator.
        multiplier: What multiplies, one of MULTIPLIER_CHOICES.
        dram: Whether weights may come from DRAM.
    """

    interval_cycles: int
    double_pump: bool
    clock_mhz: float
    multiplier: str = DEFAULT_MULTIPLIER
    dram: bool = False


@dataclass(frozen=True)
class Option:
    """One folding of one layer.

    Attributes:
        folding: What the configuration says.
        lanes_in: Elements per beat of every input.
        lanes_out: Elements per beat of every output.
        cycles: Per frame of the slowest node in it, and what a window takes at the start of a frame.
        resources: Of all nodes in it.
        dram_bytes: Of its weights that come from DRAM, per frame.
    """

    folding: Folding
    lanes_in: tuple[int, ...]
    lanes_out: int
    cycles: int
    resources: Resources
    dram_bytes: int = 0


@dataclass(frozen=True)
class Connection:
    """One output of a layer at one input of another.

    Attributes:
        source: Layer that gives; None for the accelerator's input.
        sink: Layer that takes.
        index: Of the sink's inputs.
    """

    source: str | None
    sink: str
    index: int


class FoldingOptions:
    """Options of one network on one board, for one goal."""

    def __init__(self, graph: IntegerGraph, board: Board, goal: Goal) -> None:
        self.graph = graph
        self.goal = goal
        self.part = board.part
        self.dram_bytes = (board.dram_mb_per_s or 0) / goal.clock_mhz * goal.interval_cycles
        """Most of all weights from DRAM, per frame."""
        self.writer = compiler.write_layers(graph, BuildConfig("folding", "any", board, goal.clock_mhz))
        paced = {name: replace(link, cycles=goal.interval_cycles) for name, link in self.writer.links.items()}
        self.writer.links = paced
        slowest = goal.interval_cycles
        self.writer.layer_cycles = {name: min(own, slowest) for name, own in self.writer.layer_cycles.items()}
        self.layers = [node for node in graph.nodes if not isinstance(node, Flatten)]

    @cached_property
    def connections(self) -> dict[Connection, Node]:
        """Every connection with the layer that takes it; a Flatten is passed through."""
        writers = {name: node for node in self.graph.nodes for name in node.outputs}
        found = {}
        for node in self.layers:
            for index, name in enumerate(node.inputs):
                source = writers.get(name)
                if isinstance(source, Flatten):
                    source = writers.get(source.inputs[0])
                found[Connection(source.name if source else None, node.name, index)] = node
        return found

    def of(self, node: Node) -> list[Option]:
        """Options of a layer that reach the goal, those that are Pareto-optimal."""
        if isinstance(node, Conv):
            found = self._depthwise(node) if isinstance(node, Depthwise) else self._conv(node)
            return list(_pareto_optimal(found))
        most = self.goal.interval_cycles * SLACK
        return list(_pareto_optimal(option for option in self._parallel(node) if option.cycles <= most))

    def between(self, connection: Connection, lanes_out: int, option: Option) -> Resources:
        """FIFO and width converter of a connection whose source gives some lanes and whose sink has an option."""
        node = self.connections[connection]
        lanes = [lanes_out if index == connection.index else own for index, own in enumerate(option.lanes_in)]
        nodes, _ = compiler.layer_nodes(self.writer, node, option.folding, lanes)
        helpers = _helpers(node, connection.index)
        return sum((self._estimate(helper).resources for helper in nodes if helper.name in helpers), Resources())

    def _option(self, node: Node, folding: Folding, lanes: tuple[int, ...], fill: int = 0) -> Option:
        """A folding, without what stands before its inputs; the fill is its window's, which a FIFO behind bridges."""
        nodes, lanes_out = compiler.layer_nodes(self.writer, node, folding, lanes)
        helpers = {name for index in range(len(node.inputs)) for name in _helpers(node, index)}
        estimates = {part.name: self._estimate(part) for part in nodes if part.name not in helpers}
        late = [f"{node.name}_window"] if folding.window_fifo_depth else estimates
        cycles = max(part.cycles + (fill if name in late else 0) for name, part in estimates.items())
        used = sum((part.resources for part in estimates.values()), Resources())
        return Option(folding, lanes, lanes_out, cycles, used)

    def _estimate(self, node: NodeProto) -> NodeEstimate:
        """The estimate of a node."""
        bare = NodeProto()
        bare.CopyFrom(node)
        bare.name = ""
        del bare.input[:], bare.output[:]
        table: Rows | None = None
        if node.op_type == estimate.THRESHOLDING:
            table = tuple(map(tuple, self.writer.weights[node.input[1]][0].tolist()))
        return _cached_estimate(bare.SerializeToString(deterministic=True), self.part, table)

    def _parallel(self, node: Node) -> Iterator[Option]:
        """Options of a layer that has one parallelism."""
        channels, words, foldings = parallel_channels(self.graph, node), 0, [Folding()]
        if isinstance(node, Threshold):
            words = len(node.thresholds)
            foldings = [Folding(ram_style=style) for style in (LUT_STYLE, BLOCK_STYLE)]
            if self._may_shift(node):
                foldings += [replace(folding, quantizer="shift") for folding in foldings]
        for pe, folding in product(rules.divisors(channels), foldings):
            if folding.quantizer and words // pe > rules.most_own_folds(folding.ram_style):
                continue
            lanes = tuple(min(pe, self.graph.tensors[name].shape[2]) for name in node.inputs)
            yield self._option(node, replace(folding, pe=pe), lanes)

    def _may_shift(self, node: Threshold) -> bool:
        """Whether our requantizer may be a layer's quantizer; like our multipliers not where FINN+'s alone is asked."""
        return self.goal.multiplier != "finn" and requantization_of(self.writer, node) is not None

    def _conv(self, node: Conv) -> Iterator[Option]:
        """Options of a convolution or dense layer."""
        window = geometry(self.graph, node)
        outputs, inputs, pixels = len(node.weights), int(node.weights[0].size), prod(window.windows)
        slowest = self.goal.interval_cycles // pixels
        speed_up = DENSE_SPEED_UP if window.is_pixel else CONV_SPEED_UP
        styles = (LUT_STYLE, BLOCK_STYLE)
        for kind in self._multipliers(node):
            said = None if self.goal.multiplier == "finn" else kind
            folds = _folds(outputs, inputs, kind, slowest, speed_up)
            for (pe, simd), style in product(folds, styles):
                for pumped in (False, True) if self.goal.double_pump else (False,):
                    if not rules.has_multiplier(kind, pumped, simd, folds[pe, simd], outputs // pe, style):
                        continue
                    folding = Folding(pe=pe, simd=simd, ram_style=style, multiplier=said, pumped=pumped)
                    yield from self._windowed(node, window, folding, simd, pixels * folds[pe, simd])
        if self.goal.dram:
            yield from self._streamed(node, window, _folds(outputs, inputs, "finn", slowest, speed_up))

    def _windowed(self, node: Conv, window: Geometry, folding: Folding, simd: int, cycles: int) -> Iterator[Option]:
        """A multiplier of some cycles per frame with every window that keeps up with it; a dense layer has none."""
        if window.is_pixel:
            yield self._option(node, folding, (simd,))
            return
        windows = self._windows(window, simd, cycles)
        for (lanes, fill), window_style in product(windows, (LUT_STYLE, BLOCK_STYLE)):
            windowed = replace(folding, window_simd=lanes, window_ram_style=window_style)
            yield self._option(node, windowed, (lanes,), fill)
        yield from self._column_windows(node, window, folding)

    def _streamed(self, node: Conv, window: Geometry, folds: Mapping[tuple[int, int], int]) -> Iterator[Option]:
        """A layer whose weights come from DRAM, all of them for every pixel, where they come in time."""
        weight_bits, pixels = symmetric_bits(node.weights), prod(window.windows)
        for (pe, simd), fold in folds.items():
            dram_bytes = pixels * fold * -(-pe * simd * weight_bits // 8)
            if dram_bytes > self.dram_bytes:
                continue
            for option in self._windowed(node, window, Folding(pe=pe, simd=simd, weights=DRAM), simd, pixels * fold):
                if option.cycles <= self.goal.interval_cycles * GAP:
                    yield replace(option, dram_bytes=dram_bytes)

    def _multipliers(self, node: Conv) -> tuple[str, ...]:
        """Kinds of multipliers that a layer may have."""
        bits, wanted = self.graph.tensors[node.inputs[0]].bits, self.goal.multiplier
        most = {
            "dsp": (rules.OWN_WEIGHT_BITS, rules.OWN_ACTIVATION_BITS),
            "lut": (LUT_WEIGHT_BITS if wanted == "lut" else rules.OWN_WEIGHT_BITS, LUT_ACTIVATION_BITS),
        }
        taken = tuple(
            kind
            for kind, (most_weight_bits, most_bits) in most.items()
            if node.weight_bits <= most_weight_bits
            and bits <= most_bits
            and rules.own_weight_bits(kind, node.weights.size, node.weight_bits) <= rules.MOST_OWN_WEIGHT_BITS
        )
        if wanted == "auto":
            return ("finn", *taken)
        return (wanted,) if wanted in taken else ("finn",)

    def _depthwise(self, node: Depthwise) -> Iterator[Option]:
        """Options of a depthwise convolution, whose window has its lanes."""
        window, styles = geometry(self.graph, node), (LUT_STYLE, BLOCK_STYLE)
        most = self.goal.interval_cycles * GAP
        for pe in rules.divisors(window.shape[2]):
            fill = 0 if window.is_pixel else window.fill(pe)
            if window.cycles(pe) + fill > most:
                continue
            for style, window_style in product(styles, ("auto",) if window.is_pixel else styles):
                yield self._option(node, Folding(pe=pe, ram_style=style, window_ram_style=window_style), (pe,), fill)

    def _windows(self, window: Geometry, simd: int, cycles: int) -> list[tuple[int, int]]:
        """Lanes and fill of the sliding windows that keep up with a multiplier of some cycles per frame."""
        most, fast = self.goal.interval_cycles * GAP, []
        for lanes in rules.divisors(window.shape[2]):
            fill = window.fill(lanes)
            if max(cycles, window.cycles(lanes)) + fill <= most:
                fast.append((lanes, fill))
        return fast[:WINDOW_OPTIONS] + [option for option in fast[WINDOW_OPTIONS:] if option[0] == simd]

    def _column_windows(self, node: Conv, window: Geometry, folding: Folding) -> Iterator[Option]:
        """The same with our window by columns, whose beats are parts of the multiplier's or the other way round.

        Where the window's fill makes it late, it comes with a FIFO too, from which the multiplier goes on meanwhile.
        Like our multipliers it is no option where FINN+'s alone is asked for.
        """
        if self.goal.multiplier == "finn" or not window.has_columns:
            return
        assert folding.simd is not None
        found = 0
        for lanes in rules.divisors(window.shape[2]):
            narrow, wide = sorted((window.kernel[0] * lanes, folding.simd))
            if wide % narrow:
                continue
            fill = window.column_fill(lanes)
            windowed = replace(folding, window="columns", window_simd=lanes)
            options = [self._option(node, windowed, (lanes,), fill)]
            if options[0].cycles > self.goal.interval_cycles:
                bridged = replace(windowed, window_fifo_depth=_bridge(node, folding, fill))
                options.append(self._option(node, bridged, (lanes,), fill))
            fast = [option for option in options if option.cycles <= self.goal.interval_cycles * GAP]
            yield from fast
            found += bool(fast)
            if found == WINDOW_OPTIONS:
                return


def _folds(outputs: int, inputs: int, kind: str, slowest: int, speed_up: int) -> dict[tuple[int, int], int]:
    """Folds of a multiplier by its PE and SIMD: those that are fast enough, and not much too fast where others are."""
    folds = {
        (pe, simd): inputs // simd * (outputs // pe)
        for pe, simd in product(rules.divisors(outputs), rules.simds(inputs, kind))
    }
    fast = {shape: fold for shape, fold in folds.items() if fold <= slowest}
    fair = {shape: n for shape, n in fast.items() if n * speed_up >= slowest or prod(shape) <= speed_up}
    return fair or {shape: fold for shape, fold in fast.items() if fold == max(fast.values())}


def _bridge(node: Conv, folding: Folding, fill: int) -> int:
    """Beats between a window and its multiplier that last for so many cycles: vectors, and the one that has begun."""
    assert folding.pe is not None and folding.simd is not None
    beats, turns = int(node.weights[0].size) // folding.simd, len(node.weights) // folding.pe
    return max(2, (-(-fill // (beats * turns)) + 1) * beats)


def _helpers(node: Node, index: int) -> set[str]:
    """What stands before an input of a layer, of the layer before."""
    return {f"{node.name}_in{index}_{kind}" for kind in ("fifo", "dwc")}


Rows = tuple[tuple[int, ...], ...]
"""Activation thresholds of each channel, hashable."""


@cache
def _cached_estimate(node: bytes, part: str, thresholds: Rows | None) -> NodeEstimate:
    """The estimate of a node without its names, on which it does not depend."""
    table = None if thresholds is None else np.array(thresholds, np.int64)
    return estimate.node_estimate(NodeProto.FromString(node), part, table)


def _pareto_optimal(options: Iterable[Option]) -> Iterator[Option]:
    """Options that are Pareto-optimal among those of the same lanes: none is as good in cycles and every resource."""
    groups: dict[tuple[tuple[int, ...], int], list[tuple[tuple[int, ...], Option]]] = {}
    ordered = sorted(options, key=lambda option: prod(1 + cost for cost in _costs(option)))
    for option in ordered:
        costs = _costs(option)
        group = groups.setdefault((option.lanes_in, option.lanes_out), [])
        if not any(all(a <= b for a, b in zip(other, costs, strict=True)) for other, _ in group):
            group.append((costs, option))
    for group in groups.values():
        yield from (option for _, option in group)


def _costs(option: Option) -> tuple[int, ...]:
    """What an option should have little of."""
    used = option.resources
    return (option.cycles, option.dram_bytes, *used.as_json().values())
