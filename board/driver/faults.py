# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in a transfer, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class Cause(Enum):
    """Why a transfer failed."""

    HANG = "hang"
    SHORT = "short"
    ERROR = "error"
    STOPPED = "stopped"


class Fault(Exception):
    """A transfer failed at a DMA; the Transfer that meets it tells what arrived.

    Attributes:
        cause: Why.
        dma: Name of the DMA, or of both.
    """

    def __init__(self, cause: Cause, dma: str) -> None:
        super().__init__(cause, dma)
        self.cause, self.dma = cause, dma


@dataclass(frozen=True)
class Diagnosis:
    """What was known when a transfer failed.

    Attributes:
        cause: Why.
        dma: Name of the DMA that failed, or of both.
        frame: The first frame that did not come; frames count from the driver's start.
        expected_bytes: Of the batch's accumulators.
        moved_bytes: Of those, how many came, judged by the last byte that was overwritten.
        controls: ap_ctrl of both DMAs, in words.
        waited_s: How long nothing had come, where that was the reason.
        stuck: Which stream was stuck, in a clause, where the overlay has a debug block.
    """

    cause: Cause
    dma: str
    frame: int
    expected_bytes: int
    moved_bytes: int
    controls: str
    waited_s: float
    stuck: str = ""

    @property
    def last_good_frame(self) -> int | None:
        """The last frame that came, None before the first."""
        return self.frame - 1 if self.frame else None

    def __str__(self) -> str:
        what = {
            Cause.HANG: f"{self.dma} did not end, no frame for {self.waited_s:g} s",
            Cause.SHORT: f"{self.dma} ended short",
            Cause.ERROR: f"{self.dma} reports an error",
            Cause.STOPPED: f"{self.dma} went idle before its end, as after a reset in mid-frame",
        }[self.cause]
        good = "no frame came yet" if self.last_good_frame is None else f"the last good frame is {self.last_good_frame}"
        return (
            f"{what} at frame {self.frame}: {self.moved_bytes} of {self.expected_bytes} bytes came, {good},"
            f" ap_ctrl of {self.controls}{'; ' * bool(self.stuck)}{self.stuck}"
        )


class TransferError(RuntimeError):
    """A transfer failed twice at one frame.

    Attributes:
        diagnosis: Of the second failure.
        accumulators: Those of the frames that came before it in this call, int64 (M, AUs).
    """

    def __init__(self, diagnosis: Diagnosis, accumulators: np.ndarray) -> None:
        super().__init__(
            f"the accelerator must answer for every frame, got two failures at frame {diagnosis.frame}: {diagnosis};"
            " power the board off and on, or build again"
        )
        self.diagnosis, self.accumulators = diagnosis, accumulators


class HangError(TransferError):
    """A transfer never ended, twice at one frame."""
