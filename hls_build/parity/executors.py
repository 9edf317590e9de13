# SPDX-License-Identifier: Apache-2.0
"""FINN+'s graph as an executor, and all executors of a build in software."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper

from board.core.graph import IntegerGraph
from board.core.plain_contract import PlainContract, read_contract
from board.executors.executor import Executor
from board.executors.numpy_executor import NumpyExecutor
from hls_build.build_folder import BuildFolder
from hls_build.finn_adapter import execute
from hls_build.parity.model_executor import ModelExecutor
from qnn.export import export
from qnn.export.executors import OnnxLayerExecutor, QonnxExecutor, TorchExecutor


class DataflowExecutor:
    """Executes a FINN+ graph, each node in Python.

    Args:
        model: Graph of one frame, (1, H, W, 3) in and (1, 1, 1, elements) out.
    """

    name = "dataflow"
    description = "FINN+'s graph, node by node in Python"

    def __init__(self, model: ModelWrapper) -> None:
        self._model = model
        self.output = f"tensor {model.graph.output[0].name}"

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, H, W, 3) of the graph's size, to integers, int64 (N, AUs)."""
        return execute(self._model, faces).reshape(len(faces), -1)

    def layers(self, faces: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """Every stream of frames, int64 (N, H, W, C), in the order of execution."""
        found: dict[str, list[npt.NDArray[np.int64]]] = {}

        def keep(name: str, value: np.ndarray) -> None:
            if value.ndim == 4:
                found.setdefault(name, []).append(value.astype(np.int64))

        execute(self._model, faces, keep)
        return {name: np.concatenate(values) for name, values in found.items()}

    def close(self) -> None:
        """Nothing to give back."""


def software(folder: BuildFolder, checkpoint: Path | None = None) -> list[Executor]:
    """All executors of a build but its RTL, from the one nearest to training to the one nearest to hardware.

    Args:
        folder: Of a build that got as far as its dataflow graph.
        checkpoint: What it was made from; None of a user's own model.

    Raises:
        ValueError: The checkpoint is gone or another one.
    """
    contract, model = read_contract(folder.contract), folder.root / export.MODEL
    ours: list[Executor] = [
        NumpyExecutor(IntegerGraph.load(folder.integer)),
        DataflowExecutor(folder.read_dataflow()),
    ]
    if isinstance(contract, PlainContract):
        return [ModelExecutor(model, contract), *ours]
    if checkpoint is None:
        raise ValueError(f"the build in {folder.root} must name its checkpoint, got none: build again")
    network, _, _ = export.frozen_network(checkpoint)
    standard = OnnxLayerExecutor(folder.root / export.STANDARD)
    return [TorchExecutor(network, contract.attention is not None), QonnxExecutor(model), standard, *ours]
