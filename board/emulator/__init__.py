# SPDX-License-Identifier: Apache-2.0
"""A board made of software: the real pynq package on registers, memory and clocks that behave as a Zynq's do."""

from board.emulator.accelerators import Accelerator, TimedAccelerator, VerilatedAccelerator
from board.emulator.board import EmulatedBoard
from board.emulator.faults import EndsShort, Fault, NeverEnds, ReportsError, ResetsMidFrame, Stalls, random_faults
from board.emulator.overlay import write_overlay

__all__ = [
    "Accelerator",
    "EmulatedBoard",
    "EndsShort",
    "Fault",
    "NeverEnds",
    "ReportsError",
    "ResetsMidFrame",
    "Stalls",
    "TimedAccelerator",
    "VerilatedAccelerator",
    "random_faults",
    "write_overlay",
]
