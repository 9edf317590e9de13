# SPDX-License-Identifier: Apache-2.0
"""The FPGA under pynq; away from a board, an emulated one under the same driver."""

from __future__ import annotations

import sysconfig
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from board.core.contract import AcceleratorContract
from board.deployment import Deployment
from board.driver import UNKNOWN_PACE, Driver, Pace
from board.driver.device import FPGA_MANAGER
from board.driver.driver import FRAMES
from board.emulator import Accelerator, EmulatedBoard, TimedAccelerator, VerilatedAccelerator, write_overlay

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

EMULATED_FRAMES = 4
"""Of one batch in simulated RTL, where a frame takes seconds."""


def on_a_board() -> bool:
    """Whether this machine is a board with an FPGA."""
    return FPGA_MANAGER.exists()


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
        contract: AcceleratorContract = deployment.accelerator
        self.emulated = not on_a_board()
        with ExitStack() as starting:
            if self.emulated:
                accelerator, what = _accelerator(deployment, starting)
                folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="auflow-emulated-"))
                inside = replace(deployment.accelerator, weights=None)  # FINN's DMAs leave them to the simulation
                bitfile, contract = write_overlay(Path(folder), inside)
                starting.enter_context(EmulatedBoard(contract, accelerator))
                self.description = f"an emulated {contract.board} with {what}"
                frames = EMULATED_FRAMES
            else:
                if not deployment.has_bitfile:
                    raise ValueError(
                        f"the FPGA needs a bitfile, got {deployment.folder}, which was built without one: run `auflow"
                        " build` where Vivado is on PATH and copy its archive here, or use --executor numpy"
                    )
                bitfile = deployment.bitfile
                self.description, frames = f"the FPGA of this {contract.board}", FRAMES
            self.driver = starting.enter_context(Driver(bitfile, contract, frames, pace=_pace(deployment)))
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


def _pace(deployment: Deployment) -> Pace:
    """When the build's simulation says that results come."""
    timing, cycles_per_s = deployment.manifest.timing, 1e6 * deployment.accelerator.clock_mhz
    if timing.first_out_cycles is None or timing.interval_cycles is None:
        return UNKNOWN_PACE
    return Pace(timing.first_out_cycles / cycles_per_s, timing.interval_cycles / cycles_per_s)


def _accelerator(deployment: Deployment, stack: ExitStack) -> tuple[Accelerator, str]:
    """What computes on an emulated board, and what to call it."""
    simulated = deployment.manifest.simulation
    if simulated is not None and simulated.platform == sysconfig.get_platform():
        simulation = stack.enter_context(deployment.simulation())
        return VerilatedAccelerator(simulation, deployment.accelerator), "the verilated RTL"
    timing = deployment.manifest.timing
    if timing.first_out_cycles is None or timing.interval_cycles is None:
        raise ValueError(
            f"executor fpga needs an accelerator, got {deployment.folder}, which was made of weights alone: run"
            " `auflow build` and name its deploy/ with --deploy"
        )
    graph = deployment.integer_graph()
    timed = TimedAccelerator(graph, deployment.accelerator, timing.first_out_cycles, timing.interval_cycles)
    return timed, "the integer graph at the simulated timing"
