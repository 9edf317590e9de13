# SPDX-License-Identifier: Apache-2.0
"""AXI-Stream's rules inside of an accelerator: valid stays, and data with it, until ready (AMBA AXI-Stream, 2.2)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from networks import random_block, random_faces

from board.simulation.accelerator import SimulatedAccelerator
from board.simulation.harness import Simulation
from board.simulation.streams import Ports
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.config.folding import Folding
from hls_build.rtl import stitch
from hls_build.simulation import verilator

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

BLOCK = BuildConfig("block", "tiny", load_board("Pynq-Z2"), 100.0, None, {"conv1": Folding(pe=2, simd=3)})
RULES = """\
module axis_rules #(
  parameter int WIDTH = 8
) (
  input logic clk, input logic rst_n, input logic [WIDTH-1:0] data, input logic valid, input logic ready,
  output logic [31:0] broken  // the lower half counts a valid that fell, the upper one data that changed
);
  logic             waiting_q = 0;
  logic [WIDTH-1:0] data_q;
  initial broken = 0;
  always_ff @(posedge clk) begin
    waiting_q <= rst_n && valid && !ready;
    data_q    <= data;
    if (rst_n && waiting_q && !valid) broken[15:0] <= broken[15:0] + 1;
    if (rst_n && waiting_q && valid && data != data_q) broken[31:16] <= broken[31:16] + 1;
  end
endmodule
"""


def checked(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Write a top that counts broken rules of every stream in an accelerator, in the place of FIFOs' fills."""
    ports = (folder / "accelerator.sv").read_text().split("module accelerator (", 1)[1].split(");", 1)[0]
    wires = re.findall(r"^  logic \[(\d+):0\] (\w+)_TDATA;$", (folder / "accelerator.sv").read_text(), re.MULTILINE)
    rules = [
        f"  axis_rules #(.WIDTH({int(top) + 1})) rules_{at} (.clk(ap_clk), .rst_n(ap_rst_n), .data(dut.{name}_TDATA),"
        f" .valid(dut.{name}_TVALID), .ready(dut.{name}_TREADY), .broken(mon_fill[{32 * at} +: 32]));"
        for at, (top, name) in enumerate(wires)
    ]
    text = f"module checked ({ports},\n  output logic [{32 * len(wires) - 1}:0] mon_fill\n);\n  accelerator dut (.*);\n"
    path = folder / "checked.sv"
    path.write_text(RULES + text + "\n".join(rules) + "\nendmodule\n")
    return path, tuple(name for _, name in wires)


def broken(folder: Path, stitched: stitch.Stitched, top: Path, names: tuple[str, ...], faces: np.ndarray) -> set[str]:
    """Streams that broke a rule in some frames, each end held back at random in turn."""
    library = verilator.build([*(folder / name for name in stitched.sources), top], "checked")
    found: set[str] = set()
    for stall in ("none", "source", "sink", "both"):
        simulation = Simulation(library, workdir=folder, fifos=names)
        with SimulatedAccelerator(simulation, stitched.input_stream, stitched.output_stream) as accelerator:
            counts = accelerator.run(faces, stall).fifo_fill
        found |= {f"{name}: valid fell" for name, count in counts.items() if count & 0xFFFF}
        found |= {f"{name}: data changed" for name, count in counts.items() if count >> 16}
    return found


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, stitch.Stitched]:
    """RTL of one convolution and one attention block."""
    folder = tmp_path_factory.mktemp("build") / "rtl"
    model = compile_graph(random_block(1), BLOCK)
    return folder, stitch.stitch(model, folder, BLOCK.board.part, BLOCK.clk_period_ns)


def test_no_stream_inside_takes_back_what_it_offers(
    block: tuple[Path, stitch.Stitched], rng: np.random.Generator
) -> None:
    folder, stitched = block
    top, names = checked(folder)
    assert len(names) >= len(stitched.streams) + 3, "weights are streams too"
    assert not broken(folder, stitched, top, names, random_faces(rng, 6, 8))


def test_a_broken_rule_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "axis_rules.sv"
    source.write_text(RULES)
    fell, changed = 1, 1 << 16
    with Simulation(verilator.build([source], "axis_rules"), Ports((), "clk", "rst_n")) as simulation:
        for data, valid, ready, expected in (
            (5, 1, 0, 0),
            (5, 1, 0, 0),  # waits as it should
            (6, 1, 0, changed),
            (6, 0, 0, changed + fell),
            (7, 1, 1, changed + fell),
            (8, 1, 1, changed + fell),  # taken: another beat may follow
            (8, 0, 1, changed + fell),
        ):
            for port, value in (("data", data), ("valid", valid), ("ready", ready)):
                simulation.poke(port, value)
            simulation.idle(1)
            assert simulation.peek("broken") == expected, (data, valid, ready)
