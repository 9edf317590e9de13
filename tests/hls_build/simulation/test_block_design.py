# SPDX-License-Identifier: Apache-2.0
"""Block designs: FINN+'s commands for Vivado as wires between modules, and what needs Vivado is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hls_build.simulation import block_design, verilator

SOURCE = """
module adder #(parameter W = 3) (
  input ap_clk,
  input [2*W+1:0] in0_V_TDATA,
  input in0_V_TVALID,
  output in0_V_TREADY,
  output [WIDE-1:0] out0_V_TDATA,
  output out0_V_TVALID,
  input out0_V_TREADY,
  input s_axilite_AWVALID
);
parameter WIDE = 16;
endmodule
"""
COMMANDS = """
add_files -norecurse {folder}/adder.v
create_bd_cell -type hier first
create_bd_pin -dir I -type clk /first/ap_clk
create_bd_intf_pin -mode Slave -vlnv xilinx.com:interface:axis_rtl:1.0 /first/in0_V
create_bd_cell -type hier -reference adder /first/core
connect_bd_net [get_bd_pins first/ap_clk] [get_bd_pins first/core/ap_clk]
connect_bd_intf_net [get_bd_intf_pins first/in0_V] [get_bd_intf_pins first/core/in0_V]
connect_bd_intf_net [get_bd_intf_pins first/core/out0_V] [get_bd_intf_pins first/out0_V]
create_bd_cell -type module -reference adder second
make_bd_pins_external [get_bd_pins first/ap_clk]
set_property name ap_clk [get_bd_ports ap_clk_0]
connect_bd_net [get_bd_ports ap_clk] [get_bd_pins second/ap_clk]
connect_bd_intf_net [get_bd_intf_pins first/out0_V] [get_bd_intf_pins second/in0_V]
make_bd_intf_pins_external [get_bd_intf_pins first/in0_V]
set_property name s_axis_0 [get_bd_intf_ports in0_V_0]
make_bd_intf_pins_external [get_bd_intf_pins second/out0_V]
set_property name m_axis_0 [get_bd_intf_ports out0_V_0]
make_bd_intf_pins_external [get_bd_intf_pins second/s_axilite]
set_property CONFIG.FREQ_HZ 100000000 [get_bd_ports /ap_clk]
save_bd_design
"""


@pytest.fixture
def commands(tmp_path: Path) -> str:
    (tmp_path / "adder.v").write_text(SOURCE)
    return COMMANDS.format(folder=tmp_path)


@pytest.mark.verilator
def test_a_hierarchy_becomes_wires(commands: str, tmp_path: Path) -> None:
    text = block_design.verilog(block_design.read(commands), "whole")
    assert "adder first__core_i (" in text and "adder second_i (" in text
    ports = {port.name: (port.bits, port.is_input) for port in verilator.ports_of(text + SOURCE, "whole")}
    assert ports == {
        "ap_clk": (1, True),
        "s_axis_0_tdata": (8, True), "s_axis_0_tvalid": (1, True), "s_axis_0_tready": (1, False),
        "m_axis_0_tdata": (16, False), "m_axis_0_tvalid": (1, False), "m_axis_0_tready": (1, True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "create_bd_cell -type ip -vlnv xilinx.com:ip:axi_fifo:1.0 /first/fifo",
            "is Vivado's block xilinx.com:ip:axi_fifo:1.0",
        ),
        ("create_bd_cell -type ip -vlnv %s x", "cell x is Vivado's block"),
        ("set_property CONFIG.ID {3} [get_bd_cells first]", "got what only Vivado can do: set_property CONFIG.ID"),
    ],
)
def test_what_needs_vivado_is_refused(line: str, said: str, commands: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        block_design.read(commands + line)


@pytest.mark.verilator
def test_a_module_without_a_source_is_refused(commands: str) -> None:
    with pytest.raises(RuntimeError, match="module adder must be in a Verilog file of the block design, got none"):
        block_design.verilog(block_design.read(commands.replace("add_files", "save_bd_design")), "whole")


def test_a_script_without_a_wrapper_is_refused(tmp_path: Path) -> None:
    (tmp_path / block_design.SCRIPT).write_text("create_project p\n")
    with pytest.raises(RuntimeError, match="must name the wrapper of a block design, got none"):
        block_design.answer(tmp_path)
