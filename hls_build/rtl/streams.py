# SPDX-License-Identifier: Apache-2.0
"""How every stream of a dataflow graph carries a frame, as the two nodes at its ends say independently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from qonnx.core.modelwrapper import ModelWrapper

from board.core.contract import StreamPacking
from hls_build.finn_adapter import operator
from hls_build.rtl.stitch import OUTSIDE, Wire, stream_inputs, wires_of


@dataclass(frozen=True)
class Stream:
    """A stream of the accelerator.

    Attributes:
        name: What reports and the RTL's counters call it.
        tensor: What it carries.
        packing: How.
    """

    name: str
    tensor: str
    packing: StreamPacking


def streams_of(model: ModelWrapper) -> list[Stream]:
    """Every stream, upstream first.

    Raises:
        ValueError: The two nodes at its ends do not expect the same beats.
    """
    return [Stream(wire.stream, tensor, _packing(model, tensor, wire)) for tensor, wire in wires_of(model).items()]


def _packing(model: ModelWrapper, tensor: str, wire: Wire) -> StreamPacking:
    """What the ends of a stream say of it, both the same."""
    (end, packing), *others = _said(model, tensor, wire)
    for other, its in others:
        if its != packing:
            raise ValueError(f"stream {wire.stream} must carry one frame, got {packing} of {end} and {its} of {other}")
    if packing.bytes_per_beat * 8 != wire.width:
        raise ValueError(f"stream {wire.stream} must be {packing.bytes_per_beat * 8} bits wide, got {wire.width}")
    return packing


def _said(model: ModelWrapper, tensor: str, wire: Wire) -> Iterator[tuple[str, StreamPacking]]:
    """Each end's name and how it folds the tensor."""
    by_name = {node.name: node for node in model.graph.node}
    if wire.source != OUTSIDE:
        node = by_name[wire.source]
        place, op = list(node.output).index(tensor), operator(node)
        yield node.name, _of(op.get_folded_output_shape(place), op.get_output_datatype(place))
    if wire.sink != OUTSIDE:
        node = by_name[wire.sink]
        place, op = stream_inputs(model, node).index(tensor), operator(node)
        yield node.name, _of(op.get_folded_input_shape(place), op.get_input_datatype(place))


def _of(folded: Any, datatype: Any) -> StreamPacking:
    """The packing of a folded shape, whose last dimension is the lanes of a beat."""
    return StreamPacking.of_frame(int(prod(folded)), int(folded[-1]), datatype.bitwidth(), datatype.signed())
