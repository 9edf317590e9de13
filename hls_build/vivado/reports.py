# SPDX-License-Identifier: Apache-2.0
"""Read Vivado's reports of an implemented design: timing, power, utilisation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hls_build.cost.resources import Resources

NAMES = ("timing.rpt", "power.rpt", "utilization.rpt", "utilization_hierarchical.rpt")
"""The reports that a build keeps, for reading the first three."""
UTILISATION = {
    "lut": ("Slice LUTs", "CLB LUTs"),
    "ff": ("Slice Registers", "CLB Registers"),
    "bram18": ("Block RAM Tile",),
    "dsp": ("DSPs",),
}
"""What a resource is called for 7 series and for UltraScale+; a tile is two block RAMs of 18 kbit."""
TILE = 2


@dataclass(frozen=True)
class Implemented:
    """What Vivado reports.

    Attributes:
        worst_setup_slack_ns: Of all paths; negative where timing is not met.
        worst_hold_slack_ns: Of all paths.
        failing_endpoints: Of set-up and hold.
        power_w: Total on-chip power, by Vivado's estimate.
        used: Resources of the whole design, the shell included.
    """

    worst_setup_slack_ns: float
    worst_hold_slack_ns: float
    failing_endpoints: int
    power_w: float
    used: Resources

    @property
    def timing_met(self) -> bool:
        """Whether every path is fast enough and none too fast."""
        return min(self.worst_setup_slack_ns, self.worst_hold_slack_ns) >= 0 and not self.failing_endpoints


def read(folder: Path) -> Implemented:
    """Read the reports in a folder.

    Raises:
        RuntimeError: One is missing or does not say what it should.
    """
    timing = _table_row(folder / "timing.rpt", "WNS(ns)")
    used = {name: _cell(folder / "utilization.rpt", rows) for name, rows in UTILISATION.items()}
    return Implemented(
        _number(timing, "WNS(ns)", folder),
        _number(timing, "WHS(ns)", folder),
        int(_number(timing, "TNS Failing Endpoints", folder) + _number(timing, "THS Failing Endpoints", folder)),
        _cell(folder / "power.rpt", ("Total On-Chip Power (W)",)),
        Resources(int(used["lut"]), int(used["ff"]), int(TILE * used["bram18"]), int(used["dsp"])),
    )


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
            f"Vivado's timing.rpt must say {column}, got {row.get(column)!r} in {folder}: is every clock constrained?"
        ) from None


def _cell(path: Path, rows: tuple[str, ...]) -> float:
    """The first cell of the first row of a name."""
    for name in rows:
        if found := re.search(rf"^\|\s*{re.escape(name)}\*?\s*\|\s*([\d.]+)\s*\|", _text(path), re.MULTILINE):
            return float(found[1])
    raise RuntimeError(f"Vivado's {path.name} must have a row {' or '.join(rows)}, got none in {path}")
