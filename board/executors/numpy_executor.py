# SPDX-License-Identifier: Apache-2.0
"""The integer network in numpy: runs everywhere and needs nothing else."""

from __future__ import annotations

import numpy as np

from board.deployment import Deployment

BATCH = 8
"""Faces at once: the maps of more no longer fit a cache."""


class ReferenceBackend:
    """Executes the deployment's integer graph."""

    name = "numpy"
    description = "integer reference in numpy"

    def __init__(self, deployment: Deployment) -> None:
        self._graph = deployment.integer_graph()

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to integers (N, AUs)."""
        parts = [self._graph.run(faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
        return np.concatenate(parts).reshape(len(faces), -1).astype(np.int64)

    def close(self) -> None:
        """Nothing to give back."""
