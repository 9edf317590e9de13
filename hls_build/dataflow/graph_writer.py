# SPDX-License-Identifier: Apache-2.0
"""GraphWriter: a dataflow graph while it grows, node by node, with FIFOs and width converters on its links."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, gcd
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from board.core.graph import IntegerGraph
from board.core.layers.append import Append
from board.core.layers.flatten import Flatten
from board.core.layers.threshold import Threshold
from board.core.node import Node
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.links import Link, type_name
from hls_build.dataflow.requantization import Requantization

DOMAIN = "finn.custom_op.fpgadataflow.rtl"
"""ONNX domain in which FINN looks for nodes with an RTL backend."""

LaneConverter = Callable[[Link, Link], NodeProto]
"""Makes the node that carries the elements of one link to another of more or fewer lanes, by a whole ratio."""
RegisterSlice = Callable[[Link, Link], NodeProto]
"""Makes the node that puts registers between two links that are alike."""
OwnMultiplier = Callable[[str, Link, Link, npt.NDArray[np.int64], int, int, str, float], NodeProto]
"""Makes the node of a name that multiplies the vectors of one link to the sums of another, by weights of shape (inputs,
outputs) of some bits, some inputs at once, in a style of memory, at a clock period in ns."""

ColumnWindow = Callable[[Link, Link, tuple[int, int], tuple[int, ...]], tuple[NodeProto, int]]
"""Makes the node that gives the windows of one link to another, of so many rows and columns, with zeros above, before,
below and behind the map; and tells its cycles per frame."""

Requantizer = Callable[[str, Link, Link, Requantization, str], NodeProto]
"""Makes the node of a name that scales one link to the codes of another, in a style of memory."""


@dataclass(frozen=True)
class OwnNodes:
    """Makers of nodes of our kernels that stand among FINN+'s; multipliers by kind and whether at twice the clock."""

    lane_converter: LaneConverter
    multipliers: Mapping[tuple[str, bool], OwnMultiplier]
    register_slice: RegisterSlice
    column_window: ColumnWindow
    requantizer: Requantizer


class GraphWriter:
    """State of a dataflow graph that is being written, and the steps that all translators of layers share.

    Attributes:
        graph: The integer graph that is translated.
        config: Build configuration, whose foldings are followed.
        own: What makes nodes of our kernels among FINN+'s.
        nodes: FINN nodes so far, in stream order.
        links: What flows at each tensor of the integer graph that is translated already.
        weights: Values and QONNX type of every constant tensor.
        layer_cycles: Cycles per frame of the layers so far.
        producers: The layer behind each tensor of the integer graph.
    """

    def __init__(self, graph: IntegerGraph, config: BuildConfig, own: OwnNodes) -> None:
        """Begin with the input's link alone.

        Raises:
            ValueError: A folding is for no layer, or says what such a layer does not have.
        """
        self.graph = graph
        self.config = config
        self.own = own
        self.nodes: list[NodeProto] = []
        self.links: dict[str, Link] = {}
        self.weights: dict[str, tuple[npt.NDArray[np.int64], str]] = {}
        self.layer_cycles: dict[str, int] = {}
        self.producers = {name: node for node in graph.nodes for name in node.outputs}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._types: dict[str, str] = {}
        layers = [node.name for node in graph.nodes if not isinstance(node, Flatten)]
        if unknown := [layer for layer in config.folding if layer not in layers]:
            raise ValueError(f"folding is for layers {', '.join(layers)}, got {unknown[0]!r}")
        for node in graph.nodes:
            if config.folding.get(node.name, Folding()).quantizer is not None and not isinstance(node, Threshold):
                raise ValueError(f"quantizer is for activation quantizers, got one for {node.name}")
        source = graph.tensors[graph.input]
        self.tensor(source.name, source.shape, type_name(source.bits, source.signed))
        self.links[source.name] = Link(
            source.name, source.shape, source.bits, source.signed, source.low, source.high, source.shape[2], 1
        )

    def model(self) -> ModelWrapper:
        """What is written, as a QONNX model from the integer graph's input to its output."""
        sink = self.links[self.graph.output]
        infos = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in self._shapes.items()
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
        for name, datatype in self._types.items():
            model.set_tensor_datatype(name, DataType[datatype])
        return model

    def upstream(self, tensor: str) -> list[Node]:
        """Every layer that a tensor of the integer graph comes through, from there backwards."""
        found: dict[str, Node] = {}
        waiting = [tensor]
        while waiting:
            layer = self.producers.get(waiting.pop())
            if layer is not None and layer.name not in found:
                found[layer.name] = layer
                waiting += layer.inputs
        return list(found.values())

    def trial(self, lanes: Mapping[str, int]) -> GraphWriter:
        """A copy without nodes in which some tensors come with other lanes; this one stays as it is."""
        other = copy.copy(self)
        other.nodes = []
        other.links = self.links | {name: replace(self.links[name], lanes=count) for name, count in lanes.items()}
        for own in ("weights", "layer_cycles", "_shapes", "_types"):
            setattr(other, own, dict(getattr(self, own)))
        return other

    def tensor(self, name: str, shape: tuple[int, int, int], datatype: str) -> None:
        """Note shape (height, width, channels) and QONNX type of a tensor."""
        self._shapes[name] = (1, *shape)
        self._types[name] = datatype

    def rtl(self, op_type: str, name: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add a node of FINN+'s own."""
        self.nodes.append(
            helper.make_node(op_type, inputs, [output], name=name, domain=DOMAIN, backend="fpgadataflow", **attributes)
        )

    def connect(
        self, node: Node, index: int, lanes: int, folding: Folding, elements: int = 0, in_bursts: bool = False
    ) -> Link:
        """The link at a layer's input, given the layer's lanes: behind a FIFO and a width converter.

        Args:
            node: Layer.
            index: Input of the layer.
            lanes: Elements per beat that the layer takes.
            folding: Its folding, which may set the FIFO's depth.
            elements: Elements that the FIFO shall hold if the folding says nothing; 0 leaves it out.
            in_bursts: Whether the layer takes bursts as fast as it can: then the FIFO has its lanes, else the fewer.
        """
        link = self.links[node.inputs[index]]
        chosen = lanes if in_bursts else min(link.lanes, lanes)
        depth = self._depth(node, index, folding, max(2, ceil(elements / chosen)) if elements else 0)
        name = f"{node.name}_in{index}"
        if link.lanes == chosen:
            return self.convert(self.fifo(link, name, depth), name, lanes)
        return self.fifo(self.convert(link, name, lanes), name, depth)

    def _depth(self, node: Node, index: int, folding: Folding, default: int) -> int:
        if folding.fifo_depths is None:
            return default
        if len(folding.fifo_depths) != len(node.inputs):
            raise ValueError(
                f"fifo_depths of {node.name} needs {len(node.inputs)} depths, one per input,"
                f" got {len(folding.fifo_depths)}"
            )
        return folding.fifo_depths[index]

    def fifo(self, link: Link, name: str, depth: int) -> Link:
        """The link behind a FIFO `name`_fifo, or itself where the depth is 0."""
        if not depth:
            return link
        shape = [1, *link.shape]
        result = replace(link, tensor=f"{name}_fifo")
        self.tensor(result.tensor, link.shape, link.datatype)
        self.rtl(
            "StreamingFIFO_rtl",
            result.tensor,
            [link.tensor],
            result.tensor,
            depth=depth,
            normal_shape=shape,
            folded_shape=[*shape[:-1], shape[-1] // link.lanes, link.lanes],
            dataType=link.datatype,
            ram_style=rules.fifo_style(depth),
        )
        return result

    def convert(self, link: Link, name: str, lanes: int) -> Link:
        """The link in other lanes, behind a converter `name`_dwc.

        Where the ratio of lanes is whole it is our own converter, which is far smaller than FINN+'s.
        """
        if link.lanes == lanes:
            return link
        result = replace(link, tensor=f"{name}_dwc", lanes=lanes)
        self.tensor(result.tensor, link.shape, link.datatype)
        if max(lanes, link.lanes) % min(lanes, link.lanes) == 0:
            self.nodes.append(self.own.lane_converter(link, result))
            return result
        self.rtl(
            "StreamingDataWidthConverter_rtl",
            result.tensor,
            [link.tensor],
            result.tensor,
            inShape=[1, *link.shape],
            outShape=[1, *link.shape],
            inWidth=link.lanes * link.bits,
            outWidth=lanes * link.bits,
            dataType=link.datatype,
        )
        return result

    def cut(self, link: Link) -> Link:
        """The link behind a register slice, called like it with `_slice`: no logic goes through from side to side."""
        result = replace(link, tensor=f"{link.tensor}_slice")
        self.tensor(result.tensor, link.shape, link.datatype)
        self.nodes.append(self.own.register_slice(link, result))
        return result

    def parallelism(self, node: Node, folding: Folding, neighbour: int) -> int:
        """Lanes of a layer that has one parallelism: the neighbour's if nothing is said."""
        channels = parallel_channels(self.graph, node)
        for key in ("simd", "multiplier", "window", "window_simd", "window_fifo_depth"):
            if getattr(folding, key) is not None:
                raise ValueError(f"{key} is for convolutions and dense layers, got one for {node.name}")
        if folding.pe is None:
            return rules.nearest_lanes(channels, neighbour)
        return rules.check_divides(node.name, "pe", folding.pe, channels, "channels")


def parallel_channels(graph: IntegerGraph, node: Node) -> int:
    """Channels that the parallelism of a layer divides: those of its first input; where it joins two, their divisor."""
    sizes = [graph.tensors[name].shape[2] for name in node.inputs]
    return gcd(*sizes) if isinstance(node, Append) else sizes[0]


Translator = Callable[[GraphWriter, Any, Folding], None]
"""Writes one layer of the integer graph, in its folding: its nodes, and the links at its outputs."""
