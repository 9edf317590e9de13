# SPDX-License-Identifier: Apache-2.0
"""Layers that kernels of ours compute: pools, forks, descriptors and gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from board.core import graph as ir
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.links import Stream
from hls_build.kernels.channel_pool.spec import ChannelPool_rtl, ChannelPoolSpec
from hls_build.kernels.gate.spec import Gate_rtl, GateSpec
from hls_build.kernels.global_pool.spec import GlobalPool_rtl, GlobalPoolSpec
from hls_build.kernels.kernel_op import KernelOp
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.kernels.max_pool_2x2.spec import MaxPool2x2_rtl, MaxPool2x2Spec
from hls_build.kernels.stream_fork.spec import StreamFork_rtl, StreamForkSpec

if TYPE_CHECKING:
    from hls_build.dataflow.builder import Builder


def flatten(builder: Builder, node: ir.Flatten, folding: Folding) -> None:
    """No hardware: the multiplier behind it takes the same beats in the same order, as one pixel."""
    del folding
    stream = builder.streams[node.inputs[0]]
    builder.streams[node.outputs[0]] = replace(stream, shape=(1, 1, stream.elements))


def _kernel(builder: Builder, node: ir.Node, op: type[KernelOp], spec: KernelSpec, inputs: list[Stream]) -> None:
    """Add a node of ours."""
    height, width, _ = inputs[0].shape
    tensors = [stream.tensor for stream in inputs]
    builder.nodes.append(op.make_node(spec, tensors, list(node.outputs), height, width, node.name))
    cycles = max(inputs[0].cycles, spec.cycles())
    builder.layer_cycles[node.name] = spec.cycles()
    for name, out in zip(node.outputs, spec.outputs, strict=True):
        shape = builder.graph.tensors[name].shape
        builder.tensor(name, shape, out.datatype)
        builder.streams[name] = Stream(name, shape, out.bits, out.signed, *out.limits, out.lanes, cycles)


def _single(
    builder: Builder, node: ir.Node, folding: Folding, op: type[KernelOp], make: Callable[[Stream], KernelSpec]
) -> None:
    """Add a node of ours with one input and one parallelism."""
    pe = builder.parallelism(node, folding, builder.streams[node.inputs[0]].lanes)
    stream = builder.connect(node, 0, pe, folding)
    _kernel(builder, node, op, make(stream), [stream])


def max_pool(builder: Builder, node: ir.MaxPool, folding: Folding) -> None:
    """Maximum over 2x2 tiles."""
    _single(builder, node, folding, MaxPool2x2_rtl, lambda s: MaxPool2x2Spec(*s.shape, s.lanes, s.bits, s.signed))


def fork(builder: Builder, node: ir.Fork, folding: Folding) -> None:
    """One stream to several."""
    copies = len(node.outputs)
    _single(builder, node, folding, StreamFork_rtl, lambda s: StreamForkSpec(*_geometry(s), copies=copies))


def global_descriptors(builder: Builder, node: ir.GlobalDescriptors, folding: Folding) -> None:
    """Sum and maximum over pixels."""
    _single(builder, node, folding, GlobalPool_rtl, lambda s: GlobalPoolSpec(*_geometry(s), "descriptors", node.shift))


def sum_pixels(builder: Builder, node: ir.SumPixels, folding: Folding) -> None:
    """Sum over pixels."""
    _single(builder, node, folding, GlobalPool_rtl, lambda s: GlobalPoolSpec(*_geometry(s), "sum"))


def channel_descriptors(builder: Builder, node: ir.ChannelDescriptors, folding: Folding) -> None:
    """Sum and maximum over channels."""
    _single(builder, node, folding, ChannelPool_rtl, lambda s: ChannelPoolSpec(*_geometry(s), node.shift))


def gate(builder: Builder, node: ir.Gate, folding: Folding) -> None:
    """An attention gate, with the feature map waiting in a FIFO for its gates."""
    x, g = (builder.streams[name] for name in node.inputs)
    target = builder.graph.tensors[node.outputs[0]]
    spatial = g.shape[2] == 1 and x.shape[2] > 1
    pe = builder.parallelism(node, folding, x.lanes)
    x = builder.connect(node, 0, pe, folding, _bypass_elements(builder, node, spatial))
    g = builder.connect(node, 1, 1 if spatial else pe, folding)
    spec = GateSpec(*_geometry(x), g.bits, target.bits, target.signed, "spatial" if spatial else "channel", node.table)
    _kernel(builder, node, Gate_rtl, spec, [x, g])


def _bypass_elements(builder: Builder, node: ir.Gate, spatial: bool) -> int:
    """Elements of the feature map that wait round the attention's branch."""
    x = builder.streams[node.inputs[0]]
    branch: list[ir.Node] = []
    behind = builder.writer[node.inputs[1]]
    while not isinstance(behind, ir.Fork):
        branch.append(behind)
        behind = builder.writer[behind.inputs[0]]
    if spatial:
        kernel = max(layer.weights.shape[1] for layer in branch if isinstance(layer, ir.Conv))
        return rules.spatial_bypass_elements(*x.shape, kernel)
    think = sum(builder.layer_cycles[layer.name] for layer in branch[:-1])
    return rules.channel_bypass_elements(x.elements, x.cycles, think)


def _geometry(stream: Stream) -> tuple[int, int, int, int, bool]:
    """What most specs begin with: pixels, channels, lanes, bits, signed."""
    height, width, channels = stream.shape
    return height * width, channels, stream.lanes, stream.bits, stream.signed
