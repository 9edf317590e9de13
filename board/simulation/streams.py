# SPDX-License-Identifier: Apache-2.0
"""Ports and streams of a verilated design, and what a run of it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

STALLS = ("none", "source", "sink", "both")
"""Which ends of the streams hold back at random."""
Beats = np.ndarray
"""Packed beats of shape (n, bytes per beat), uint8, little-endian."""


@dataclass(frozen=True)
class Signal:
    """One signal of the top: its place in the library's table, width in bits, and direction."""

    index: int
    width: int
    input: bool


@dataclass(frozen=True)
class AxiStream:
    """One AXI-Stream of the top.

    Attributes:
        name: How Python calls it.
        prefix: Port names before _tdata, _tvalid, _tready (or their capitals).
        index: Which of the `count` streams that share these ports as equal slices.
        count: Streams that share the ports; tvalid and tready are `count` bits wide.
    """

    name: str
    prefix: str
    index: int = 0
    count: int = 1


@dataclass(frozen=True)
class Ports:
    """Names of a top's clock, reset and streams.

    Attributes:
        streams: All streams; the direction is read off the ports.
        clock: Clock input.
        reset: Active-low synchronous reset.
        clock2x: Doubled clock, driven where the top has this port.
    """

    streams: tuple[AxiStream, ...]
    clock: str = "ap_clk"
    reset: str = "ap_rst_n"
    clock2x: str = "ap_clk2x"

    @classmethod
    def of(cls, table: Mapping[str, Signal]) -> Ports:
        """Recognise the ports of one of our kernels (clk_i, clk2x_i, rst_ni) or of a FINN wrapper (ap_clk, ap_rst_n).

        A stream is called by its prefix without FINN's _V; streams that share ports as slices get _0, _1, …

        Raises:
            RuntimeError: The top has no clock, no reset or no stream of these names.
        """
        clock = next((name for name in ("clk_i", "ap_clk") if name in table), None)
        reset = next((name for name in ("rst_ni", "ap_rst_n") if name in table), None)
        clock2x = "clk2x_i" if "clk2x_i" in table else cls.clock2x
        streams: list[AxiStream] = []
        for name, port in table.items():
            if not name.lower().endswith("_tvalid"):
                continue
            prefix = name[: -len("_tvalid")]
            plain = prefix.removesuffix("_V")
            for index in range(port.width):
                called = plain if port.width == 1 else f"{plain}_{index}"
                streams.append(AxiStream(called, prefix, index, port.width))
        if clock is None or reset is None or not streams:
            raise RuntimeError(f"need clock, reset and a stream among the top's ports, got {sorted(table)}")
        return cls(tuple(streams), clock, reset, clock2x)


@dataclass(frozen=True)
class Counters:
    """One stream's accepted beats, cycles of valid without ready, and cycles of ready without valid."""

    beats: int
    stalls: int
    starves: int


@dataclass(frozen=True)
class Violation:
    """A broken AXI-Stream rule on an output of the design."""

    cycle: int
    stream: str
    rule: str


@dataclass
class Result:
    """What one run gave.

    Attributes:
        outputs: Beats of each output stream.
        cycles: Clock cycles from the first offered beat to the last accepted one.
        first_out_cycle: Cycle of the first accepted output beat, counted from 0, or None without one.
        stamps: Cycle of every accepted beat of every stream that took part.
        streams: Counters of this run for the top's streams.
        internal: Counters of this run for monitored streams inside the design.
        fifo_fill: mon_fill of each FIFO after the run.
        violations: AXI-Stream rules that the design broke.
        wall_s: Seconds the run took.
    """

    outputs: dict[str, Beats]
    cycles: int
    first_out_cycle: int | None
    stamps: dict[str, np.ndarray]
    streams: dict[str, Counters]
    internal: dict[str, Counters] = field(default_factory=dict)
    fifo_fill: dict[str, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    wall_s: float = 0.0


class DeadlockError(RuntimeError):
    """No handshake anywhere for the allowed time."""
