# SPDX-License-Identifier: Apache-2.0
"""Compile QONNX to an integer graph, and that to a FINN+ dataflow graph of RTL nodes, folded as a build says.

Both passes take what the kernels register beside what FINN+'s own blocks need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import onnx
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from board.core.layers.threshold import Threshold
from board.core.node import Node
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.dataflow import activation_thresholds, multipliers
from hls_build.dataflow.graph_writer import GraphWriter, OwnNodes, Translator
from hls_build.finn_adapter import operator
from hls_build.kernels import KERNELS
from hls_build.kernels.column_window.translate import column_window
from hls_build.kernels.dsp_mvu import translate as dsp_mvu
from hls_build.kernels.dsp_mvu.node import DspMvu_rtl
from hls_build.kernels.lane_converter.translate import converter
from hls_build.kernels.lut_mvu import translate as lut_mvu
from hls_build.kernels.pumped_mvu.node import PumpedMvu_rtl
from hls_build.kernels.register_slice.translate import register_slice
from hls_build.kernels.requantizer.translate import requantizer
from hls_build.lowering.errors import LoweringError
from hls_build.lowering.lower import OWN_RULES, Lowered, lower, lower_scaled
from hls_build.lowering.rule import Rule

Result = TypeVar("Result")

RULES: tuple[Rule, ...] = (*(rule for kernel in KERNELS for rule in kernel.rules), *OWN_RULES)
"""What lowers QONNX nodes: kernels by their names, then FINN+'s own blocks."""

OWN_NODES = OwnNodes(
    converter,
    {
        ("dsp", False): partial(dsp_mvu.multiplier, DspMvu_rtl),
        ("dsp", True): partial(dsp_mvu.multiplier, PumpedMvu_rtl),
        ("lut", False): lut_mvu.multiplier,
    },
    register_slice,
    column_window,
    requantizer,
)
"""Our kernels that stand among FINN+'s nodes."""


def read_model(path: Path) -> onnx.ModelProto:
    """Read a QONNX file, with the constants that lie beside it.

    Raises:
        LoweringError: The file is missing or no ONNX model.
    """
    try:
        return onnx.load(path)
    except FileNotFoundError:
        raise LoweringError(f"no model at {path}: run `auflow export` first") from None
    except Exception as error:  # protobuf's own class is not public
        said = " ".join(str(error).split())
        raise LoweringError(f"a network must be a whole ONNX file, got {said} in {path}: export it again") from None


def lower_file(path: Path) -> IntegerGraph:
    """Read a QONNX file with integers at its output and lower it.

    Raises:
        LoweringError: The file is no ONNX model, or has a node that cannot be lowered.
    """
    return _lowered(lower, path)


def lower_scaled_file(path: Path) -> Lowered:
    """Read a QONNX file and lower it, whatever the integers at its output are worth.

    Raises:
        LoweringError: The file is no ONNX model, or has a node that cannot be lowered.
    """
    return _lowered(lower_scaled, path)


def _lowered(how: Callable[[onnx.ModelProto, Sequence[Rule]], Result], path: Path) -> Result:
    model = read_model(path)
    try:
        return how(model, RULES)
    except LoweringError as error:
        raise LoweringError(f"{error} (in {path}): change the network and export it again") from None


def compile_graph(graph: IntegerGraph, config: BuildConfig) -> ModelWrapper:
    """Make the dataflow graph.

    Layers keep their names. A layer named X may have helpers: X_pad, X_pad_slice and X_window before a
    convolution, X_in0_fifo and X_in0_dwc before its input 0.

    Raises:
        ValueError: A folding is illegal, or is given for no layer.
    """
    model = write_layers(graph, config).model()
    for node in model.graph.node:
        operator(node).set_nodeattr("exec_mode", "cppsim")
    return model


def write_layers(graph: IntegerGraph, config: BuildConfig) -> GraphWriter:
    """Write every layer; what compile_graph makes of it, still open.

    Raises:
        ValueError: A folding is illegal, or is given for no layer.
    """
    writer = GraphWriter(graph, config, OWN_NODES)
    for node in graph.nodes:
        TRANSLATORS[type(node)](writer, node, config.folding.get(node.name, Folding()))
    return writer


def layer_nodes(writer: GraphWriter, node: Node, folding: Folding, lanes: Sequence[int]) -> tuple[list[NodeProto], int]:
    """What one layer is made of if its inputs come with some lanes.

    Args:
        writer: With every layer in front of it written; it stays as it is.
        node: Layer.
        folding: Its folding.
        lanes: Elements per beat of every input.

    Returns:
        Its nodes and their helpers, and the lanes of its outputs.

    Raises:
        ValueError: The folding is illegal.
    """
    trial = writer.trial(dict(zip(node.inputs, lanes, strict=True)))
    TRANSLATORS[type(node)](trial, node, folding)
    return trial.nodes, trial.links[node.outputs[0]].lanes


def _flatten(writer: GraphWriter, node: Flatten, folding: Folding) -> None:
    """No hardware: the multiplier behind it takes the same beats in the same order, as one pixel."""
    del folding
    link = writer.links[node.inputs[0]]
    writer.links[node.outputs[0]] = replace(link, shape=(1, 1, link.elements))


def _registered() -> Iterator[tuple[type[Node], Translator]]:
    """Kinds of layer that kernels of ours compute."""
    for kernel in KERNELS:
        yield from kernel.layers.items()


TRANSLATORS: Mapping[type[Node], Translator] = {
    Conv: multipliers.conv,
    Threshold: activation_thresholds.threshold,
    Flatten: _flatten,
    **dict(_registered()),
}
"""What makes hardware of each kind of layer."""
