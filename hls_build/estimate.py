# SPDX-License-Identifier: Apache-2.0
"""Estimate an accelerator's resources and cycles from its dataflow graph, before any synthesis.

What FINN+'s blocks take is in hls_build.cost, what our kernels take in their specs. FINN+'s own figures do not
serve: they count no LUTs of a multiplier and four lanes per DSP, Versal's memories for thresholds, and no flip-flops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from board.core.parts import memory_port
from hls_build.config.board import Board
from hls_build.config.build import BuildConfig
from hls_build.cost import weight_stream
from hls_build.cost.fifo import Fifo
from hls_build.cost.multiplier import Multiplier
from hls_build.cost.padding import padding
from hls_build.cost.resources import Resources
from hls_build.cost.sliding_window import window
from hls_build.cost.thresholding import Table, threshold
from hls_build.cost.weight_memory import weight_memory
from hls_build.cost.width_converter import converter
from hls_build.finn_adapter import operator
from hls_build.kernels.kernel_node import KernelNode


@dataclass(frozen=True)
class NodeEstimate:
    """One node of the dataflow graph.

    Attributes:
        op_type: FINN's name of its kind.
        cycles: Per frame while neighbours never stall; a FIFO or a width converter has none of its own.
        resources: What it takes.
    """

    op_type: str
    cycles: int
    resources: Resources

    def as_json(self) -> dict[str, Any]:
        """For a report."""
        return {"op_type": self.op_type, "cycles": self.cycles, **self.resources.as_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> NodeEstimate:
        """What `as_json` gave."""
        return cls(content["op_type"], int(content["cycles"]), Resources.from_json(content))


@dataclass(frozen=True)
class Estimate:
    """A whole accelerator.

    Attributes:
        board: Whose budget counts.
        clock_mhz: Clock that frames per second refer to.
        shell: Of the build, one of hls_build.config.shells.
        nodes: By name, in stream order.
    """

    board: Board
    clock_mhz: float
    shell: str
    nodes: dict[str, NodeEstimate]

    @property
    def total(self) -> Resources:
        """Of all nodes together."""
        return sum((node.resources for node in self.nodes.values()), Resources())

    @property
    def slowest_layer(self) -> str:
        """The layer with weights or sliding window that takes most cycles per frame; it sets the frame rate."""
        layers = [name for name, node in self.nodes.items() if node.op_type in _LAYERS]
        return max(layers, key=lambda name: self.nodes[name].cycles)

    @property
    def slowest_layer_cycles(self) -> int:
        """Cycles per frame of the slowest layer."""
        return self.nodes[self.slowest_layer].cycles

    @property
    def frames_per_second(self) -> float:
        """Frame rate that the slowest layer allows."""
        return self.clock_mhz * 1e6 / self.slowest_layer_cycles

    @property
    def over_budget(self) -> tuple[str, ...]:
        """Names of the resources of which the board has too few for accelerator and shell."""
        return (self.total + self.board.allowance(self.shell)).beyond(self.board.budget)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a report."""
        return {
            "board": asdict(self.board),
            "clock_mhz": self.clock_mhz,
            "shell": self.shell,
            "slowest_layer": self.slowest_layer,
            "slowest_layer_cycles": self.slowest_layer_cycles,
            "frames_per_second": self.frames_per_second,
            "total": self.total.as_json(),
            "over_budget": list(self.over_budget),
            "nodes": {name: node.as_json() for name, node in self.nodes.items()},
        }


def estimate(model: ModelWrapper, config: BuildConfig) -> Estimate:
    """Estimate every node of what compile_graph made."""
    part = config.board.part
    nodes = {node.name: node_estimate(node, part, thresholds_of(node, model)) for node in model.graph.node}
    return Estimate(config.board, config.clock_mhz, config.shell, nodes)


def dsp_port(part: str) -> int:
    """Bits of the DSP port in which mvu.sv packs activations."""
    return 25 if part.startswith("xc7") else 27


def thresholds_of(node: NodeProto, model: ModelWrapper) -> Table | None:
    """What a thresholding compares with, (channels or 1, steps), or None for another node."""
    return model.get_initializer(node.input[1]).astype(np.int64) if node.op_type == THRESHOLDING else None


def node_estimate(node: NodeProto, part: str, thresholds: Table | None = None) -> NodeEstimate:
    """Estimate one node; a thresholding's logic depends on its thresholds, see thresholds_of."""
    op = operator(node)
    if isinstance(op, KernelNode):
        return NodeEstimate(node.op_type, op.spec.cycles(), op.spec.resources())
    if node.op_type == THRESHOLDING:
        assert thresholds is not None
        cycles, resources = _threshold(op, thresholds)
    else:
        cycles, resources = _ESTIMATORS[node.op_type](op, part)
    exact = Resources.from_json(resources.as_json())  # FINN+ computes with numpy's integers, which JSON refuses
    return NodeEstimate(node.op_type, int(cycles), exact)


def multiplier_of(op: Any, part: str) -> Multiplier:
    """The multiplier of a node, without the memory of its weights."""
    pe, simd = op.get_nodeattr("PE"), op.get_nodeattr("SIMD")
    return Multiplier(
        pe,
        simd,
        weight_bits=op.get_input_datatype(1).bitwidth(),
        activation_bits=op.get_input_datatype(0).bitwidth(),
        accumulator_bits=op.get_output_datatype().bitwidth(),
        input_fold=op.get_nodeattr("MW") // simd,
        output_fold=op.get_nodeattr("MH") // pe,
        pumped=bool(op.get_nodeattr("pumpedCompute")),
        a_width=dsp_port(part),
    )


def _multiplier(op: Any, part: str) -> tuple[int, Resources]:
    depth, width, multiplier = op.calc_wmem(), op.get_instream_width_padded(1), multiplier_of(op, part).resources()
    if op.get_nodeattr("mem_mode") != "external":
        return op.get_exp_cycles(), multiplier + weight_memory(depth, width, op.get_nodeattr("ram_style"))
    word_bytes, _ = memory_port(part)
    reading = weight_stream.cycles(depth * prod(op.get_nodeattr("numInputVectors")), width // 8, word_bytes)
    return max(op.get_exp_cycles(), reading), multiplier + weight_stream.weight_stream(width // 8, word_bytes)


def _window(op: Any, part: str) -> tuple[int, Resources]:
    del part
    (height, width), (rows, columns) = op.get_nodeattr("OFMDim"), op.get_nodeattr("IFMDim")
    kernel, channels, simd = op.get_nodeattr("ConvKernelDim"), op.get_nodeattr("IFMChannels"), op.get_nodeattr("SIMD")
    fold = channels // simd
    resources = window(
        op.get_buffer_depth(), rows * columns * fold, op.get_instream_width(), op.get_nodeattr("ram_style")
    )
    return max(height * width * prod(kernel), rows * columns) * fold, resources


def _padding(op: Any, part: str) -> tuple[int, Resources]:
    del part
    _, columns = op.get_padded_odim()
    fold = op.get_nodeattr("NumChannels") // op.get_nodeattr("SIMD")
    return op.get_exp_cycles(), padding(columns, fold, op.get_instream_width())


def _threshold(op: Any, table: Table) -> tuple[int, Resources]:
    pe, width = op.get_nodeattr("PE"), op.get_input_datatype(1).bitwidth()
    return op.get_exp_cycles(), threshold(table, pe, width, op.get_nodeattr("depth_trigger_bram"))


def _fifo(op: Any, part: str) -> tuple[int, Resources]:
    del part
    return 0, Fifo(op.get_nodeattr("depth"), op.get_instream_width_padded(), op.get_nodeattr("ram_style")).resources()


def _converter(op: Any, part: str) -> tuple[int, Resources]:
    del part
    return 0, converter(op.get_instream_width(), op.get_outstream_width())


THRESHOLDING = "Thresholding_rtl"
_LAYERS = (
    *("MVAU_rtl", "LutMvu_rtl", "DspMvu_rtl", "PumpedMvu_rtl"),
    *("ConvolutionInputGenerator_rtl", "ColumnWindow_rtl", "Depthwise_rtl"),
)
_ESTIMATORS: dict[str, Callable[[Any, str], tuple[int, Resources]]] = {
    "MVAU_rtl": _multiplier,
    "ConvolutionInputGenerator_rtl": _window,
    "FMPadding_rtl": _padding,
    "StreamingFIFO_rtl": _fifo,
    "StreamingDataWidthConverter_rtl": _converter,
}
