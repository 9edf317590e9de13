# SPDX-License-Identifier: Apache-2.0
"""Quantizers: FINN+'s thresholds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from board.core.arithmetic import needed_bits
from board.core.layers.threshold import Threshold
from board.core.node import Tensor
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.links import Link, type_name


def threshold(writer: GraphWriter, node: Threshold, folding: Folding) -> None:
    """A quantizer. Its thresholds are widened to the output type's whole range, as the RTL counts in it."""
    link = writer.links[node.inputs[0]]
    target = writer.graph.tensors[node.outputs[0]]
    pe = writer.parallelism(node, folding, link.lanes)
    link = writer.connect(node, 0, pe, folding)
    thresholds = complete_thresholds(node, target, link.low, link.high)
    bits = max(link.bits, needed_bits(0, max(0, int(thresholds.max())), link.signed))
    writer.tensor(node.outputs[0], link.shape, type_name(target.bits, target.signed))
    writer.weights[f"{node.name}_thresholds"] = (thresholds, type_name(bits, link.signed))
    writer.rtl(
        "Thresholding_rtl",
        node.name,
        [link.tensor, f"{node.name}_thresholds"],
        node.outputs[0],
        NumChannels=link.shape[2],
        PE=pe,
        numSteps=thresholds.shape[1],
        inputDataType=link.datatype,
        weightDataType=type_name(bits, link.signed),
        outputDataType=type_name(target.bits, target.signed),
        ActVal=target.low,
        numInputVectors=[1, *link.shape[:2]],
        uniform_thres=int(len(thresholds) == 1),
        depth_trigger_bram=rules.THRESHOLD_BLOCK_DEPTHS[folding.ram_style],
    )
    writer.layer_cycles[node.name] = link.elements // pe
    writer.links[node.outputs[0]] = Link(
        node.outputs[0], link.shape, target.bits, target.signed, target.low, target.high, pe, link.cycles
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
