# SPDX-License-Identifier: Apache-2.0
"""What computes the accumulators: numpy, ONNX Runtime, the verilated RTL or the FPGA, all with the same integers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from board.deployment import Deployment


class Backend(Protocol):
    """One way to compute.

    Attributes:
        name: One of EXECUTORS.
        description: What it runs on, for a person.
    """

    name: str
    description: str

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        """Faces, uint8 (N, 48, 48, 3), to the accelerator's integers, int64 (N, AUs)."""

    def close(self) -> None:
        """Give back what it holds."""


def _numpy(deployment: Deployment) -> Backend:
    from board.executors.numpy_executor import ReferenceBackend

    return ReferenceBackend(deployment)


def _onnx(deployment: Deployment) -> Backend:
    from board.executors.onnx_executor import OnnxBackend

    return OnnxBackend(deployment)


def _rtl(deployment: Deployment) -> Backend:
    from board.executors.rtl_executor import SimBackend

    return SimBackend(deployment)


def _fpga(deployment: Deployment) -> Backend:
    from board.executors.fpga_executor import FpgaBackend

    return FpgaBackend(deployment)


EXECUTORS: dict[str, Callable[[Deployment], Backend]] = {
    "fpga": _fpga, "onnx": _onnx, "numpy": _numpy, "rtl": _rtl
}  # fmt: skip
AUTO = "auto"
FPGA_MANAGER = Path("/sys/class/fpga_manager/fpga0")
"""Where Linux shows an FPGA that it can configure."""
CHOICES = (AUTO, *EXECUTORS)


def open_executor(deployment: Deployment, name: str = AUTO) -> Backend:
    """Start a backend.

    Args:
        deployment: What to run.
        name: One of CHOICES; "auto" takes the FPGA where there is one, else ONNX Runtime where it is installed,
            else numpy.

    Raises:
        ValueError: There is no such backend, or the deployment lacks what it needs.
        RuntimeError: What it needs is not installed here, or does not work.
    """
    if name not in CHOICES:
        raise ValueError(f"a backend must be one of {', '.join(CHOICES)}, got {name!r}")
    return EXECUTORS[best(deployment) if name == AUTO else name](deployment)


def best(deployment: Deployment) -> str:
    """The fastest backend that this machine and a deployment offer."""
    if deployment.has_bitfile and on_a_board():
        return "fpga"
    return "onnx" if find_spec("onnxruntime") and deployment.has_onnx else "numpy"


def on_a_board() -> bool:
    """Whether this machine is a board whose FPGA pynq drives."""
    return FPGA_MANAGER.exists() and find_spec("pynq") is not None
