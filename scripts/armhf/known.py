# SPDX-License-Identifier: Apache-2.0
"""The board's `auflow` with an executor that is given its answer, as a board's is by its FPGA.

    python3 known.py detect INPUT --executor numpy ...

So start and memory are those of a board without pynq, whose own import comes on top: neither the integer network nor
its arithmetic is loaded.
"""

from __future__ import annotations

import sys

import numpy as np

import board.executors
from board.cli.main import main
from board.deployment import Deployment


class Known:
    """Gives zeros of the shape of answers."""

    name = output = description = "known"

    def __init__(self, deployment: Deployment) -> None:
        self._elements = deployment.contract.output_stream.elements

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        return np.zeros((len(faces), self._elements), np.int64)

    def close(self) -> None:
        pass


if __name__ == "__main__":
    board.executors.EXECUTORS["numpy"] = Known
    sys.exit(main())
