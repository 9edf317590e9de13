# SPDX-License-Identifier: Apache-2.0
"""Convolutions and dense layers: FINN+'s padding, sliding window and multiplier."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.arrays import Integers
from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from hls_build.config.folding import DRAM, Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.links import Link, type_name
from hls_build.dataflow.sliding_windows import Geometry, slide, window_order

MOST_ACTIVATION_BITS, MOST_WEIGHT_BITS = 17, 25
"""Magnitude of an activation, and whole width of a weight, at the ports B and A of a DSP48E1 (AMD's UG479)."""


LEAST_ACTIVATION_BITS = 2
"""Of an activation that mvu.sv takes."""


def geometry(graph: IntegerGraph, node: Conv) -> Geometry:
    """How a convolution's window moves."""
    return Geometry(node.name, graph.tensors[node.inputs[0]].shape, node.kernel, node.strides, node.padding)


def symmetric_bits(weights: Integers) -> int:
    """Bits of weights in a range that is symmetric, so always narrow; at least two."""
    return max(2, int(np.abs(weights).max(initial=1)).bit_length() + 1)


def conv(writer: GraphWriter, node: Conv, folding: Folding) -> None:
    """A convolution: padding, sliding window and multiplier; a dense layer: the multiplier alone."""
    window = geometry(writer.graph, node)
    height, width, channels = window.shape
    outputs, inputs = len(node.weights), int(node.weights[0].size)
    pe = rules.check_divides(node.name, "pe", folding.pe or 1, outputs, "outputs")
    simd = rules.check_simd(node.name, folding.simd or 1, inputs, folding.multiplier)
    fold = inputs // simd * (outputs // pe)
    if window.is_pixel:
        for key in ("window", "window_simd", "window_fifo_depth"):
            if getattr(folding, key) is not None:
                raise ValueError(f"{key} is for convolutions, got one for {node.name}")
        vector = channels if (height, width) == (1, 1) else 0
        link = writer.connect(node, 0, simd, folding, vector)
    else:
        folding = replace(folding, window_simd=_window_lanes(window, folding, simd, fold))
        lanes = rules.check_divides(node.name, "window_simd", folding.window_simd or channels, channels, "channels")
        ahead = 0 if node.inputs[0] == writer.graph.input else window.elements_ahead
        link = slide(writer, window, writer.connect(node, 0, lanes, folding, ahead, in_bursts=True), folding)
        depth = folding.window_fifo_depth
        if depth is None:
            depth = rules.window_vector_beats(inputs // simd, outputs // pe, link.lanes, simd)
        link = writer.fifo(writer.convert(link, f"{node.name}_window", simd), f"{node.name}_window", depth)
    multiply = _by_finn if folding.multiplier in (None, "finn") else _by_own
    order = np.arange(inputs) if window.is_pixel else window_order(window, folding)
    multiply(writer, node, link, window.windows, (pe, simd), folding, _matrix(node)[order])


def _window_lanes(window: Geometry, folding: Folding, simd: int, fold: int) -> int:
    """Channels per cycle of a sliding window; where nothing is said, so many that its multiplier need not wait."""
    (rows, columns), channels = window.kernel, window.shape[2]
    if folding.window_simd is not None:
        return folding.window_simd
    if folding.window == "columns":
        return rules.window_lanes(channels, columns + 1, simd // rows, fold)
    return rules.window_lanes(channels, rows * columns, simd, fold)


def _by_own(
    writer: GraphWriter,
    node: Conv,
    link: Link,
    size: tuple[int, int],
    parallel: tuple[int, int],
    folding: Folding,
    matrix: npt.NDArray[np.int64],
) -> None:
    """A multiplier of ours, which holds every sum that the type of its input allows."""
    (pe, simd), kind = parallel, folding.multiplier
    assert kind is not None
    inputs, outputs = matrix.shape
    depth = inputs // simd * (outputs // pe)
    lows, highs = accumulator_bounds(node.weights, *_limits(link))
    bits = needed_bits(int(lows.min()), int(highs.max()), True)
    if node.outputs[0] == writer.graph.output:
        bits = rules.whole_bytes(bits)
    lows, highs = accumulator_bounds(node.weights, link.low, link.high)
    cycles = depth * prod(size)
    sums = Link(
        node.outputs[0],
        (*size, outputs),
        bits,
        True,
        int(lows.min()),
        int(highs.max()),
        pe,
        max(link.cycles, cycles),
    )
    if folding.pumped and simd % 2:
        raise ValueError(f"{node.name} can run its DSPs at twice the clock with an even simd, got {simd}")
    words, width = (2 * depth, pe * simd // 2) if folding.pumped else (depth, pe * simd)
    style = rules.memory_style(folding.ram_style, words, rules.own_weight_bits(kind, width, node.weight_bits))
    weight_bits = symmetric_bits(matrix)
    rules.check_own_multiplier(node.name, kind, words, outputs // pe, matrix.size, (weight_bits, link.bits), style)
    writer.tensor(sums.tensor, sums.shape, sums.datatype)
    writer.nodes.append(
        writer.own.multipliers[kind, folding.pumped](
            node.name, link, sums, matrix, weight_bits, simd, style, writer.config.clk_period_ns
        )
    )
    writer.layer_cycles[node.name] = cycles
    writer.links[sums.tensor] = sums


def _limits(link: Link) -> tuple[int, int]:
    """Least and greatest integer of the type of a link's elements."""
    if link.signed:
        return -(1 << (link.bits - 1)), (1 << (link.bits - 1)) - 1
    return 0, (1 << link.bits) - 1


def _matrix(node: Conv) -> npt.NDArray[np.int64]:
    """Weights of shape (inputs, outputs), inputs by row, column, channel."""
    return node.weights.reshape(len(node.weights), -1).T.astype(np.int64)


def _by_finn(
    writer: GraphWriter,
    node: Conv,
    link: Link,
    size: tuple[int, int],
    parallel: tuple[int, int],
    folding: Folding,
    matrix: npt.NDArray[np.int64],
) -> None:
    """FINN+'s multiplier."""
    pe, simd = parallel
    if link.bits - link.signed > MOST_ACTIVATION_BITS:
        raise ValueError(
            f"{node.name} multiplies {link.bits} bits {'signed' if link.signed else 'unsigned'}, a DSP48E1 takes"
            f" {MOST_ACTIVATION_BITS} beside a sign"
        )
    if link.bits < LEAST_ACTIVATION_BITS:
        raise ValueError(
            f"{node.name} multiplies {link.bits} bit, FINN+'s multiplier takes {LEAST_ACTIVATION_BITS} at least:"
            " quantize with more bits before it"
        )
    if folding.pumped and simd == 1:
        raise ValueError(f"{node.name} can run its DSPs at twice the clock with a simd of at least 2, got 1")
    inputs, outputs = matrix.shape
    lows, highs = accumulator_bounds(node.weights, link.low, link.high)
    low, high = int(lows.min()), int(highs.max())
    weight_bits = symmetric_bits(matrix)
    if weight_bits > MOST_WEIGHT_BITS:
        raise ValueError(f"{node.name} has weights of {weight_bits} bits, a DSP48E1 takes {MOST_WEIGHT_BITS}")
    product_bits = weight_bits + link.bits - link.signed  # the multiplier's least accumulator
    bits = max(needed_bits(low, high, True), product_bits)
    if node.outputs[0] == writer.graph.output:
        bits = rules.whole_bytes(bits)
    shape = (*size, outputs)
    name = node.outputs[0]
    writer.tensor(name, shape, type_name(bits, True))
    writer.weights[f"{node.name}_weights"] = (matrix, type_name(weight_bits, True))
    depth, weight_width = inputs // simd * (outputs // pe), pe * simd * weight_bits
    writer.rtl(
        "MVAU_rtl",
        node.name,
        [link.tensor, f"{node.name}_weights"],
        name,
        MW=inputs,
        MH=outputs,
        PE=pe,
        SIMD=simd,
        inputDataType=link.datatype,
        weightDataType=type_name(weight_bits, True),
        outputDataType=type_name(bits, True),
        accDataType=type_name(bits, True),
        numInputVectors=[1, *size],
        noActivation=1,
        ActVal=0,
        mem_mode="external" if folding.weights == DRAM else "internal_decoupled",
        ram_style=rules.memory_style(folding.ram_style, depth, rules.whole_bytes(weight_width)),
        resType="dsp",
        pumpedCompute=int(folding.pumped),
    )
    cycles = depth * prod(size)
    writer.layer_cycles[node.name] = cycles
    writer.links[name] = Link(name, shape, bits, True, low, high, pe, max(link.cycles, cycles))
