# SPDX-License-Identifier: Apache-2.0
"""Read Vivado's reports of an implemented design: timing, clock domains, methodology, power, utilisation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from board.core.timing import TimingClosure
from hls_build.cost.resources import Resources

TIMING, CDC, METHODOLOGY, STRATEGIES = "timing.rpt", "cdc.rpt", "methodology.rpt", "strategies.rpt"
POWER, UTILISED = "power.rpt", "utilization.rpt"
NAMES = (TIMING, "timing_paths.rpt", CDC, METHODOLOGY, STRATEGIES, POWER, UTILISED, "utilization_hierarchical.rpt")
"""The reports that a build keeps; the slowest paths and the hierarchy are for people."""
CHECKPOINT = "accelerator.dcp"
"""The implemented design, for Vivado to open."""
UTILISATION = {
    "lut": ("Slice LUTs", "CLB LUTs"),
    "ff": ("Slice Registers", "CLB Registers"),
    "bram18": ("Block RAM Tile",),
    "dsp": ("DSPs",),
}
"""What a resource is called for 7 series and for UltraScale+; a tile is two block RAMs of 18 kbit."""
TILE = 2
ENDPOINTS = ("TNS Failing Endpoints", "THS Failing Endpoints", "TPWS Failing Endpoints")


@dataclass(frozen=True)
class Implemented:
    """What Vivado reports.

    Attributes:
        timing: Slack and clocks, as the contract says them.
        tried: Each strategy with its least slack in ns, None where it came to no bitfile, in their order.
        critical_crossings: Paths between clocks that report_cdc calls critical.
        methodology: Violations of each rule of methodology that is no advice, by its name.
        power_w: Total on-chip power, by Vivado's estimate.
        used: Resources of the whole design, the shell included.
    """

    timing: TimingClosure
    tried: dict[str, float | None]
    critical_crossings: int
    methodology: dict[str, int]
    power_w: float
    used: Resources


def read(folder: Path, version: str) -> Implemented:
    """Read the reports in a folder that a release of Vivado left, such as "2022.2".

    Raises:
        RuntimeError: One is missing or does not say what it should.
    """
    tried = _strategies(folder / STRATEGIES)
    used = {name: _cell(folder / UTILISED, rows) for name, rows in UTILISATION.items()}
    return Implemented(
        _timing(folder, f"Vivado {version}", _best(tried)),
        tried,
        _critical_crossings(folder / CDC),
        _methodology(folder / METHODOLOGY),
        _cell(folder / POWER, ("Total On-Chip Power (W)",)),
        Resources(int(used["lut"]), int(used["ff"]), int(TILE * used["bram18"]), int(used["dsp"])),
    )


def _timing(folder: Path, tool: str, strategy: str) -> TimingClosure:
    """Of report_timing_summary: its table, its check of clocks, and its list of them."""
    path = folder / TIMING
    row = _table_row(path, "WNS(ns)")
    unclocked = re.search(r"checking no_clock \((\d+)\)", _text(path))
    clocks = re.findall(r"^ *(\S+) +\{[^}\n]*\} +[\d.]+ +([\d.]+) *$", _text(path), re.MULTILINE)
    if not unclocked or not clocks:
        missing = "its check of no_clock" if not unclocked else "its clocks"
        raise RuntimeError(f"Vivado's {TIMING} must list {missing}, got none in {path}: is every clock constrained?")
    return TimingClosure(
        tool,
        strategy,
        _number(row, "WNS(ns)", folder),
        _number(row, "WHS(ns)", folder),
        _number(row, "WPWS(ns)", folder),
        sum(int(_number(row, column, folder)) for column in ENDPOINTS),
        int(unclocked[1]),
        {name: float(mhz) for name, mhz in clocks},
    )


def _strategies(path: Path) -> dict[str, float | None]:
    """Of implement.tcl: slack and name in each line."""
    try:
        lines = [line.split(" ", 1) for line in _text(path).splitlines()]
        tried = {name: None if slack == "none" else float(slack) for slack, name in lines}
    except ValueError:
        tried = {}
    if not any(slack is not None for slack in tried.values()):
        raise RuntimeError(f"the project's {STRATEGIES} must hold a slack and a strategy, got neither in {path}")
    return tried


def _best(tried: dict[str, float | None]) -> str:
    """The strategy that was taken: the first of the largest slack."""
    slacks = {name: slack for name, slack in tried.items() if slack is not None}
    return max(slacks, key=slacks.__getitem__)


def _critical_crossings(path: Path) -> int:
    """Of report_cdc: its summary by type, whose columns are a rule, its severity and a count."""
    rows = re.findall(r"^ *(?:Critical +CDC-\d+|CDC-\d+ +Critical) +(\d+) ", _text(path), re.MULTILINE)
    return sum(map(int, rows))


def _methodology(path: Path) -> dict[str, int]:
    """Of report_methodology: its summary, without what it calls advice."""
    text = _text(path)
    if not re.search(r"Violations found: +\d+", text) and not re.search(r"Checks found: +\d+", text):
        raise RuntimeError(f"Vivado's {METHODOLOGY} must say how many violations were found, got no word in {path}")
    rows = re.findall(r"^\| *(\S+) *\| *([\w ]+?) *\|[^|\n]*\| *(\d+) *\|$", text, re.MULTILINE)
    return {rule: int(count) for rule, severity, count in rows if severity != "Advisory"}


def _text(path: Path) -> str:
    if not path.is_file():
        raise RuntimeError(f"Vivado must leave {path.name}, got none in {path.parent}")
    return path.read_text(errors="replace")


def _table_row(path: Path, first: str) -> dict[str, str]:
    """The first row below the heading that begins with a column, by column."""
    lines = _text(path).splitlines()
    for heading, row in zip(lines, lines[2:], strict=False):
        columns = re.split(r"\s{2,}", heading.strip())
        if columns[0] == first and len(values := row.split()) == len(columns):
            return dict(zip(columns, values, strict=True))
    raise RuntimeError(f"Vivado's {path.name} must hold a table that begins with {first}, got none in {path}")


def _number(row: dict[str, str], column: str, folder: Path) -> float:
    try:
        return float(row[column])
    except (KeyError, ValueError):
        raise RuntimeError(
            f"Vivado's {TIMING} must say {column}, got {row.get(column)!r} in {folder}: is every clock constrained?"
        ) from None


def _cell(path: Path, rows: tuple[str, ...]) -> float:
    """The first cell of the first row of a name."""
    for name in rows:
        if found := re.search(rf"^\|\s*{re.escape(name)}\*?\s*\|\s*([\d.]+)\s*\|", _text(path), re.MULTILINE):
            return float(found[1])
    raise RuntimeError(f"Vivado's {path.name} must have a row {' or '.join(rows)}, got none in {path}")
