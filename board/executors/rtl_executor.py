# SPDX-License-Identifier: Apache-2.0
"""The verilated RTL: the accelerator cycle by cycle, seconds per face."""

from __future__ import annotations

import numpy as np

from board.deployment import Deployment
from board.simulation.accelerator import Accelerator


class SimBackend:
    """Streams faces through the deployment's simulation library."""

    name = "rtl"
    description = "verilated RTL, cycle by cycle"

    def __init__(self, deployment: Deployment) -> None:
        contract = deployment.contract
        self._accelerator = Accelerator(deployment.simulation(), contract.input_stream, contract.output_stream)

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to integers (N, AUs)."""
        return self._accelerator.run(faces).accumulators

    def close(self) -> None:
        """End the simulation."""
        self._accelerator.close()
