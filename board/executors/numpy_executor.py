# SPDX-License-Identifier: Apache-2.0
"""The integer graph in numpy: runs everywhere and needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from board.core.graph import IntegerGraph
from board.executors.executor import batches

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

BATCH = 4
"""Faces at once: more are no faster, and take more of a small memory."""


class NumpyExecutor:
    """Executes an integer graph.

    Args:
        graph: Of one frame (H, W, 3) in and one pixel (1, 1, AUs) out.
    """

    name = "numpy"
    description = "the integer graph in numpy"

    def __init__(self, graph: IntegerGraph) -> None:
        self.graph = graph
        self.output = f"tensor {graph.output}"

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, H, W, 3) of the graph's size, to integers, int64 (N, AUs).

        Raises:
            ValueError: Faces have another type or shape.
        """
        answers = [self.graph.run(batch) for batch in self._batches(faces)]
        return np.concatenate(answers).reshape(len(faces), -1).astype(np.int64)

    def layers(self, faces: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int64]]:
        """Every tensor of the graph, int64 (N, H, W, C), the pixels first and the accumulators last.

        Raises:
            ValueError: Faces have another type or shape.
        """
        found: dict[str, list[npt.NDArray[np.int64]]] = {}
        for batch in self._batches(faces):
            self.graph.run(batch, lambda name, value: found.setdefault(name, []).append(value.astype(np.int64)))
        return {name: np.concatenate(values) for name, values in found.items()}

    def close(self) -> None:
        """Nothing to give back."""

    def _batches(self, faces: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
        return batches(faces, BATCH, self.graph.tensors[self.graph.input].shape)
