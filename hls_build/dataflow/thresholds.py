# SPDX-License-Identifier: Apache-2.0
"""Quantizers: FINN+'s thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from board.core import graph as ir
from board.core.arithmetic import needed_bits
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.links import Stream, type_name

if TYPE_CHECKING:
    from hls_build.dataflow.builder import Builder


def threshold(builder: Builder, node: ir.Threshold, folding: Folding) -> None:
    """A quantizer. Its thresholds are widened to the output type's whole range, as the RTL counts in it."""
    stream = builder.streams[node.inputs[0]]
    target = builder.graph.tensors[node.outputs[0]]
    pe = builder.parallelism(node, folding, stream.lanes)
    stream = builder.connect(node, 0, pe, folding)
    thresholds = complete_thresholds(node, target, stream.low, stream.high)
    bits = max(stream.bits, needed_bits(0, max(0, int(thresholds.max())), stream.signed))
    builder.tensor(node.outputs[0], stream.shape, type_name(target.bits, target.signed))
    builder.weights[f"{node.name}_thresholds"] = (thresholds, type_name(bits, stream.signed))
    builder.rtl(
        "Thresholding_rtl",
        node.name,
        [stream.tensor, f"{node.name}_thresholds"],
        node.outputs[0],
        NumChannels=stream.shape[2],
        PE=pe,
        numSteps=thresholds.shape[1],
        inputDataType=stream.datatype,
        weightDataType=type_name(bits, stream.signed),
        outputDataType=type_name(target.bits, target.signed),
        ActVal=target.low,
        numInputVectors=[1, *stream.shape[:2]],
        uniform_thres=int(len(thresholds) == 1),
        depth_trigger_bram=rules.THRESHOLD_BLOCK_DEPTHS[folding.ram_style],
    )
    builder.layer_cycles[node.name] = stream.elements // pe
    builder.streams[node.outputs[0]] = Stream(
        node.outputs[0], stream.shape, target.bits, target.signed, target.low, target.high, pe, stream.cycles
    )


def complete_thresholds(node: ir.Threshold, target: ir.Tensor, low: int, high: int) -> np.ndarray:
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
