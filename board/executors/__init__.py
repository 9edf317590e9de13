# SPDX-License-Identifier: Apache-2.0
"""What computes the accumulators: numpy, ONNX Runtime, the verilated RTL or the FPGA, all with the same integers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from board.deployment import Deployment
from board.executors.executor import Executor
from board.executors.fpga_executor import FpgaExecutor, on_a_board
from board.executors.numpy_executor import NumpyExecutor
from board.executors.onnx_executor import OnnxExecutor
from board.executors.rtl_executor import RtlExecutor
from board.simulation.accelerator import SimulatedAccelerator


def _rtl(deployment: Deployment) -> RtlExecutor:
    contract = deployment.contract
    return RtlExecutor(SimulatedAccelerator(deployment.simulation(), contract.input_stream, contract.output_stream))


EXECUTORS: dict[str, Callable[[Deployment], Executor]] = {
    "fpga": FpgaExecutor,
    "numpy": lambda deployment: NumpyExecutor(deployment.integer_graph()),
    "onnx": lambda deployment: OnnxExecutor(deployment.onnx),
    "rtl": _rtl,
}
"""What runs a deployment, by name."""
AUTO = "auto"
CHOICES = (AUTO, *EXECUTORS)


def open_executor(deployment: Deployment, name: str = AUTO) -> Executor:
    """Start an executor.

    Args:
        deployment: What to run.
        name: One of CHOICES; "auto" takes the FPGA where there is one, else ONNX Runtime where it is installed,
            else numpy.

    Raises:
        ValueError: There is no such executor, or the deployment lacks what it needs.
        RuntimeError: What it needs is not installed here, or does not work.
    """
    if name not in CHOICES:
        raise ValueError(f"an executor must be one of {', '.join(CHOICES)}, got {name!r}")
    return EXECUTORS[best(deployment) if name == AUTO else name](deployment)


def best(deployment: Deployment) -> str:
    """The fastest executor that this machine and a deployment offer."""
    if deployment.has_bitfile and on_a_board() and find_spec("pynq"):
        return "fpga"
    return "onnx" if find_spec("onnxruntime") and deployment.has_onnx else "numpy"
