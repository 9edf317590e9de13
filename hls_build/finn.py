# SPDX-License-Identifier: Apache-2.0
"""FINN+ without Vivado: its settings, its build folder, and Python execution of a dataflow graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from finn.util.settings import get_settings
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

import hls_build.ops  # noqa: F401  initialises FINN+'s settings and makes our nodes known to it


def use_build_folder(folder: Path) -> None:
    """Let FINN+ put what it generates by itself, such as single-node simulations, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    get_settings().finn_build_dir = folder.absolute()


def operator(node: NodeProto) -> Any:
    """FINN+'s object for a node; attributes that it is given are written to the node."""
    return getCustomOp(node)


def execute(
    model: ModelWrapper, frames: np.ndarray, observe: Callable[[str, np.ndarray], None] | None = None
) -> np.ndarray:
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
        values: dict[str, np.ndarray] = {**constants, source: frame[None].astype(np.float32)}
        for node in model.graph.node:
            values |= {name: np.zeros(shapes[name], np.float32) for name in node.output}
            operator(node).execute_node(values, model.graph)
            if observe:
                for name in node.output:
                    observe(name, values[name])
        answers.append(values[sink].astype(np.int64))
    return np.concatenate(answers)
