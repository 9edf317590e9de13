# SPDX-License-Identifier: Apache-2.0
"""The contract of what was exported and lowered, for an accelerator or for software alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from board.core.contract import Contract, InputRule, StreamPacking
from board.core.graph import IntegerGraph
from board.core.layers.append import Append
from board.core.layers.flatten import Flatten
from board.core.outputs import Attention
from hls_build.config.build import BuildConfig
from hls_build.rtl.stitch import Stitched
from qnn.export.export import ExportReport


@dataclass(frozen=True)
class Hardware:
    """An accelerator: its configuration, its RTL, and its nodes in the order of the dataflow."""

    build: BuildConfig
    stitched: Stitched
    nodes: tuple[str, ...]


def make_contract(report: ExportReport, graph: IntegerGraph, hardware: Hardware | None = None) -> Contract:
    """The contract of a network; without hardware its streams are the plain arrays, and no board is named."""
    height, width, channels = graph.tensors[graph.input].shape
    if hardware is None:
        bits = graph.tensors[graph.output].bits
        input_stream = StreamPacking.of_frame(height * width * channels, channels, 8, signed=False)
        output_stream = StreamPacking.of_frame(len(report.scale), 1, bits, signed=True)
    else:
        input_stream, output_stream = hardware.stitched.input_stream, hardware.stitched.output_stream
    return Contract(
        model_sha256=report.model_sha256,
        bitfile_sha256=None,  # until there is one
        input=InputRule((height, width, channels), "uint8", report.colour, report.crop_margin),
        action_units=report.action_units,
        accumulator=f"INT{output_stream.bits}",
        input_stream=input_stream,
        output_stream=output_stream,
        clock_mhz=hardware.build.clock_mhz if hardware else 1,
        part=hardware.build.board.part if hardware else "none",
        board=hardware.build.board.name if hardware else "none",
        folding=folding_of(hardware.build) if hardware else {},
        layers=hardware.nodes if hardware else (),
        decoding=report.decoding,
        attention=_attention(graph),
        emotions=report.emotions,
        weights=hardware.stitched.weights if hardware else None,
    )


def _attention(graph: IntegerGraph) -> Attention | None:
    """What the last layer appends to the accumulators: a spatial gate, flattened."""
    writers = {name: node for node in graph.nodes for name in node.outputs}
    last = writers[graph.output]
    if not isinstance(last, Append):
        return None
    flattened = writers[last.inputs[1]]
    assert isinstance(flattened, Flatten), "what is appended is a map"
    return Attention.of(graph.tensors[flattened.inputs[0]])


def folding_of(build: BuildConfig) -> dict[str, dict[str, int | str]]:
    """The folding of every layer without what was left open."""
    return {
        layer: {key: value for key, value in asdict(folding).items() if isinstance(value, int | str)}
        for layer, folding in build.folding.items()
    }
