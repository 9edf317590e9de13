# SPDX-License-Identifier: Apache-2.0
"""What computes the accumulators: numpy, ONNX Runtime, the verilated RTL or the FPGA, all with the same integers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from board.deployment import Deployment
from board.executors.executor import Executor


def _fpga(deployment: Deployment) -> Executor:
    from board.executors.fpga_executor import FpgaExecutor

    return FpgaExecutor(deployment)


def _numpy(deployment: Deployment) -> Executor:
    from board.executors.numpy_executor import NumpyExecutor

    return NumpyExecutor(deployment.integer_graph())


def _onnx(deployment: Deployment) -> Executor:
    from board.executors.onnx_executor import OnnxExecutor

    return OnnxExecutor(deployment.onnx)


def _rtl(deployment: Deployment) -> Executor:
    from board.executors.rtl_executor import RtlExecutor
    from board.simulation.accelerator import SimulatedAccelerator

    contract = deployment.accelerator
    return RtlExecutor(SimulatedAccelerator(deployment.simulation(), contract.input_stream, contract.output_stream))


EXECUTORS: dict[str, Callable[[Deployment], Executor]] = {"fpga": _fpga, "numpy": _numpy, "onnx": _onnx, "rtl": _rtl}
"""What runs a deployment, by name; each imports what it needs when it is started, which takes a board's time."""
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
    if deployment.has_bitfile and find_spec("pynq"):
        from board.executors.fpga_executor import on_a_board

        if on_a_board():
            return "fpga"
    return "onnx" if find_spec("onnxruntime") and deployment.has_onnx else "numpy"
