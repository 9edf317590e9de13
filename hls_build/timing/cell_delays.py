# SPDX-License-Identifier: Apache-2.0
"""Delays of 7-series cells of speed grade -1 in the slow corner, in picoseconds.

The figures are Project X-Ray's, read out of Vivado: github.com/f4pga/prjxray-db, files zynq7/timings/slicem.sdf for
flip-flops, zynq7/timings/DSP_L.sdf for DSP slices and spartan7/timings/BRAM_R.sdf for block RAMs; for tables,
memories, multiplexers and carry chains artix7/timings/CLBLL_L.sdf, CLBLM_R.sdf and slicel.sdf, as the `specify` blocks
of Yosys's xilinx/cells_sim.v quote them. Of several figures for one pin the slowest counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from hls_build.yosys.netlist import Cell

Pin = tuple[str, int]
"""Name and bit of a cell's pin."""


@dataclass(frozen=True)
class CellDelays:
    """What a cell does to signals.

    Attributes:
        arcs: (input, output, ps) of every combinational path.
        launches: (output, clock pin, ps): from the clock's edge to the output.
        captures: (input, clock pin, ps): how long before the clock's edge the input must be there (setup).
    """

    arcs: tuple[tuple[Pin, Pin, int], ...] = ()
    launches: tuple[tuple[Pin, str, int], ...] = ()
    captures: tuple[tuple[Pin, str, int], ...] = ()


LUT = (127, 238, 407, 472, 631, 642)
"""Through a table from each of its inputs, the last one first."""
MUX = {"MUXF7": {"I0": 217, "I1": 223, "S": 296}, "MUXF8": {"I0": 104, "I1": 94, "S": 273}}
CARRY = """
       O0  O1  O2  O3  CO0 CO1 CO2 CO3
CYINIT 482 598 584 642 536 494 592 580
CI     222 334 239 313 271 157 228 114
DI0    -   407 556 615 379 465 540 526
DI1    -   -   537 596 -   445 520 507
DI2    -   -   -   438 -   -   356 398
DI3    -   -   -   -   -   -   -   385
S0     223 400 523 582 340 433 512 508
S1     -   205 558 618 -   469 548 528
S2     -   -   226 330 -   -   292 378
S3     -   -   -   227 -   -   -   380
"""
"""Through a CARRY4, from the rows' pins to the columns'."""
FLIP_FLOP, FLIP_FLOP_SETUP = 362, {"D": 0, "CE": 109, "R": 404, "S": 404, "CLR": 404, "PRE": 404}
MEMORY, MEMORY_SETUP = 1190, {"D": 461, "WE": 654, "A": 616}
"""Of memory in tables."""
MEMORY_EXIT = {32: 0, 64: 0, 128: 223 + 174, 256: 223 + 104 + 174}
"""From its tables to its output, by depth: over MUXF7, MUXF8 and the slice's exit."""
MEMORY_SELECT = {6: 296 + 104 + 174, 7: 273 + 174}
"""From the address bits that steer those."""
SHIFT, SHIFT_CASCADE, SHIFT_SETUP = 1472, 1114, {"D": 173, "CE": 109}
"""Of a shift register in a table."""
BLOCK, BLOCK_REGISTERED = 2454, 882
"""From the clock out of a block RAM, without and with its output register."""
BLOCK_SETUP = {"ADDR": 566, "WE": 532, "DI": 737, "REGCE": 360, "RSTREG": 342, "EN": 443, "RSTRAM": 359}
"""By what pins' names begin with."""
DSP = {"P": 434, "PCOUT": 478, "CARRYOUT": 415}
DSP_REGISTERS = {"ADREG", "BREG", "MREG", "OPMODEREG", "PREG"}
"""Those that FINN+'s multiplier uses; the figures are for no others."""
DSP_SETUP = {
    **{"A": 1756, "B": 450, "D": 1626, "OPMODE": 449, "PCIN": 1400, "INMODE": 2089, "ALUMODE": 1978},
    **{"CEAD": 426, "CEB2": 514, "CECTRL": 421, "CEM": 266, "CEP": 524},
    **{"RSTB": 543, "RSTCTRL": 469, "RSTD": 589, "RSTM": 270, "RSTP": 347},
}
UNTIMED = ("VCC", "GND")
"""Constants."""

Widths = dict[str, int]
"""Bits of each of a cell's pins."""
_CLOCK_INVERTED = re.compile(r"IS_\w*CLK\w*_INVERTED|IS_C_INVERTED")


def cell_delays(cell: Cell) -> CellDelays:
    """Delays over the pins that a cell has.

    Raises:
        RuntimeError: Nothing is known of its type or registers, or it works at a falling edge.
    """
    for name, value in cell.parameters.items():
        if _CLOCK_INVERTED.fullmatch(name) and _number(value):
            raise RuntimeError(f"timing knows rising edges, got a {cell.type} with {name}={value}")
    settings = tuple(
        (name, _number(value))
        for name, value in cell.parameters.items()
        if "REG" in name or (cell.type, name) == ("LUT6_2", "INIT")
    )
    return _delays(cell.type, settings, tuple((name, len(bits)) for name, bits in cell.pins.items()))


def _number(value: str) -> int:
    """A parameter of Yosys's, which writes numbers in binary."""
    return int(value, 2) if value and set(value) <= {"0", "1"} else 0


@cache
def _delays(kind: str, registers: tuple[tuple[str, int], ...], pins: tuple[tuple[str, int], ...]) -> CellDelays:
    for pattern, rule in _RULES.items():
        if re.fullmatch(pattern, kind):
            return rule(kind, dict(registers), dict(pins))
    raise RuntimeError(f"timing knows no delays of the cell {kind}")


def _bits(widths: Widths, *names: str) -> Iterator[Pin]:
    return ((name, bit) for name in names for bit in range(widths.get(name, 0)))


def _table(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    inputs = sorted(name for name in widths if name.startswith("I"))
    delays = dict(zip(reversed(inputs), LUT, strict=False))
    return CellDelays(arcs=tuple(((name, 0), ("O", 0), delays[name]) for name in inputs))


def _double_table(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    """From an input to the outputs that it changes: a ternary adder's carry of three bits waits for no fourth.

    Where the contents are not told it is to both.
    """
    table = registers.get("INIT")

    def changes(i: int, size: int) -> bool:
        rows = (row for row in range(1 << size) if not row >> i & 1)
        return table is None or any((table >> row ^ table >> row + (1 << i)) & 1 for row in rows)

    return CellDelays(
        arcs=tuple(
            ((f"I{i}", 0), (output, 0), LUT[size - 1 - i])
            for output, size in (("O6", 6), ("O5", 5))
            for i in range(size)
            if changes(i, size)
        )
    )


def _mux(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    return CellDelays(arcs=tuple(((name, 0), ("O", 0), ps) for name, ps in MUX[kind].items()))


def _carry(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    outputs, *rows = (line.split() for line in CARRY.strip().splitlines())
    return CellDelays(
        arcs=tuple(
            (_pin(name), _pin(output), int(ps))
            for name, *delays in rows
            for output, ps in zip(outputs, delays, strict=True)
            if ps != "-"
        )
    )


def _pin(text: str) -> Pin:
    """Such as ("CO", 3) of CO3, and ("CI", 0) of CI."""
    name = text.rstrip("0123456789")
    return name, int(text[len(name) :] or 0)


def _flip_flop(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    return CellDelays(
        launches=((("Q", 0), "C", FLIP_FLOP),),
        captures=tuple(((name, 0), "C", ps) for name, ps in FLIP_FLOP_SETUP.items() if name in widths),
    )


def _memory(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    """RAM64M with ports A to D, RAM64X1D with A and DPRA, RAM64X1S with A; addresses in one pin or one for each bit."""
    depth = int(re.sub(r"RAM(\d+).*", r"\1", kind))
    outputs = [name for name in widths if re.fullmatch(r"DO[A-D]|DPO|SPO|O", name)]
    arcs: list[tuple[Pin, Pin, int]] = []
    captures: list[tuple[Pin, str, int]] = []
    for name, bit in _bits(widths, *widths):
        if port := re.fullmatch(r"(ADDR[A-D]|DPRA|A)(\d*)", name):
            place, address = port[1], int(port[2] or bit)
            output = {"DPRA": "DPO", "A": "SPO" if "SPO" in widths else "O"}.get(place, f"DO{place[-1]}")
            ps = MEMORY_SELECT[address] if address in MEMORY_SELECT else LUT[5 - address] + MEMORY_EXIT[depth]
            arcs += [((name, bit), out, ps) for out in _bits(widths, output)]
            if place in ("ADDRD", "A"):
                captures.append(((name, bit), "WCLK", MEMORY_SETUP["A"]))
        elif name not in (*outputs, "WCLK"):
            captures.append(((name, bit), "WCLK", MEMORY_SETUP["WE" if name.startswith("WE") else "D"]))
    launched = tuple((out, "WCLK", MEMORY + MEMORY_EXIT[depth]) for out in _bits(widths, *outputs))
    return CellDelays(tuple(arcs), launched, tuple(captures))


def _shift_register(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    addresses = [pin for pin in _bits(widths, *sorted(widths)) if re.fullmatch(r"A\d?", pin[0])]
    cascade = [(("Q31", 0), "CLK", SHIFT_CASCADE)] if "Q31" in widths else []
    return CellDelays(
        tuple((pin, ("Q", 0), LUT[len(addresses) - place]) for place, pin in enumerate(addresses)),
        ((("Q", 0), "CLK", SHIFT), *cascade),
        tuple(((name, 0), "CLK", ps) for name, ps in SHIFT_SETUP.items() if name in widths),
    )


def _block(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    launches, captures = [], []
    for name, bit in _bits(widths, *widths):
        port = "B" if re.search(r"BWR|BWE|B$|^D[IO]P?B", name) else "A"
        clock = {"A": "CLKARDCLK", "B": "CLKBWRCLK"}[port]
        if name.startswith("DO"):
            launches.append(((name, bit), clock, BLOCK_REGISTERED if registers.get(f"DO{port}_REG") else BLOCK))
        elif kind_of := next((start for start in BLOCK_SETUP if name.startswith(start)), None):
            captures.append(((name, bit), clock, BLOCK_SETUP[kind_of]))
    return CellDelays((), tuple(launches), tuple(captures))


def _dsp(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    used = {name for name, value in registers.items() if value and name not in ("ACASCREG", "BCASCREG")}
    if used != DSP_REGISTERS:
        raise RuntimeError(f"timing knows a DSP slice with the registers {sorted(DSP_REGISTERS)}, got {sorted(used)}")
    return CellDelays(
        (),
        tuple((pin, "CLK", ps) for name, ps in DSP.items() for pin in _bits(widths, name)),
        tuple((pin, "CLK", ps) for name, ps in DSP_SETUP.items() for pin in _bits(widths, name)),
    )


def _nothing(kind: str, registers: dict[str, int], widths: Widths) -> CellDelays:
    return CellDelays()


_RULES: dict[str, Callable[[str, dict[str, int], Widths], CellDelays]] = {
    "LUT[1-6]": _table,
    "INV": _table,
    "LUT6_2": _double_table,
    "MUXF[78]": _mux,
    "CARRY4": _carry,
    "FD[RSCP]E": _flip_flop,
    r"RAM\d+(M|X1D|X1S)": _memory,
    "SRL16E|SRLC32E": _shift_register,
    "RAMB(18|36)E1": _block,
    "DSP48E1": _dsp,
    "|".join(UNTIMED): _nothing,
}
