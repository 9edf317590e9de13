# SPDX-License-Identifier: Apache-2.0
"""The hardware nodes of a build, gathered by the layer of the network that they serve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from board.core.graph import IntegerGraph
from board.core.layers.conv import Conv
from board.core.layers.fork import Fork
from board.core.node import Node
from hls_build.cost.resources import Resources
from hls_build.dataflow.names import layer_of
from hls_build.estimate import NodeEstimate, multiplier_of
from hls_build.finn_adapter import is_pumped, operator

ATTENTION = "attention"
"""What the names of all layers of CBAM begin with, but for the forks before it."""
_ENTRANCE = re.compile(r"_in\d+_(fifo|dwc)$")
"""FIFO and width converter on the way to a layer: they hold what the layer has not begun with."""


@dataclass(frozen=True)
class Multiplier:
    """What a convolution or dense layer works with.

    Attributes:
        pe: Outputs per cycle.
        simd: Inputs per cycle.
        macs: Multiply-accumulates of a frame.
        lanes: Multiply-accumulates of one DSP slice per DSP cycle, 0 where it is made of LUTs.
        weight_bits: Per weight.
        weights: How many it has.
        pumped: Whether its DSPs run at twice the clock.
    """

    pe: int
    simd: int
    macs: int
    lanes: int
    weight_bits: int
    weights: int
    pumped: bool

    @property
    def units(self) -> int:
        """Multiply-accumulates per cycle."""
        return self.pe * self.simd


@dataclass(frozen=True)
class Layer:
    """One layer of the network in hardware.

    Attributes:
        name: As in the integer graph.
        kind: Of the integer graph's node.
        nodes: Hardware that computes it, in stream order.
        entrance: FIFOs and width converters before it.
        cycles: Per frame of its slowest node.
        resources: Of all of them.
        multiplier: None where no DSP slices multiply.
        is_attention: Whether it is a part of CBAM.
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    entrance: tuple[str, ...]
    cycles: int
    resources: Resources
    multiplier: Multiplier | None
    is_attention: bool


def gather(graph: IntegerGraph, model: ModelWrapper, nodes: Mapping[str, NodeEstimate], part: str) -> list[Layer]:
    """The layers of a build.

    Args:
        graph: Its network.
        model: Its dataflow graph.
        nodes: Resources and cycles of each hardware node.
        part: FPGA part.
    """
    owned: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for node in model.graph.node:
        owned[layer_of(node.name, owned)].append(node.name)
    return [_layer(graph, model, nodes, node, owned[node.name], part) for node in graph.nodes if owned[node.name]]


def _layer(
    graph: IntegerGraph,
    model: ModelWrapper,
    nodes: Mapping[str, NodeEstimate],
    node: Node,
    owned: list[str],
    part: str,
) -> Layer:
    return Layer(
        name=node.name,
        kind=type(node).__name__,
        nodes=tuple(name for name in owned if not _ENTRANCE.search(name)),
        entrance=tuple(name for name in owned if _ENTRANCE.search(name)),
        cycles=max(nodes[name].cycles for name in owned),
        resources=sum((nodes[name].resources for name in owned), Resources()),
        multiplier=_multiplier(graph, model, node, part) if type(node) is Conv else None,
        is_attention=_is_attention(graph, node),
    )


def _is_attention(graph: IntegerGraph, node: Node) -> bool:
    """Whether a layer, or the one that a fork feeds, is called so."""
    readers = [graph.consumers[name] for name in node.outputs] if isinstance(node, Fork) else []
    return any(layer.name.startswith(ATTENTION) for layer in (node, *readers))


def _multiplier(graph: IntegerGraph, model: ModelWrapper, node: Conv, part: str) -> Multiplier:
    hardware = next(hardware for hardware in model.graph.node if hardware.name == node.name)
    op, is_finn = operator(hardware), hardware.op_type == "MVAU_rtl"
    height, width, _ = graph.tensors[node.outputs[0]].shape
    return Multiplier(
        pe=op.get_nodeattr("PE" if is_finn else "pe"),
        simd=op.get_nodeattr("SIMD" if is_finn else "simd"),
        macs=height * width * int(np.prod(node.weights.shape)),
        lanes=multiplier_of(op, part).lanes if is_finn else getattr(op.spec, "lanes", 0),
        weight_bits=node.weight_bits,
        weights=node.weights.size,
        pumped=is_pumped(hardware),
    )
