# SPDX-License-Identifier: Apache-2.0
"""The compiler's forms of the network, with the face of qnn.export.executors: faces in, accumulators and layers out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from board.core.graph import IntegerGraph
from board.simulation.accelerator import Accelerator, Run
from hls_build.finn_adapter import execute


class IntegerRung:
    """The integer graph in numpy."""

    name = "integer"

    def __init__(self, graph: IntegerGraph) -> None:
        self.graph = graph

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to integers (N, aus)."""
        return self.graph.run(faces).reshape(len(faces), -1)

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Every tensor (N, H, W, C) by its name."""
        found: dict[str, np.ndarray] = {}
        self.graph.run(faces, found.__setitem__)
        return found


class DataflowRung:
    """The FINN+ graph, each node in Python."""

    name = "dataflow"

    def __init__(self, model: ModelWrapper) -> None:
        self.model = model

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to integers (N, aus)."""
        return execute(self.model, faces).reshape(len(faces), -1)

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Every tensor (1, H, W, C) of the first face by its name."""
        found: dict[str, np.ndarray] = {}
        execute(self.model, faces[:1], found.__setitem__)
        return {name: value.astype(np.int64) for name, value in found.items() if value.ndim == 4}


class RtlRung:
    """The stitched RTL under Verilator; runs keep their cycle counts in `runs`."""

    def __init__(
        self,
        accelerator: Accelerator,
        stall: str = "none",
        seed: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.name = "rtl" if stall == "none" else f"rtl, {stall} stalling"
        self.accelerator = accelerator
        self.stall = stall
        self.seed = seed
        self.progress = progress
        self.runs: list[Run] = []

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to integers (N, aus)."""
        self.runs.append(self.accelerator.run(faces, self.stall, self.seed, self.progress))
        return self.runs[-1].accumulators

    def codes(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Nothing: only the accelerator's output leaves it."""
        return {}
