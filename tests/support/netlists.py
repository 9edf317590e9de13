# SPDX-License-Identifier: Apache-2.0
"""Netlists of a few cells, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hls_build.timing.net_delays import NetModel
from hls_build.timing.report import BuildTiming, measure
from hls_build.yosys.netlist import Bit, Cell, Netlist

CLOCK, FAST = 1, 2
"""Nets of the clocks in every block."""


def cell(kind: str, parameters: Mapping[str, str] | None = None, **pins: Bit | Sequence[Bit]) -> Cell:
    """A cell with its nets, pins of one bit as that."""
    nets = {name: [bits] if isinstance(bits, int | str) else bits for name, bits in pins.items()}
    return Cell(kind, parameters or {}, nets)


def register(d: Bit, q: Bit, clock: Bit = CLOCK, CE: Bit = "1", R: Bit = "0") -> Cell:
    """A flip-flop."""
    return cell("FDRE", C=clock, D=d, Q=q, CE=CE, R=R)


def block(*cells: Cell, names: Mapping[str, Bit] | None = None, **ports: tuple[str, Bit]) -> Netlist:
    """A block with the clock and with ports: ("in" or "out", net)."""
    sides: dict[str, dict[str, list[Bit]]] = {"in": {"ap_clk": [CLOCK]}, "out": {}}
    for name, (way, bit) in ports.items():
        sides[way][name] = [bit]
    return Netlist(sides["in"], sides["out"], cells, {name: [bit] for name, bit in (names or {}).items()})


def timed(clock_mhz: float = 100.0) -> BuildTiming:
    """Blocks of two layers with an endpoint each, of which one is called like the beginning of the other."""
    blocks = {
        "conv1_window": block(register("0", 10), cell("LUT1", I0=10, O=11), x_TREADY=("out", 11), names={"count": 10}),
        "conv1_pad": block(register("0", 20, CE=10), x_TREADY=("in", 10), names={"data": 20}),
        "conv1_q_fork": block(register("0", 10), register(10, 11)),
    }
    return measure(blocks, ["conv1", "conv1_q_fork"], clock_mhz, NetModel())
