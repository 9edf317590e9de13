# SPDX-License-Identifier: Apache-2.0
"""Estimate an accelerator's resources and cycles from its dataflow graph, before any synthesis.

FINN+'s own figures serve where it has any that hold for this device; our kernels' come from their specs. The rest is
read off the RTL or fitted to Yosys runs for 7-series: multipliers (FINN+ counts no LUT and assumes four lanes per
DSP), weight memories, thresholds (FINN+ counts Versal's memories), padding, and flip-flops (FINN+ counts none).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from math import ceil, prod
from typing import Any

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from hls_build import folding as rules
from hls_build.config import Board, BuildConfig
from hls_build.finn import operator
from hls_build.ops.kernel_op import KernelOp

LUT_PER_MAC, FF_PER_MAC = 21, 20
"""Of FINN+'s multiplier, Yosys for xc7 at 4-bit weights and activations; the products themselves are in DSPs."""
LUT_ROWS = 64
"""Words of one bit that a LUT holds."""
PADDING_LUT, MEMORY_LUT = 44, 64


@dataclass(frozen=True)
class Resources:
    """What one node takes; block RAMs are counted in halves of 18 kbit."""

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0


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


@dataclass(frozen=True)
class Estimate:
    """A whole accelerator.

    Attributes:
        board: Whose budget counts.
        clock_mhz: Clock that frames per second refer to.
        nodes: By name, in stream order.
    """

    board: Board
    clock_mhz: float
    nodes: dict[str, NodeEstimate]

    @property
    def total(self) -> dict[str, float]:
        """Sums over all nodes, named as a board's budget is."""
        each = [node.resources for node in self.nodes.values()]
        return {
            "lut": sum(r.lut for r in each),
            "ff": sum(r.ff for r in each),
            "bram36": sum(r.bram18 for r in each) / 2,
            "dsp": sum(r.dsp for r in each),
        }

    @property
    def slowest_layer(self) -> str:
        """The multiplier or sliding window that takes most cycles per frame; it sets the frame rate."""
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
        """Resources of which the board has too few, named as its budget is."""
        return tuple(name for name, needed in self.total.items() if needed > getattr(self.board, name))

    def as_json(self) -> dict[str, Any]:
        """Everything, for a report."""
        return {
            "board": asdict(self.board),
            "clock_mhz": self.clock_mhz,
            "slowest_layer": self.slowest_layer,
            "slowest_layer_cycles": self.slowest_layer_cycles,
            "frames_per_second": self.frames_per_second,
            "total": self.total,
            "over_budget": list(self.over_budget),
            "nodes": {
                name: {"op_type": node.op_type, "cycles": node.cycles, **asdict(node.resources)}
                for name, node in self.nodes.items()
            },
        }


def estimate(model: ModelWrapper, config: BuildConfig) -> Estimate:
    """Estimate every node of what dataflow.build made."""
    part = config.board.part
    nodes = {node.name: node_estimate(node, part) for node in model.graph.node}
    return Estimate(config.board, config.clock_mhz, nodes)


def dsp_lanes(part: str, weight_bits: int, activation_bits: int) -> int:
    """Products per DSP slice, as mvu.sv packs them for weights in a symmetric range."""
    port = 25 if part.startswith("xc7") else 27
    return 1 + (port - weight_bits) // (weight_bits + activation_bits - 1)


def node_estimate(node: NodeProto, part: str) -> NodeEstimate:
    """Estimate one node."""
    op = operator(node)
    if isinstance(op, KernelOp):
        counts = op.spec.resources()
        resources = Resources(counts["LUT"], counts["FF"], counts["BRAM_18K"], counts["DSP"])
        return NodeEstimate(node.op_type, op.spec.cycles(), resources)
    cycles, resources = _ESTIMATORS[node.op_type](op, part)
    exact = Resources(*map(int, astuple(resources)))  # FINN+ computes with numpy's integers, which JSON refuses
    return NodeEstimate(node.op_type, int(cycles), exact)


def _multiplier(op: Any, part: str) -> tuple[int, Resources]:
    pe, simd, depth = op.get_nodeattr("PE"), op.get_nodeattr("SIMD"), op.calc_wmem()
    width = op.get_instream_width_padded(1)
    lanes = dsp_lanes(part, op.get_input_datatype(1).bitwidth(), op.get_input_datatype(0).bitwidth())
    in_lut = op.get_nodeattr("ram_style") == "distributed"
    memory = ceil(depth / LUT_ROWS) * width if in_lut else 0
    return op.get_exp_cycles(), Resources(
        lut=LUT_PER_MAC * pe * simd + memory + width + MEMORY_LUT,
        ff=FF_PER_MAC * pe * simd + 3 * width + MEMORY_LUT,
        bram18=0 if in_lut else max(op.bram_estimation(part), rules.bram18(depth, width)),
        dsp=ceil(pe / lanes) * ceil(simd / (1 + op.get_nodeattr("pumpedCompute"))),
    )


def _window(op: Any, part: str) -> tuple[int, Resources]:
    height, width = op.get_nodeattr("OFMDim")
    kernel, channels, simd = op.get_nodeattr("ConvKernelDim"), op.get_nodeattr("IFMChannels"), op.get_nodeattr("SIMD")
    cycles = height * width * prod(kernel) * channels // simd
    counters = 10 * op.get_buffer_depth().bit_length()
    ff = 2 * op.get_instream_width() + counters
    return cycles, Resources(op.lut_estimation(part), ff, op.bram_estimation(part))


def _padding(op: Any, part: str) -> tuple[int, Resources]:
    del part
    return op.get_exp_cycles(), Resources(PADDING_LUT, 2 * op.get_instream_width_padded() + 20)


def _threshold(op: Any, part: str) -> tuple[int, Resources]:
    """A binary search of one stage per output bit and lane, each stage with its own memory."""
    del part
    pe, bits, width = op.get_nodeattr("PE"), op.get_output_datatype().bitwidth(), op.get_input_datatype(1).bitwidth()
    shared = op.get_nodeattr("uniform_thres")
    fold = 1 if shared else op.get_nodeattr("NumChannels") // pe
    depths = [fold << stage for stage in range(bits)]
    blocks = [depth for depth in depths if depth >= op.get_nodeattr("depth_trigger_bram")]
    luts = sum(ceil(depth / LUT_ROWS) * width for depth in depths if depth not in blocks)
    return op.get_exp_cycles(), Resources(
        lut=pe * (luts + bits * ceil(width / 2)),
        ff=pe * bits * (2 * (width + bits + fold.bit_length()) + 4),
        bram18=pe * sum(rules.bram18(depth, width) for depth in blocks),
    )


def _fifo(op: Any, part: str) -> tuple[int, Resources]:
    counters = 4 * (op.get_nodeattr("depth").bit_length() + 1)
    ff = op.get_instream_width_padded() + counters
    return 0, Resources(op.lut_estimation(part), ff, op.bram_estimation(part))


def _converter(op: Any, part: str) -> tuple[int, Resources]:
    ff = 2 * max(op.get_instream_width(), op.get_outstream_width())
    return 0, Resources(op.lut_estimation(part), ff)


_LAYERS = ("MVAU_rtl", "ConvolutionInputGenerator_rtl")
_ESTIMATORS: dict[str, Callable[[Any, str], tuple[int, Resources]]] = {
    "MVAU_rtl": _multiplier,
    "ConvolutionInputGenerator_rtl": _window,
    "FMPadding_rtl": _padding,
    "Thresholding_rtl": _threshold,
    "StreamingFIFO_rtl": _fifo,
    "StreamingDataWidthConverter_rtl": _converter,
}
