# SPDX-License-Identifier: Apache-2.0
"""What leaves an accelerator, output by output, and what the host computes from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from board.core.arrays import Flags, Integers, Reals
from board.core.decoding import RENDERED, UNKNOWN, VALIDITIES
from board.core.node import Tensor
from board.core.reading import is_count, is_number

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

MARK = "*"
"""Behind the name of an AU whose output learned from rendered faces alone."""
MARKED = f"{MARK} learned from rendered faces alone"
"""What a person is told of it."""


@dataclass(frozen=True)
class ActionUnit:
    """The output of an AU: logit = scale * accumulator + offset, present where its probability reaches the threshold.

    Attributes:
        name: Such as "AU12 Lip corner puller".
        scale: Logits per unit of the accumulator, above 0.
        offset: Logit at accumulator 0.
        threshold: Decision threshold, a probability between 0 and 1.
        slope: Of the calibration, above 0: the probability is that of slope * logit + shift.
        shift: Of the calibration.
        validity: What the output learned from, one of board.core.decoding.VALIDITIES.
    """

    name: str
    scale: float
    offset: float
    threshold: float = 0.5
    slope: float = 1.0
    shift: float = 0.0
    validity: str = UNKNOWN

    def __post_init__(self) -> None:
        _check_output(self, "an action unit")
        if not (is_number(self.threshold) and 0 < self.threshold < 1):
            raise ValueError(f"need 0 < threshold < 1, got {self.threshold!r} for {self.name}")
        if self.validity not in VALIDITIES:
            raise ValueError(
                f"the validity of an action unit must be one of {', '.join(VALIDITIES[:-1])} or empty,"
                f" got {self.validity!r} for {self.name}"
            )

    @property
    def mark(self) -> str:
        """MARK where it learned from rendered faces alone, else empty."""
        return MARK if self.validity == RENDERED else ""

    @property
    def short(self) -> str:
        """Such as "AU12", with its mark."""
        return self.name.partition(" ")[0] + self.mark


@dataclass(frozen=True)
class Emotion:
    """The output of an emotion: logit = scale * accumulator + offset, and all of them together make probabilities.

    Attributes:
        name: One of board.core.facs.EMOTIONS.
        scale: Logits per unit of the accumulator, above 0.
        offset: Logit at accumulator 0.
        slope: Of the calibration, above 0, the inverse of a temperature: the softmax is of slope * logit + shift.
        shift: Of the calibration.
    """

    name: str
    scale: float
    offset: float
    slope: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        _check_output(self, "an emotion")


def _check_output(output: ActionUnit | Emotion, what: str) -> None:
    if not (isinstance(output.name, str) and output.name):
        raise ValueError(f"the name of {what} must be text, got {output.name!r}")
    for key in ("scale", "slope"):
        if not (is_number(getattr(output, key)) and getattr(output, key) > 0):
            raise ValueError(f"need {key} > 0, got {getattr(output, key)!r} for {output.name}")
    for key in ("offset", "shift"):
        if not is_number(getattr(output, key)):
            raise ValueError(f"the {key} must be a finite number, got {getattr(output, key)!r} for {output.name}")


@dataclass(frozen=True)
class Attention:
    """Where the network looks: codes of the first spatial gate, row by row, from closed to open.

    Attributes:
        rows: Of the gate.
        columns: Of the gate.
        bits: Of one code; the accelerator widens it to an accumulator's.
        signed: Two's complement if true.
    """

    rows: int
    columns: int
    bits: int
    signed: bool

    def __post_init__(self) -> None:
        for key in ("rows", "columns", "bits"):
            if not is_count(getattr(self, key)):
                raise ValueError(f"need attention.{key} >= 1, got {getattr(self, key)!r}")
        if not isinstance(self.signed, bool):
            raise ValueError(f"attention.signed must be true or false, got {self.signed!r}")

    @classmethod
    def of(cls, gate: Tensor) -> Attention:
        """The attention that a spatial gate of the integer graph shows."""
        return cls(*gate.shape[:2], gate.bits, gate.signed)

    @property
    def codes(self) -> int:
        """How many a frame has."""
        return self.rows * self.columns

    def maps(self, codes: Integers) -> npt.NDArray[np.float32]:
        """Codes (N, codes) as float32 (N, rows, columns), from 0 for closed to 1 for open."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        shares = (codes - low) / ((1 << self.bits) - 1)
        return shares.astype(np.float32).reshape(-1, self.rows, self.columns)


@dataclass(frozen=True)
class Outputs:
    """What the host computes from the accumulators of one face, in the order of the contract.

    Attributes:
        accumulators: What left the accelerator, of shape (outputs,), AUs and then emotions: the same integers from
            every executor.
        logits: Of the AUs, float64 (AUs,), before their calibration.
        probabilities: float64 (AUs,), see board.core.decoding.
        occurrence: Whether each probability reaches its decision threshold, bool (AUs,).
        emotion: The likeliest by the outputs for emotions; without such outputs the best-matching row of the paper's
            Table 2, and None where the AUs are not its thirteen.
        emotion_probabilities: Of each of facs.EMOTIONS, float64 (7,), see board.core.decoding; None as above.
        attention: Where the network looked, float32 (rows, columns) from 0 to 1; None where no codes came along.
        emotion_logits: Of each of facs.EMOTIONS, float64 (7,), before their calibration; None without such outputs.
    """

    accumulators: Integers
    logits: Reals
    probabilities: Reals
    occurrence: Flags
    emotion: str | None
    emotion_probabilities: Reals | None = None
    attention: npt.NDArray[np.float32] | None = None
    emotion_logits: Reals | None = None
