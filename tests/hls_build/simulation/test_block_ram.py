# SPDX-License-Identifier: Apache-2.0
"""The models of block RAMs: a memory that Yosys maps to them answers like the memory itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from board.simulation.harness import Simulation
from board.simulation.streams import Ports
from hls_build.simulation import verilator
from hls_build.yosys import tool, verilog

pytestmark = [pytest.mark.verilator, pytest.mark.yosys]

MEMORY = """\
module {name} (
  input logic clk_i, input logic write_i, input logic read_i, input logic rst_i,
  input logic [{addr}-1:0] write_addr_i, input logic [{addr}-1:0] read_addr_i,
  input logic [{width}-1:0] data_i, output logic [{width}-1:0] data_o
);
  (* ram_style = "block" *) logic [{width}-1:0] mem [2**{addr}];
  initial $readmemh("{name}.dat", mem);
  always_ff @(posedge clk_i) begin
    if (write_i) mem[write_addr_i] <= data_i;
    if (read_i) begin
      data_o <= {read};
      if (rst_i) data_o <= '0;
    end
  end
endmodule
"""
BENCH = """\
module bench (
  input logic clk_i, input logic rst_ni, output logic [31:0] reads, output logic [31:0] differences
);
  logic [191:0] pool_d, pool_q = 192'h9e3779b97f4a7c15_d1b54a32d192ed03_2545f4914f6cdd1d;
  logic [{width}-1:0] data, netlist_data;
  logic read_q = 0;
  wire [{addr}-1:0] write_addr = {addr}'(pool_q[5:0]), read_addr = {read_addr};
  wire read = pool_q[20], write = pool_q[22:21] != 0, rst = pool_q[30:26] == 0;
  {name} memory (
    .clk_i, .write_i(write), .read_i(read), .rst_i(rst), .write_addr_i(write_addr), .read_addr_i(read_addr),
    .data_i(pool_q[40 +: {width}]), .data_o(data)
  );
  {name}_netlist netlist (
    .clk_i, .write_i(write), .read_i(read), .rst_i(rst), .write_addr_i(write_addr), .read_addr_i(read_addr),
    .data_i(pool_q[40 +: {width}]), .data_o(netlist_data)
  );
  always_comb begin
    pool_d = pool_q;
    for (int i = 0; i < 7; i++) pool_d = {{pool_d[190:0], pool_d[191] ^ pool_d[189] ^ pool_d[186] ^ pool_d[181]}};
  end
  always_ff @(posedge clk_i) begin
    pool_q <= pool_d;
    read_q <= read;
    if (!rst_ni) {{reads, differences}} <= '0;
    else if (read_q) begin
      reads <= reads + 1;
      if (data !== netlist_data) differences <= differences + 1;
    end
  end
endmodule
"""
OLD, OWN = "mem[read_addr_i]", "write_i ? data_i : mem[write_addr_i]"
"""What is read: what was there at another address, or what the same port writes."""
CASES = {
    "bytes": (8, 11, OLD),
    "wide": (36, 9, OLD),
    "widest": (72, 9, OLD),
    "narrow": (2, 13, OLD),
    "one_bit": (1, 14, OLD),
    "deep": (9, 12, OLD),
    "single": (18, 10, OWN),
}
"""Width, bits of the address, and what is read."""


def netlists(folder: Path) -> dict[str, str]:
    """Verilog of every case after synthesis, its module called NAME_netlist; leaves the memories' files in a folder."""
    rng, contents = np.random.default_rng(3), {}
    for name, (width, addr, _) in CASES.items():
        words = (int.from_bytes(rng.bytes(9), "little") % (1 << width) for _ in range(1 << addr))
        contents[f"{name}.dat"] = "".join(f"{word:x}\n" for word in words)
        (folder / f"{name}.dat").write_text(contents[f"{name}.dat"])
    sources = {
        f"{name}.sv": MEMORY.format(name=name, width=width, addr=addr, read=read)
        for name, (width, addr, read) in CASES.items()
    }
    found = tool.modules(sources, list(CASES), {name: text.encode() for name, text in contents.items()})
    return {
        name: re.sub(rf"^module {name}\b", f"module {name}_netlist", found[name].verilog, flags=re.M) for name in CASES
    }


def test_memories_are_those_of_the_netlist(tmp_path: Path) -> None:
    (tmp_path / "cells_sim.v").write_text(verilog.cell_models())
    seen = set()
    for name, text in netlists(tmp_path).items():
        width, addr, read = CASES[name]
        seen |= set(re.findall(r"\b(RAMB\d+E1)\b", text))
        assert "RAMB" in text, f"{name} is in no block RAM"
        files = {
            f"{name}.sv": MEMORY.format(name=name, width=width, addr=addr, read=read),
            f"{name}_netlist.v": text,
            f"{name}_bench.sv": BENCH.format(
                name=name, width=width, addr=addr, read_addr=f"{addr}'(pool_q[11:6])" if read == OLD else "write_addr"
            ),
        }
        for file, content in files.items():
            (tmp_path / file).write_text(content)
        sources = [*(tmp_path / file for file in files), tmp_path / "cells_sim.v", verilator.BLOCK_RAM]
        library = verilator.build(sources, "bench")
        with Simulation(library, Ports((), "clk_i", "rst_ni"), workdir=tmp_path) as simulation:
            simulation.idle(20_000)
            assert simulation.peek("reads") > 5_000
            assert simulation.peek("differences") == 0, name
    assert seen == set(verilog.OWN_MODELS)
