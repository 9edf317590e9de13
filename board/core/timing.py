# SPDX-License-Identifier: Apache-2.0
"""Timing closure: what Vivado says of an implemented accelerator's paths and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from board.core.reading import is_number, keys_of, typed

UNMET = "TIMING IS NOT MET"
"""What a person reads of a bitfile that may compute wrong results."""


@dataclass(frozen=True)
class TimingClosure:
    """Slack and clocks of a placed and routed design, from Vivado's timing summary (AMD UG906).

    Attributes:
        tool: That reports it, such as "Vivado 2022.2".
        strategy: Of implementation, the best of those that were tried.
        worst_setup_slack_ns: Of all paths; negative where one is too slow.
        worst_hold_slack_ns: Of all paths; negative where one is too fast.
        worst_pulse_width_slack_ns: Of all clock pins; negative where a clock is too fast for its cell.
        failing_endpoints: Of set-up, hold and pulse width.
        unclocked: Register pins that no clock reaches, whose paths nobody timed.
        clocks_mhz: Frequency of every clock by its name.
    """

    tool: str
    strategy: str
    worst_setup_slack_ns: float
    worst_hold_slack_ns: float
    worst_pulse_width_slack_ns: float
    failing_endpoints: int
    unclocked: int
    clocks_mhz: Mapping[str, float]

    def __post_init__(self) -> None:
        for key in ("tool", "strategy"):
            typed(str, getattr(self, key), f"timing.{key}")
        for key in ("worst_setup_slack_ns", "worst_hold_slack_ns", "worst_pulse_width_slack_ns"):
            if not is_number(getattr(self, key)):
                raise ValueError(f"timing.{key} must be a number, got {getattr(self, key)!r}")
        for key in ("failing_endpoints", "unclocked"):
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"timing.{key} must be a whole number of at least 0, got {value!r}")
        clocks = typed(dict, self.clocks_mhz, "timing.clocks_mhz")
        if not clocks or not all(is_number(mhz) and mhz > 0 for mhz in clocks.values()):
            raise ValueError(f"timing.clocks_mhz must have at least one clock, all above 0 MHz, got {clocks}")

    @property
    def met(self) -> bool:
        """Whether every path was timed, is fast enough and none too fast."""
        slacks = self.worst_setup_slack_ns, self.worst_hold_slack_ns, self.worst_pulse_width_slack_ns
        return min(slacks) >= 0 and not self.failing_endpoints and not self.unclocked

    @property
    def sentence(self) -> str:
        """What a person is told."""
        clocks = ", ".join(f"{name} {mhz:g} MHz" for name, mhz in self.clocks_mhz.items())
        by = f"{self.tool}, strategy {self.strategy}, {clocks}"
        if self.met:
            return f"timing is met, worst slack {self.worst_setup_slack_ns:g} ns ({by})"
        return (
            f"{UNMET}: worst slack {self.worst_setup_slack_ns:g} ns (set-up), {self.worst_hold_slack_ns:g} ns (hold),"
            f" {self.worst_pulse_width_slack_ns:g} ns (pulse width), {self.failing_endpoints} failing endpoints,"
            f" {self.unclocked} register pins without a clock ({by}): the FPGA may compute wrong results"
        )

    @classmethod
    def parse(cls, content: Any) -> TimingClosure:
        """From the object in accelerator.json."""
        return cls(**keys_of(cls, content, "timing"))
