# SPDX-License-Identifier: Apache-2.0
"""The FPGA: load an accelerator's overlay with pynq and stream faces through FINN's two IODMAs."""

from board.driver.driver import CallTime, Driver
from board.driver.faults import Cause, Diagnosis, HangError, TransferError
from board.driver.transfer import UNKNOWN_PACE, Pace

__all__ = ["UNKNOWN_PACE", "CallTime", "Cause", "Diagnosis", "Driver", "HangError", "Pace", "TransferError"]
