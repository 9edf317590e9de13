# SPDX-License-Identifier: Apache-2.0
"""A FINN+ dataflow graph while it grows: nodes, and the streams, FIFOs and width converters between them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from board.core import graph as ir
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.dataflow import kernels, multipliers, rules, thresholds
from hls_build.dataflow.links import Stream, type_name
from hls_build.finn_adapter import operator
from hls_build.kernels.kernel_op import DOMAIN
from hls_build.kernels.lane_converter.spec import LaneConverter_rtl, LaneConverterSpec


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
        self.tensor(source.name, source.shape, type_name(source.bits, source.signed))
        self.streams[source.name] = Stream(
            source.name, source.shape, source.bits, source.signed, source.low, source.high, source.shape[2], 1
        )
        for node in self.graph.nodes:
            folding = self.config.folding.get(node.name, Folding())
            TRANSLATORS[type(node)](self, node, folding)
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
        TRANSLATORS[type(node)](trial, node, folding)
        return trial.nodes, trial.streams[node.outputs[0]].lanes

    def tensor(self, name: str, shape: tuple[int, int, int], datatype: str) -> None:
        self.shapes[name] = (1, *shape)
        self.types[name] = datatype

    def rtl(self, op_type: str, name: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add a node of FINN+'s own."""
        self.nodes.append(
            helper.make_node(op_type, inputs, [output], name=name, domain=DOMAIN, backend="fpgadataflow", **attributes)
        )

    def connect(
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
            return self.convert(self.fifo(stream, name, depth), name, lanes)
        return self.fifo(self.convert(stream, name, lanes), name, depth)

    def _depth(self, node: ir.Node, index: int, folding: Folding, default: int) -> int:
        if folding.fifo_depths is None:
            return default
        if len(folding.fifo_depths) != len(node.inputs):
            raise ValueError(
                f"fifo_depths of {node.name} needs {len(node.inputs)} depths, one per input,"
                f" got {len(folding.fifo_depths)}"
            )
        return folding.fifo_depths[index]

    def fifo(self, stream: Stream, name: str, depth: int) -> Stream:
        if not depth:
            return stream
        shape = [1, *stream.shape]
        result = replace(stream, tensor=f"{name}_fifo")
        self.tensor(result.tensor, stream.shape, stream.datatype)
        self.rtl(
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

    def convert(self, stream: Stream, name: str, lanes: int) -> Stream:
        """The stream in other lanes: by our converter where their ratio is whole, which is far smaller than FINN+'s."""
        if stream.lanes == lanes:
            return stream
        result = replace(stream, tensor=f"{name}_dwc", lanes=lanes)
        self.tensor(result.tensor, stream.shape, stream.datatype)
        if max(lanes, stream.lanes) % min(lanes, stream.lanes) == 0:
            height, width, channels = stream.shape
            spec = LaneConverterSpec(height * width, channels, stream.lanes, lanes, stream.bits, stream.signed)
            tensors = ([stream.tensor], [result.tensor])
            self.nodes.append(LaneConverter_rtl.make_node(spec, *tensors, height, width, result.tensor))
            return result
        self.rtl(
            "StreamingDataWidthConverter_rtl",
            result.tensor,
            [stream.tensor],
            result.tensor,
            inShape=[1, *stream.shape],
            outShape=[1, *stream.shape],
            inWidth=stream.lanes * stream.bits,
            outWidth=lanes * stream.bits,
            dataType=stream.datatype,
        )
        return result

    def parallelism(self, node: ir.Node, folding: Folding, neighbour: int) -> int:
        """Lanes of a layer that has one parallelism: the neighbour's if nothing is said."""
        channels = self.graph.tensors[node.inputs[0]].shape[2]
        for key in ("simd", "window_simd", "window_fifo_depth"):
            if getattr(folding, key) is not None:
                raise ValueError(f"{key} is for convolutions and dense layers, got one for {node.name}")
        if folding.pe is None:
            return rules.nearest_lanes(channels, neighbour)
        return rules.check_divides(node.name, "pe", folding.pe, channels, "channels")


TRANSLATORS: Mapping[type[ir.Node], Callable[[Builder, Any, Folding], None]] = {
    ir.Conv: multipliers.conv,
    ir.Threshold: thresholds.threshold,
    ir.MaxPool: kernels.max_pool,
    ir.Fork: kernels.fork,
    ir.GlobalDescriptors: kernels.global_descriptors,
    ir.SumPixels: kernels.sum_pixels,
    ir.ChannelDescriptors: kernels.channel_descriptors,
    ir.Gate: kernels.gate,
    ir.Flatten: kernels.flatten,
}
"""What makes hardware of each kind of layer."""
