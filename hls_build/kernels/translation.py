# SPDX-License-Identifier: Apache-2.0
"""Write a kernel's node into a dataflow graph: the steps that the kernels' translators of layers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

from board.core.arrays import Integers
from board.core.node import Node
from hls_build.config.folding import Folding
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.dataflow.latency import frames_held
from hls_build.dataflow.links import Link
from hls_build.kernels.kernel_node import KernelNode
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.kernels.matrix_spec import weight_text


def write_node(
    writer: GraphWriter, node: Node, kernel: type[KernelNode], spec: KernelSpec, inputs: Sequence[Link]
) -> None:
    """Write a layer as one kernel whose inputs are connected, and the links at its outputs."""
    height, width, _ = inputs[0].shape
    tensors = [link.tensor for link in inputs]
    writer.nodes.append(kernel.make_node(spec, tensors, list(node.outputs), height, width, node.name))
    writer.layer_cycles[node.name] = spec.cycles()
    cycles = max(inputs[0].cycles, spec.cycles())
    for name, port in zip(node.outputs, spec.outputs, strict=True):
        shape = writer.graph.tensors[name].shape
        writer.tensor(name, shape, port.datatype)
        writer.links[name] = Link(name, shape, port.bits, port.signed, *port.limits, port.lanes, cycles)


def write_single_input(
    writer: GraphWriter,
    node: Node,
    folding: Folding,
    kernel: type[KernelNode],
    make_spec: Callable[[Link], KernelSpec],
) -> None:
    """Write a layer of one input and one parallelism as one kernel, whose spec follows from the link at its input."""
    pe = writer.parallelism(node, folding, writer.links[node.inputs[0]].lanes)
    link = writer.connect(node, 0, pe, folding)
    write_node(writer, node, kernel, make_spec(link), [link])


def geometry(link: Link) -> tuple[int, int, int, int, bool]:
    """What most specs begin with: pixels, channels, lanes, bits, signed."""
    height, width, channels = link.shape
    return height * width, channels, link.lanes, link.bits, link.signed


def waiting_elements(writer: GraphWriter, node: Node, index: int) -> int:
    """Elements of one of two inputs that come before the other one's first: what layers hold that only that one has."""
    own = {layer.name for layer in writer.upstream(node.inputs[index])}
    other = [layer for layer in writer.upstream(node.inputs[1 - index]) if layer.name not in own]
    held = sum(frames_held(layer, writer.graph.tensors) for layer in other)
    link = writer.links[node.inputs[index]]
    return ceil(link.elements * held) + 2 * link.shape[2] * len(other)


def product_fields(
    source: Link, target: Link, matrix: Integers, weight_bits: int, simd: int, memory: str
) -> dict[str, Any]:
    """The fields that all our matrix-vector multipliers have.

    Args:
        source: Vectors, in beats of simd.
        target: Sums, in beats of pe.
        matrix: Weights of shape (inputs, outputs).
        weight_bits: Of each, symmetric.
        simd: Inputs at once.
        memory: Of the weights, as the kernel calls it.
    """
    height, width, outputs = target.shape
    return {
        "pixels": height * width,
        "mw": len(matrix),
        "mh": outputs,
        "pe": target.lanes,
        "simd": simd,
        "bits": source.bits,
        "signed": source.signed,
        "weight_bits": weight_bits,
        "out_bits": target.bits,
        "memory": memory,
        "weights": weight_text(matrix.T),
    }
