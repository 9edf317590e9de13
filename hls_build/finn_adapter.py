# SPDX-License-Identifier: Apache-2.0
"""FINN+ without Vivado: its build folder, faster weight files, and execution of a dataflow graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow import matrixvectoractivation
from finn.custom_op.fpgadataflow.rtl import thresholding_rtl
from onnx import NodeProto
from qonnx.core.datatype import BaseDataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

import hls_build.kernels  # noqa: F401  makes our nodes known to FINN+
from hls_build.finn_settings import finn_settings


def pack_hex(
    values: npt.NDArray[Any], dtype: BaseDataType, pad_to_nbits: int, reverse_inner: bool = False, prefix: str = "0x"
) -> npt.NDArray[np.str_]:
    """Pack the innermost dimension of integers into hexadecimal words, the first element most significant.

    Gives what FINN+'s function of the same signature gives, which takes a minute for the dense head.

    Args:
        values: Integers of the type, of any number of dimensions.
        dtype: Integer type.
        pad_to_nbits: Width of a word, a multiple of 4; zeros fill its upper end.
        reverse_inner: Whether the last element is the most significant one instead.
        prefix: Put before every word.

    Raises:
        ValueError: A value is not of the type, or a word does not hold its elements.
    """
    bits, codes = dtype.bitwidth(), np.asarray(values, np.int64)
    count = codes.shape[-1]
    if not dtype.is_integer() or codes.min() < dtype.min() or codes.max() > dtype.max():
        raise ValueError(f"need integers of type {dtype.name}, got {codes.min()} to {codes.max()}")
    if count * bits > pad_to_nbits:
        raise ValueError(f"need words of at least {count * bits} bits, got {pad_to_nbits}")
    rows = codes.reshape(-1, count)[:, :: -1 if reverse_inner else 1]
    digits = ceil(pad_to_nbits / 4)
    padded = np.zeros((len(rows), ceil(digits / 2) * 8), np.uint8)
    places = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    padded[:, padded.shape[1] - count * bits :] = places.reshape(len(rows), -1)
    words = [prefix + row.tobytes().hex()[-digits:] for row in np.packbits(padded, axis=1)]
    return np.array(words).reshape(codes.shape[:-1])


@contextmanager
def fast_packing() -> Iterator[None]:
    """Let FINN+'s multipliers and thresholds pack their memories by `pack_hex` meanwhile, and by its own afterwards."""
    modules = (matrixvectoractivation, thresholding_rtl)
    kept = [module.pack_innermost_dim_as_hex_string for module in modules]
    for module in modules:
        module.pack_innermost_dim_as_hex_string = pack_hex
    try:
        yield
    finally:
        for module, own in zip(modules, kept, strict=True):
            module.pack_innermost_dim_as_hex_string = own


def use_build_folder(folder: Path) -> None:
    """Let FINN+ put what it generates by itself, such as single-node simulations, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    finn_settings().finn_build_dir = folder.absolute()


def operator(node: NodeProto) -> Any:
    """FINN+'s object for a node; attributes that it is given are written to the node."""
    return getCustomOp(node)


def is_pumped(node: NodeProto) -> bool:
    """Whether a node works at twice the clock."""
    return "clk2x" in operator(node).get_verilog_top_module_intf_names()


def execute(
    model: ModelWrapper,
    frames: npt.NDArray[np.integer[Any]],
    observe: Callable[[str, npt.NDArray[Any]], None] | None = None,
) -> npt.NDArray[np.int64]:
    """Execute a dataflow graph node by node, in each node's exec_mode.

    Args:
        model: Graph of one frame, (1, H, W, C) in and out.
        frames: Integers of shape (N, H, W, C).
        observe: Called with every tensor's name and value, frame by frame.

    Returns:
        Integers of shape (N, H, W, C).
    """
    constants = {tensor.name: model.get_initializer(tensor.name) for tensor in model.graph.initializer}
    shapes = {name: model.get_tensor_shape(name) for node in model.graph.node for name in node.output}
    source, sink = model.graph.input[0].name, model.graph.output[0].name
    answers = []
    for frame in frames:
        values: dict[str, npt.NDArray[Any]] = {**constants, source: frame[None].astype(np.float32)}
        for node in model.graph.node:
            values |= {name: np.zeros(shapes[name], np.float32) for name in node.output}
            hardware = operator(node)
            # a flattened map is the same beats as one pixel, for which no node stands between the two shapes
            values[node.input[0]] = values[node.input[0]].reshape(hardware.get_normal_input_shape())
            hardware.execute_node(values, model.graph)
            if observe:
                for name in node.output:
                    observe(name, values[name])
        answers.append(values[sink].astype(np.int64))
    return np.concatenate(answers)
