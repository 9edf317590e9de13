# SPDX-License-Identifier: Apache-2.0
"""Turn an integer graph into a FINN+ dataflow graph of RTL nodes, folded as a build configuration says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from board import integer_graph as ir
from hls_build import folding as rules
from hls_build.config import BuildConfig, Folding
from hls_build.finn import operator
from hls_build.ops.channel_pool import ChannelPool_rtl, ChannelPoolSpec
from hls_build.ops.gate import Gate_rtl, GateSpec
from hls_build.ops.global_pool import GlobalPool_rtl, GlobalPoolSpec
from hls_build.ops.kernel_op import DOMAIN, KernelOp
from hls_build.ops.kernel_spec import KernelSpec
from hls_build.ops.lane_converter import LaneConverter_rtl, LaneConverterSpec
from hls_build.ops.max_pool_2x2 import MaxPool2x2_rtl, MaxPool2x2Spec
from hls_build.ops.stream_fork import StreamFork_rtl, StreamForkSpec

BYTE = 8


@dataclass(frozen=True)
class Stream:
    """One edge of the dataflow graph.

    Attributes:
        tensor: Name in the FINN graph.
        shape: (height, width, channels) there.
        bits: Per element.
        signed: Whether elements are two's complement.
        low: Least reachable value.
        high: Greatest reachable value.
        lanes: Elements per beat.
        cycles: Cycles per frame of the slowest layer upstream.
    """

    tensor: str
    shape: tuple[int, int, int]
    bits: int
    signed: bool
    low: int
    high: int
    lanes: int
    cycles: int

    @property
    def elements(self) -> int:
        """Elements per frame."""
        return prod(self.shape)

    @property
    def datatype(self) -> str:
        """QONNX name of an element's type."""
        return type_name(self.bits, self.signed)


def type_name(bits: int, signed: bool) -> str:
    """QONNX name of an integer type."""
    return f"{'INT' if signed else 'UINT'}{bits}"


def needed_bits(low: int, high: int, signed: bool) -> int:
    """Bits of the smallest type that holds low to high."""
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + signed


def limits(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of a type."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def build(graph: ir.IntegerGraph, config: BuildConfig) -> ModelWrapper:
    """Make the dataflow graph.

    Layers keep their names. A layer named X may have helpers: X_pad and X_window before a convolution,
    X_in0_fifo and X_in0_dwc before its input 0.

    Raises:
        ValueError: A folding is illegal, or is given for no layer.
    """
    return Builder(graph, config).build()


class Builder:
    """A FINN graph while it grows, layer by layer."""

    def __init__(self, graph: ir.IntegerGraph, config: BuildConfig) -> None:
        self.graph = graph
        self.config = config
        self.nodes: list[NodeProto] = []
        self.streams: dict[str, Stream] = {}
        self.weights: dict[str, tuple[np.ndarray, str]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.types: dict[str, str] = {}
        self.layer_cycles: dict[str, int] = {}
        self.writer = {name: node for node in graph.nodes for name in node.outputs}
        layers = [node.name for node in graph.nodes if not isinstance(node, ir.Flatten)]
        if unknown := [layer for layer in config.folding if layer not in layers]:
            raise ValueError(f"folding is for layers {', '.join(layers)}, got {unknown[0]!r}")

    def build(self) -> ModelWrapper:
        """Translate every layer and wrap the result."""
        source = self.graph.tensors[self.graph.input]
        self._tensor(source.name, source.shape, type_name(source.bits, source.signed))
        self.streams[source.name] = Stream(
            source.name, source.shape, source.bits, source.signed, source.low, source.high, source.shape[2], 1
        )
        for node in self.graph.nodes:
            folding = self.config.folding.get(node.name, Folding())
            _TRANSLATORS[type(node)](self, node, folding)
        return self._wrap(self.streams[self.graph.output])

    def _wrap(self, sink: Stream) -> ModelWrapper:
        infos = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in self.shapes.items()
        }
        graph = helper.make_graph(
            self.nodes,
            self.config.name,
            [infos.pop(self.graph.input)],
            [infos.pop(sink.tensor)],
            value_info=list(infos.values()),
        )
        model = ModelWrapper(qonnx_make_model(graph))
        for name, (values, datatype) in self.weights.items():
            model.set_initializer(name, values.astype(np.float32))
            model.set_tensor_datatype(name, DataType[datatype])
        for name, datatype in self.types.items():
            model.set_tensor_datatype(name, DataType[datatype])
        for node in model.graph.node:
            operator(node).set_nodeattr("exec_mode", "cppsim")
        return model

    def layer(self, node: ir.Node, folding: Folding, lanes: Sequence[int]) -> tuple[list[NodeProto], int]:
        """What one layer is made of if its inputs come with some lanes; the graph stays as it was built.

        Args:
            node: Layer.
            folding: Its folding.
            lanes: Elements per beat of every input.

        Returns:
            Its nodes and their helpers, and the lanes of its outputs.

        Raises:
            ValueError: The folding is illegal.
        """
        trial = copy.copy(self)
        trial.nodes = []
        trial.streams, trial.layer_cycles = dict(self.streams), dict(self.layer_cycles)
        for name, count in zip(node.inputs, lanes, strict=True):
            trial.streams[name] = replace(self.streams[name], lanes=count)
        _TRANSLATORS[type(node)](trial, node, folding)
        return trial.nodes, trial.streams[node.outputs[0]].lanes

    # Edges

    def _tensor(self, name: str, shape: tuple[int, int, int], datatype: str) -> None:
        self.shapes[name] = (1, *shape)
        self.types[name] = datatype

    def _rtl(self, op_type: str, name: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add a node of FINN+'s own."""
        self.nodes.append(
            helper.make_node(op_type, inputs, [output], name=name, domain=DOMAIN, backend="fpgadataflow", **attributes)
        )

    def _connect(
        self, node: ir.Node, index: int, lanes: int, folding: Folding, elements: int = 0, in_bursts: bool = False
    ) -> Stream:
        """The stream at a layer's input, given the layer's lanes: behind a FIFO and a width converter.

        Args:
            node: Layer.
            index: Input of the layer.
            lanes: Elements per beat that the layer takes.
            folding: Its folding, which may set the FIFO's depth.
            elements: Elements that the FIFO shall hold if the folding says nothing; 0 leaves it out.
            in_bursts: Whether the layer takes bursts as fast as it can: then the FIFO has its lanes, else the fewer.
        """
        stream = self.streams[node.inputs[index]]
        chosen = lanes if in_bursts else min(stream.lanes, lanes)
        depth = self._depth(node, index, folding, max(2, ceil(elements / chosen)) if elements else 0)
        name = f"{node.name}_in{index}"
        if stream.lanes == chosen:
            return self._convert(self._fifo(stream, name, depth), name, lanes)
        return self._fifo(self._convert(stream, name, lanes), name, depth)

    def _depth(self, node: ir.Node, index: int, folding: Folding, default: int) -> int:
        if folding.fifo_depths is None:
            return default
        if len(folding.fifo_depths) != len(node.inputs):
            raise ValueError(
                f"fifo_depths of {node.name} needs {len(node.inputs)} depths, one per input,"
                f" got {len(folding.fifo_depths)}"
            )
        return folding.fifo_depths[index]

    def _fifo(self, stream: Stream, name: str, depth: int) -> Stream:
        if not depth:
            return stream
        shape = list(self.shapes[stream.tensor])
        result = replace(stream, tensor=f"{name}_fifo")
        self._tensor(result.tensor, stream.shape, stream.datatype)
        self._rtl(
            "StreamingFIFO_rtl",
            result.tensor,
            [stream.tensor],
            result.tensor,
            depth=depth,
            normal_shape=shape,
            folded_shape=[*shape[:-1], shape[-1] // stream.lanes, stream.lanes],
            dataType=stream.datatype,
            ram_style=rules.fifo_style(depth),
        )
        return result

    def _convert(self, stream: Stream, name: str, lanes: int) -> Stream:
        """The stream in other lanes: by our converter where their ratio is whole, which is far smaller than FINN+'s."""
        if stream.lanes == lanes:
            return stream
        result = replace(stream, tensor=f"{name}_dwc", lanes=lanes)
        self._tensor(result.tensor, stream.shape, stream.datatype)
        if max(lanes, stream.lanes) % min(lanes, stream.lanes) == 0:
            height, width, channels = stream.shape
            spec = LaneConverterSpec(height * width, channels, stream.lanes, lanes, stream.bits, stream.signed)
            tensors = ([stream.tensor], [result.tensor])
            self.nodes.append(LaneConverter_rtl.make_node(spec, *tensors, height, width, result.tensor))
            return result
        self._rtl(
            "StreamingDataWidthConverter_rtl",
            result.tensor,
            [stream.tensor],
            result.tensor,
            inShape=list(self.shapes[stream.tensor]),
            outShape=list(self.shapes[stream.tensor]),
            inWidth=stream.lanes * stream.bits,
            outWidth=lanes * stream.bits,
            dataType=stream.datatype,
        )
        return result

    # Layers of FINN+'s own

    def conv(self, node: ir.Conv, folding: Folding) -> None:
        """A convolution: padding, sliding window and multiplier; a dense layer: the multiplier alone."""
        height, width, channels = self.graph.tensors[node.inputs[0]].shape
        outputs, kernel = node.weights.shape[:2]
        inputs = kernel * kernel * channels
        pe = rules.check_divides(node.name, "pe", folding.pe or 1, outputs, "outputs")
        simd = rules.check_divides(node.name, "simd", folding.simd or 1, inputs, "inputs per output")
        fold = inputs // simd * (outputs // pe)
        if kernel == 1:
            for key in ("window_simd", "window_fifo_depth"):
                if getattr(folding, key) is not None:
                    raise ValueError(f"{key} is for convolutions, got one for {node.name}")
            vector = channels if (height, width) == (1, 1) else 0
            stream = self._connect(node, 0, simd, folding, vector)
        else:
            lanes = folding.window_simd or rules.window_lanes(channels, kernel, simd, fold)
            rules.check_divides(node.name, "window_simd", lanes, channels, "channels")
            elements = rules.window_fifo_elements(height, width, channels, kernel)
            ahead = 0 if node.inputs[0] == self.graph.input else elements
            stream = self._window(node, self._connect(node, 0, lanes, folding, ahead, in_bursts=True), kernel, folding)
            depth = folding.window_fifo_depth
            if depth is None:
                depth = rules.window_vector_beats(inputs // simd, outputs // pe, lanes, simd)
            stream = self._fifo(self._convert(stream, f"{node.name}_window", simd), f"{node.name}_window", depth)
        self._multiply(node, stream, (height, width), (pe, simd), folding)

    def _window(self, node: ir.Conv, stream: Stream, kernel: int, folding: Folding) -> Stream:
        height, width, channels = stream.shape
        if min(height, width) < 2:
            raise ValueError(f"{node.name} needs at least 2x2 pixels for its sliding window, got {height}x{width}")
        pad, lanes = kernel // 2, stream.lanes
        padded = replace(stream, tensor=f"{node.name}_pad", shape=(height + 2 * pad, width + 2 * pad, channels))
        self._tensor(padded.tensor, padded.shape, stream.datatype)
        self._rtl(
            "FMPadding_rtl",
            padded.tensor,
            [stream.tensor],
            padded.tensor,
            ImgDim=[height, width],
            Padding=[pad] * 4,
            NumChannels=channels,
            SIMD=lanes,
            inputDataType=stream.datatype,
            numInputVectors=1,
        )
        result = replace(padded, tensor=f"{node.name}_window", shape=(height, width, kernel * kernel * channels))
        self._tensor(result.tensor, result.shape, stream.datatype)
        rows = ((kernel - 1) * padded.shape[1] + kernel) * channels // lanes
        self._rtl(
            "ConvolutionInputGenerator_rtl",
            result.tensor,
            [padded.tensor],
            result.tensor,
            ConvKernelDim=[kernel, kernel],
            IFMChannels=channels,
            IFMDim=list(padded.shape[:2]),
            OFMDim=[height, width],
            SIMD=lanes,
            Stride=[1, 1],
            Dilation=[1, 1],
            inputDataType=stream.datatype,
            outputDataType=stream.datatype,
            depthwise=0,
            is1D=0,
            parallel_window=0,
            ram_style=rules.memory_style(folding.window_ram_style, rows, lanes * stream.bits),
        )
        cycles = height * width * kernel * kernel * channels // lanes
        return replace(result, cycles=max(stream.cycles, cycles))

    def _multiply(
        self, node: ir.Conv, stream: Stream, size: tuple[int, int], parallel: tuple[int, int], folding: Folding
    ) -> None:
        pe, simd = parallel
        if folding.pumped and simd == 1:
            raise ValueError(f"{node.name} can run its DSPs at twice the clock with a simd of at least 2, got 1")
        outputs, inputs = node.weights.shape[0], int(node.weights[0].size)
        matrix = node.weights.reshape(outputs, inputs).T.astype(np.int64)  # window order: row, column, channel
        low, high = accumulator_bounds(matrix, stream.low, stream.high)
        weight_bits = max(2, int(np.abs(matrix).max(initial=1)).bit_length() + 1)  # symmetric, so always narrow
        product_bits = weight_bits + stream.bits - stream.signed  # the multiplier's least accumulator
        bits = max(needed_bits(low, high, True), product_bits)
        if node.outputs[0] == self.graph.output:
            bits = ceil(bits / BYTE) * BYTE  # whole bytes for the host
        shape = (*size, outputs)
        name = node.outputs[0]
        self._tensor(name, shape, type_name(bits, True))
        self.weights[f"{node.name}_weights"] = (matrix, type_name(weight_bits, True))
        depth, weight_width = inputs // simd * (outputs // pe), pe * simd * weight_bits
        self._rtl(
            "MVAU_rtl",
            node.name,
            [stream.tensor, f"{node.name}_weights"],
            name,
            MW=inputs,
            MH=outputs,
            PE=pe,
            SIMD=simd,
            inputDataType=stream.datatype,
            weightDataType=type_name(weight_bits, True),
            outputDataType=type_name(bits, True),
            accDataType=type_name(bits, True),
            numInputVectors=[1, *size],
            noActivation=1,
            ActVal=0,
            mem_mode="internal_decoupled",
            ram_style=rules.memory_style(folding.ram_style, depth, ceil(weight_width / BYTE) * BYTE),
            resType="dsp",
            pumpedCompute=int(folding.pumped),
        )
        cycles = depth * prod(size)
        self.layer_cycles[node.name] = cycles
        self.streams[name] = Stream(name, shape, bits, True, low, high, pe, max(stream.cycles, cycles))

    def threshold(self, node: ir.Threshold, folding: Folding) -> None:
        """A quantiser. Its thresholds are widened to the output type's whole range, as the RTL counts in it."""
        stream = self.streams[node.inputs[0]]
        target = self.graph.tensors[node.outputs[0]]
        pe = self._pe(node, folding, stream.lanes)
        stream = self._connect(node, 0, pe, folding)
        thresholds = complete_thresholds(node, target, stream.low, stream.high)
        bits = max(stream.bits, needed_bits(0, max(0, int(thresholds.max())), stream.signed))
        self._tensor(node.outputs[0], stream.shape, type_name(target.bits, target.signed))
        self.weights[f"{node.name}_thresholds"] = (thresholds, type_name(bits, stream.signed))
        self._rtl(
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
        self.layer_cycles[node.name] = stream.elements // pe
        self.streams[node.outputs[0]] = Stream(
            node.outputs[0], stream.shape, target.bits, target.signed, target.low, target.high, pe, stream.cycles
        )

    def flatten(self, node: ir.Flatten, folding: Folding) -> None:
        """No hardware: the multiplier behind it takes the same beats in the same order."""
        del folding
        self.streams[node.outputs[0]] = self.streams[node.inputs[0]]

    # Layers of ours

    def _pe(self, node: ir.Node, folding: Folding, neighbour: int) -> int:
        """Lanes of a layer that has one parallelism: the neighbour's if nothing is said."""
        channels = self.graph.tensors[node.inputs[0]].shape[2]
        for key in ("simd", "window_simd", "window_fifo_depth"):
            if getattr(folding, key) is not None:
                raise ValueError(f"{key} is for convolutions and dense layers, got one for {node.name}")
        if folding.pe is None:
            return rules.nearest_lanes(channels, neighbour)
        return rules.check_divides(node.name, "pe", folding.pe, channels, "channels")

    def _kernel(self, node: ir.Node, op: type[KernelOp], spec: KernelSpec, inputs: list[Stream]) -> None:
        """Add a node of ours."""
        height, width, _ = inputs[0].shape
        tensors = [stream.tensor for stream in inputs]
        self.nodes.append(op.make_node(spec, tensors, list(node.outputs), height, width, node.name))
        cycles = max(inputs[0].cycles, spec.cycles())
        self.layer_cycles[node.name] = spec.cycles()
        for name, out in zip(node.outputs, spec.outputs, strict=True):
            shape = self.graph.tensors[name].shape
            self._tensor(name, shape, out.datatype)
            self.streams[name] = Stream(name, shape, out.bits, out.signed, *out.limits, out.lanes, cycles)

    def _single(
        self, node: ir.Node, folding: Folding, op: type[KernelOp], make: Callable[[Stream], KernelSpec]
    ) -> None:
        """Add a node of ours with one input and one parallelism."""
        pe = self._pe(node, folding, self.streams[node.inputs[0]].lanes)
        stream = self._connect(node, 0, pe, folding)
        self._kernel(node, op, make(stream), [stream])

    def max_pool(self, node: ir.MaxPool, folding: Folding) -> None:
        """Maximum over 2x2 tiles."""
        self._single(node, folding, MaxPool2x2_rtl, lambda s: MaxPool2x2Spec(*s.shape, s.lanes, s.bits, s.signed))

    def fork(self, node: ir.Fork, folding: Folding) -> None:
        """One stream to several."""
        copies = len(node.outputs)
        self._single(node, folding, StreamFork_rtl, lambda s: StreamForkSpec(*_geometry(s), copies=copies))

    def global_descriptors(self, node: ir.GlobalDescriptors, folding: Folding) -> None:
        """Sum and maximum over pixels."""
        self._single(node, folding, GlobalPool_rtl, lambda s: GlobalPoolSpec(*_geometry(s), "descriptors", node.shift))

    def sum_pixels(self, node: ir.SumPixels, folding: Folding) -> None:
        """Sum over pixels."""
        self._single(node, folding, GlobalPool_rtl, lambda s: GlobalPoolSpec(*_geometry(s), "sum"))

    def channel_descriptors(self, node: ir.ChannelDescriptors, folding: Folding) -> None:
        """Sum and maximum over channels."""
        self._single(node, folding, ChannelPool_rtl, lambda s: ChannelPoolSpec(*_geometry(s), node.shift))

    def gate(self, node: ir.Gate, folding: Folding) -> None:
        """An attention gate, with the feature map waiting in a FIFO for its gates."""
        x, g = (self.streams[name] for name in node.inputs)
        target = self.graph.tensors[node.outputs[0]]
        spatial = g.shape[2] == 1 and x.shape[2] > 1
        pe = self._pe(node, folding, x.lanes)
        x = self._connect(node, 0, pe, folding, self._bypass_elements(node, spatial))
        g = self._connect(node, 1, 1 if spatial else pe, folding)
        spec = GateSpec(
            *_geometry(x), g.bits, target.bits, target.signed, "spatial" if spatial else "channel", node.table
        )
        self._kernel(node, Gate_rtl, spec, [x, g])

    def _bypass_elements(self, node: ir.Gate, spatial: bool) -> int:
        """Elements of the feature map that wait round the attention's branch."""
        x = self.streams[node.inputs[0]]
        branch: list[ir.Node] = []
        behind = self.writer[node.inputs[1]]
        while not isinstance(behind, ir.Fork):
            branch.append(behind)
            behind = self.writer[behind.inputs[0]]
        if spatial:
            kernel = max(layer.weights.shape[1] for layer in branch if isinstance(layer, ir.Conv))
            return rules.spatial_bypass_elements(*x.shape, kernel)
        think = sum(self.layer_cycles[layer.name] for layer in branch[:-1])
        return rules.channel_bypass_elements(x.elements, x.cycles, think)


def _geometry(stream: Stream) -> tuple[int, int, int, int, bool]:
    """What most specs begin with: pixels, channels, lanes, bits, signed."""
    height, width, channels = stream.shape
    return height * width, channels, stream.lanes, stream.bits, stream.signed


def accumulator_bounds(matrix: np.ndarray, low: int, high: int) -> tuple[int, int]:
    """Least and greatest sum of inputs in low to high, or zero where padded, by a matrix (inputs, outputs)."""
    low, high = min(low, 0), max(high, 0)
    positive, negative = np.maximum(matrix, 0).sum(axis=0), np.minimum(matrix, 0).sum(axis=0)
    return (
        int((positive * low + negative * high).min(initial=0)),
        int((positive * high + negative * low).max(initial=0)),
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


_TRANSLATORS: dict[type[ir.Node], Callable[..., None]] = {
    ir.Conv: Builder.conv,
    ir.Threshold: Builder.threshold,
    ir.MaxPool: Builder.max_pool,
    ir.Fork: Builder.fork,
    ir.GlobalDescriptors: Builder.global_descriptors,
    ir.SumPixels: Builder.sum_pixels,
    ir.ChannelDescriptors: Builder.channel_descriptors,
    ir.Gate: Builder.gate,
    ir.Flatten: Builder.flatten,
}
