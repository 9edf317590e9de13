# SPDX-License-Identifier: Apache-2.0
"""Quantizers: FINN+'s search among thresholds, or our requantizer where it gives the same codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from board.core.arithmetic import accumulator_bounds, needed_bits
from board.core.arrays import Integers
from board.core.layers.conv import Conv
from board.core.layers.threshold import Threshold
from board.core.node import Tensor
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.links import Link, type_name
from hls_build.dataflow.requantization import Requantization, requantization


def threshold(writer: GraphWriter, node: Threshold, folding: Folding) -> None:
    """A quantizer."""
    target = writer.graph.tensors[node.outputs[0]]
    pe = writer.parallelism(node, folding, writer.links[node.inputs[0]].lanes)
    link = writer.connect(node, 0, pe, folding)
    codes = Link(node.outputs[0], link.shape, target.bits, target.signed, target.low, target.high, pe, link.cycles)
    if folding.quantizer == "shift":
        _by_own(writer, node, link, codes, folding)
    else:
        _by_finn(writer, node, link, codes, folding)
    writer.tensor(codes.tensor, codes.shape, codes.datatype)
    writer.layer_cycles[node.name] = link.elements // pe
    writer.links[codes.tensor] = codes


def _by_own(writer: GraphWriter, node: Threshold, link: Link, codes: Link, folding: Folding) -> None:
    """Our requantizer; where nothing is said, its table lies in block RAM if it has more words than LUTs hold."""
    scales = requantization_of(writer, node)
    if scales is None:
        raise ValueError(
            f'{node.name} has activation thresholds that do not lie a power of two apart: leave quantizer = "shift" out'
        )
    words, style = len(scales.biases) // link.lanes, folding.ram_style
    if style == "auto":
        style = "distributed" if words <= rules.MOST_LUT_FOLDS else "block"
    if words > (most := rules.most_own_folds(style)):
        where = "LUTs" if style == "distributed" else "block RAM"
        raise ValueError(f"{node.name} shifts by a table of at most {most} words in {where}, got {words}: raise its pe")
    writer.nodes.append(writer.own.requantizer(node.name, link, codes, scales, style))


def requantization_of(writer: GraphWriter, node: Threshold) -> Requantization | None:
    """Bias and shift of each channel of a quantizer; None where thresholds do not lie so."""
    link, target = writer.links[node.inputs[0]], writer.graph.tensors[node.outputs[0]]
    thresholds = complete_thresholds(node, target, link.low, link.high)
    low, high = _reach(writer, node)
    if len(thresholds) == 1:
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    return requantization(thresholds, target.low, low, high)


def _reach(writer: GraphWriter, node: Threshold) -> tuple[Integers, Integers]:
    """Least and greatest integer that each channel, or any of them, of a quantizer's input has."""
    source = writer.producers.get(node.inputs[0])
    if isinstance(source, Conv):
        link = writer.links[source.inputs[0]]
        return accumulator_bounds(source.weights, link.low, link.high)
    link = writer.links[node.inputs[0]]
    return np.array([link.low]), np.array([link.high])


def _by_finn(writer: GraphWriter, node: Threshold, link: Link, codes: Link, folding: Folding) -> None:
    """FINN+'s search. Thresholds are widened to the output type's whole range, as the RTL counts in it."""
    thresholds = complete_thresholds(node, writer.graph.tensors[codes.tensor], link.low, link.high)
    bits = max(link.bits, needed_bits(0, max(0, int(thresholds.max())), link.signed))
    writer.weights[f"{node.name}_thresholds"] = (thresholds, type_name(bits, link.signed))
    writer.rtl(
        "Thresholding_rtl",
        node.name,
        [link.tensor, f"{node.name}_thresholds"],
        codes.tensor,
        NumChannels=link.shape[2],
        PE=link.lanes,
        numSteps=thresholds.shape[1],
        inputDataType=link.datatype,
        weightDataType=type_name(bits, link.signed),
        outputDataType=codes.datatype,
        ActVal=codes.low,
        numInputVectors=[1, *link.shape[:2]],
        uniform_thres=int(len(thresholds) == 1),
        depth_trigger_bram=rules.THRESHOLD_BLOCK_DEPTHS[folding.ram_style],
    )


def complete_thresholds(node: Threshold, target: Tensor, low: int, high: int) -> npt.NDArray[np.int64]:
    """Thresholds for every step of the output's type, each clipped to what matters for inputs in low to high.

    A step below the first that the layer makes is always reached, one above its last is never reached.
    """
    rows, steps = node.thresholds.shape
    if node.first < target.low or node.first + steps > target.high:
        raise ValueError(
            f"{node.name} gives {node.first} to {node.first + steps}, its output holds {target.low} to {target.high}"
        )
    table = np.full((rows, target.high - target.low), high + 1, np.int64)
    offset = node.first - target.low
    table[:, :offset] = low
    table[:, offset : offset + steps] = np.clip(node.thresholds, low, high + 1)
    return table
