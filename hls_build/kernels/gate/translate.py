# SPDX-License-Identifier: Apache-2.0
"""A Gate of the integer graph as this kernel."""

from __future__ import annotations

from board.core.layers.conv import Conv
from board.core.layers.flatten import Flatten
from board.core.layers.gate import Gate
from hls_build.config.folding import Folding
from hls_build.dataflow import rules
from hls_build.dataflow.graph_writer import GraphWriter
from hls_build.kernels.gate.node import Gate_rtl
from hls_build.kernels.gate.spec import GateSpec
from hls_build.kernels.translation import geometry, write_node


def gate(writer: GraphWriter, node: Gate, folding: Folding) -> None:
    """An attention gate, with the feature map waiting in a FIFO for its gates."""
    x, g = (writer.links[name] for name in node.inputs)
    target = writer.graph.tensors[node.outputs[0]]
    spatial = g.shape[2] == 1 and x.shape[2] > 1
    pe = writer.parallelism(node, folding, x.lanes)
    x = writer.connect(node, 0, pe, folding, _bypass_elements(writer, node, spatial))
    g = writer.connect(node, 1, 1 if spatial else pe, folding)
    kind = "spatial" if spatial else "channel"
    spec = GateSpec(*geometry(x), g.bits, target.bits, target.signed, kind, node.table)
    write_node(writer, node, Gate_rtl, spec, [x, g])


def _bypass_elements(writer: GraphWriter, node: Gate, spatial: bool) -> int:
    """Elements of the feature map that wait round the attention's branch."""
    x = writer.links[node.inputs[0]]
    shared = {layer.name for layer in writer.upstream(node.inputs[0])}
    branch = [layer for layer in writer.upstream(node.inputs[1]) if layer.name not in shared]
    if spatial:
        kernel = max(layer.kernel[0] for layer in branch if isinstance(layer, Conv))
        return rules.spatial_bypass_elements(*x.shape, kernel)
    thinking = [layer for layer in branch[:-1] if not isinstance(layer, Flatten)]  # which has no hardware
    think = sum(writer.layer_cycles.get(layer.name, writer.links[layer.outputs[0]].elements) for layer in thinking)
    return rules.channel_bypass_elements(x.elements, x.cycles, think)
