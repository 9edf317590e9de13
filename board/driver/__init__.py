# SPDX-License-Identifier: Apache-2.0
"""The FPGA: load an accelerator's overlay with pynq and stream faces through FINN's two IODMAs."""

from board.driver.driver import CallTime, Driver
from board.driver.faults import Cause, Diagnosis, HangError, TransferError

__all__ = ["CallTime", "Cause", "Diagnosis", "Driver", "HangError", "TransferError"]
