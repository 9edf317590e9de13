# SPDX-License-Identifier: Apache-2.0
"""The FPGA under pynq; away from a board, an emulated one under the same driver."""

from __future__ import annotations

import sysconfig
import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from board.deployment import Deployment
from board.driver import Driver
from board.emulator import Accelerator, EmulatedBoard, TimedAccelerator, VerilatedAccelerator, write_overlay

FRAMES = 8
"""Of one batch; two batches are in flight, which is what the pipeline hands over at once."""
EMULATED_FRAMES = 4
"""Of one batch in simulated RTL, where a frame takes seconds."""
FPGA_MANAGER = Path("/sys/class/fpga_manager/fpga0")
"""Where Linux shows an FPGA that it can configure."""


def on_a_board() -> bool:
    """Whether this machine is a board whose FPGA pynq drives."""
    return FPGA_MANAGER.exists() and find_spec("pynq") is not None


class FpgaExecutor:
    """Drives the accelerator: the board's, or an emulated board's where this machine is none.

    The emulated board computes with the deployment's simulated RTL where it holds a library for this computer, else
    with the integer graph at the timing that simulation measured.

    Args:
        deployment: What to load.

    Attributes:
        emulated: Whether the board is emulated.
        driver: The driver, which counts frames and time.

    Raises:
        ValueError: The deployment holds no bitfile, or no accelerator to emulate.
        RuntimeError: pynq is missing, or the device does not work.
    """

    name = "fpga"
    output = "stream out0"

    def __init__(self, deployment: Deployment) -> None:
        self._stack = ExitStack()
        contract = deployment.contract
        self.emulated = not on_a_board()
        with ExitStack() as starting:
            if self.emulated:
                accelerator, what = _accelerator(deployment, starting)
                folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="auflow-emulated-"))
                bitfile, contract = write_overlay(Path(folder), contract)
                starting.enter_context(EmulatedBoard(contract, accelerator))
                self.description = f"an emulated {contract.board} with {what}"
                frames = EMULATED_FRAMES
            else:
                bitfile = deployment.bitfile
                self.description, frames = f"the FPGA of this {contract.board}", FRAMES
            self.driver = starting.enter_context(Driver(bitfile, contract, frames))
            self._stack = starting.pop_all()

    def accumulators(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Faces, uint8 (N, 48, 48, 3), to integers, int64 (N, AUs).

        Raises:
            ValueError: Faces have another type or shape.
            TransferError: The accelerator failed twice at one face; a HangError where it never answered.
        """
        return self.driver.accumulators(faces)

    def close(self) -> None:
        """Give back the contiguous memory, and pynq its own device."""
        self._stack.close()


def _accelerator(deployment: Deployment, stack: ExitStack) -> tuple[Accelerator, str]:
    """What computes on an emulated board, and what to call it."""
    simulated = deployment.manifest.simulation
    if simulated is not None and simulated.platform == sysconfig.get_platform():
        simulation = stack.enter_context(deployment.simulation())
        return VerilatedAccelerator(simulation, deployment.contract), "the verilated RTL"
    timing = deployment.manifest.timing
    if timing.first_out_cycles is None or timing.interval_cycles is None:
        raise ValueError(
            f"executor fpga needs an accelerator, got {deployment.folder}, which was made of weights alone: run"
            " `auflow build` and name its deploy/ with --deploy"
        )
    graph = deployment.integer_graph()
    timed = TimedAccelerator(graph, deployment.contract, timing.first_out_cycles, timing.interval_cycles)
    return timed, "the integer graph at the simulated timing"
