# SPDX-License-Identifier: Apache-2.0
"""Boards, one TOML file each: adding a board is adding a file to boards/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from pathlib import Path

from board.core.parts import is_zynqmp
from board.core.reading import parsing
from hls_build.config.parsing import REMEDY, parse, read_toml
from hls_build.config.shells import allowance
from hls_build.cost.resources import Resources

BOARDS = Path(__file__).resolve().parent / "boards"
"""Where they lie, as <name>.toml; a name is spelled as PYNQ spells it."""

DEFAULT_BOARD = "Pynq-Z2"
"""Where nobody names another."""

MAX_UTILISATION: Mapping[str, float] = {"lut": 0.80, "ff": 0.80, "bram18": 0.95, "dsp": 1.00}
"""Maximum utilisation: the share of each resource up to which placing and routing are expected to succeed."""

CLOCK_MHZ = (1.0, 1000.0)
"""Slowest and fastest clock that an accelerator may be asked for."""


@dataclass(frozen=True)
class Board:
    """A board and what its device holds.

    Attributes:
        name: As PYNQ calls it.
        part: FPGA part, such as xc7z020clg400-1.
        board_part: Vivado's board files, such as tul.com.tw:pynq-z2:part0:1.0.
        clock_mhz: Clock of an accelerator, where a build names none.
        budget: Resources of the device; Ultra RAM is not used.
        dram_mb_per_s: Of memory's bandwidth, what weights may take, in 10^6 bytes per second; None where nobody said.
    """

    name: str
    part: str
    board_part: str
    clock_mhz: float
    budget: Resources
    dram_mb_per_s: float | None = None

    def __post_init__(self) -> None:
        check_clock(self.clock_mhz)
        if self.dram_mb_per_s is not None and not self.dram_mb_per_s > 0:
            raise ValueError(f"need dram_mb_per_s > 0, got {self.dram_mb_per_s}")
        for name, count in self.budget.as_json().items():
            if count < 0:
                raise ValueError(f"budget needs {name} >= 0, got {count}")

    def allowance(self, shell: str) -> Resources:
        """What one of hls_build.config.shells takes here."""
        return allowance(shell, self.part)

    def usable(self, shell: str) -> Resources:
        """Most that an accelerator may take in a shell: the budget up to maximum utilisation, less the allowance."""
        most = {name: floor(round(MAX_UTILISATION[name] * held, 6)) for name, held in self.budget.as_json().items()}
        return Resources(**most) - self.allowance(shell)

    @property
    def is_zynqmp(self) -> bool:
        """Whether the device is a Zynq UltraScale+, not a Zynq-7000."""
        return is_zynqmp(self.part)


def check_clock(clock_mhz: float) -> None:
    """Refuse a clock, in MHz, that no accelerator has."""
    slowest, fastest = CLOCK_MHZ
    if not slowest <= clock_mhz <= fastest:
        raise ValueError(f"need {slowest:g} <= clock_mhz <= {fastest:g}, got {clock_mhz}")


def board_names() -> list[str]:
    """Names of all boards, in alphabetical order whatever their letters' case."""
    return sorted((path.stem for path in BOARDS.glob("*.toml")), key=str.lower)


def load_board(name: str) -> Board:
    """The board of a name.

    Raises:
        ValueError: There is none, or its file has an unknown key, lacks one or has a bad value.
    """
    if name not in board_names():
        raise ValueError(f"need a board out of {', '.join(board_names())}, got {name!r}")
    path = BOARDS / f"{name}.toml"
    content = read_toml(path, "a board")
    with parsing(path, "a board", REMEDY):
        budget = {key: parse(Resources, content.pop(key), key) for key in ("budget",) if key in content}
        return parse(Board, content, "a board", name=name, **budget)
