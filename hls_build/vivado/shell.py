# SPDX-License-Identifier: Apache-2.0
"""FINN+'s Zynq design as a Tcl script, with what it lacks for this accelerator put in by named rewrites.

A rewrite whose place FINN+ has changed raises, so that none is ever lost in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from board.driver.shell import SHELL
from hls_build.config.board import Board
from hls_build.shell.spec import ADDRESS_BITS, TOP

PIECE = "StreamingDataflowPartition_1"
"""What FINN+'s shell calls the accelerator between the DMAs."""
CLOCK_2X = "ap_clk2x"
_CHECK_WIDTHS = """\
foreach pin [get_bd_intf_pins -of_objects [get_bd_cells {idma* odma*}] -filter {NAME =~ m_axi_*}] {
    set width [get_property CONFIG.DATA_WIDTH $pin]
    if {$width ne "" && [lsearch -exact {32 64 128 256 512 1024} $width] < 0} {
        error "$pin must have 32, 64, 128, 256, 512 or 1024 bits for SmartConnect, got $width"
    }
}"""
"""An accelerator's output DMA moves 16 bits, of which Vitis HLS makes a memory port of 32."""
OWN_RTL = "rtl"
"""Folder of the sources that AUFlow's shell is read from."""
_CREATE_OWN = f"""\
add_files -norecurse [glob @ROOT@/{OWN_RTL}/*.v @ROOT@/{OWN_RTL}/*.sv]
add_files -norecurse [glob @ROOT@/{OWN_RTL}/*.dat @ROOT@/{OWN_RTL}/*.mem]
set_property file_type {{Memory Initialization Files}} [get_files -filter {{NAME =~ *.dat || NAME =~ *.mem}}]
update_compile_order -fileset sources_1
create_bd_cell -type module -reference {TOP} {SHELL}
"""
_CONNECT_OWN = f"""\
connect_bd_intf_net [get_bd_intf_pins {SHELL}/s_axi] [get_bd_intf_pins axi_interconnect_0/M00_AXI]
assign_bd_address -offset $axi_peripheral_base -range {1 << ADDRESS_BITS} [get_bd_addr_segs {SHELL}/s_axi/*]
connect_bd_net [get_bd_pins {SHELL}/ap_clk] [get_bd_pins clk_wiz_0/clk_out1]
connect_bd_net [get_bd_pins {SHELL}/ap_rst_n] [get_bd_pins proc_sys_reset_0/interconnect_aresetn]
if {{$ZYNQ_TYPE == "zynq_us+"}} {{
    set_property CONFIG.PSU__USE__IRQ0 {{1}} [get_bd_cells zynq_ps]
    connect_bd_net [get_bd_pins {SHELL}/interrupt_o] [get_bd_pins zynq_ps/pl_ps_irq0]
}} else {{
    set_property -dict [list CONFIG.PCW_USE_FABRIC_INTERRUPT {{1}} CONFIG.PCW_IRQ_F2P_INTR {{1}}] [get_bd_cells zynq_ps]
    connect_bd_net [get_bd_pins {SHELL}/interrupt_o] [get_bd_pins zynq_ps/IRQ_F2P]
}}

"""
_CONNECT_MEMORY = f"""\
connect_bd_intf_net [get_bd_intf_pins {SHELL}/m_axi_gmem] [get_bd_intf_pins zynq_ps/S_AXI_HP0]
"""
"""Of a Zynq-7000, whose ports speak AXI3 of 64 bits as the shell's then do, so that nothing need lie between."""
_CONNECT_WEIGHTS = f"""\
set_property -dict [list CONFIG.PCW_USE_S_AXI_HP1 {{1}}] [get_bd_cells zynq_ps]
connect_bd_intf_net [get_bd_intf_pins {SHELL}/m_axi_weights] [get_bd_intf_pins zynq_ps/S_AXI_HP1]
connect_bd_net [get_bd_pins clk_wiz_0/clk_out1] [get_bd_pins zynq_ps/S_AXI_HP1_ACLK]
"""
_SHARE_MEMORY = f"""\
connect_bd_intf_net [get_bd_intf_pins {SHELL}/m_axi_gmem] [get_bd_intf_pins smartconnect_0/S00_AXI]
"""
_SHARE_WEIGHTS = f"""\
connect_bd_intf_net [get_bd_intf_pins {SHELL}/m_axi_weights] [get_bd_intf_pins smartconnect_0/S01_AXI]
"""
"""On a Zynq UltraScale+ both share the one port to memory that FINN+'s design opens."""


@dataclass(frozen=True)
class Rewrite:
    """One change of a script.

    Attributes:
        why: The reason.
        old: Pattern, which must match once.
        new: What takes its place.
        where: Expected number of matches.
    """

    why: str
    old: str
    new: str
    where: int = 1

    def apply(self, script: str) -> str:
        """Change a script.

        Raises:
            RuntimeError: The place is not there.
        """
        changed, count = re.subn(self.old, lambda _: self.new, script, flags=re.MULTILINE)
        if count != self.where:
            raise RuntimeError(
                f"FINN+'s Zynq shell must hold {self.old!r} {self.where} times ({self.why}), got {count}:"
                " use the pinned finn-plus"
            )
        return changed


def rewrites(
    board: Board, clock_mhz: float, double_pumped: bool, own: bool = False, weights: bool = False
) -> tuple[Rewrite, ...]:
    """Every change of the design for a board and a clock.

    Args:
        board: Which one.
        clock_mhz: Of the accelerator.
        double_pumped: Whether there is a second clock of twice the rate.
        own: Whether AUFlow's shell takes the place of FINN's DMAs and of the accelerator between them.
        weights: Whether AUFlow's shell has a second memory port, from which weights are read.
    """
    family = "zynq_us+" if board.is_zynqmp else "zynq_7000"
    changes = [
        Rewrite(
            "FINN+ knows the board files of some boards only",
            r'^if \{\$BOARD == "(?:.*\n)+?    puts "Unrecognized board"\n\}$',
            f'set_property board_part {board.board_part} [current_project]\nset ZYNQ_TYPE "{family}"',
        ),
        Rewrite("FINN+ cuts the clock off to whole MHz", r"^set FREQ_MHZ .*$", f"set FREQ_MHZ {clock_mhz:g}"),
        Rewrite(
            "the driver sets the processor's clock to the accelerator's, so the wizard must keep the frequency",
            r"(?<=PCW_FPGA0_PERIPHERAL_FREQMHZ )\{100\}|(?<=PL0_REF_CTRL__FREQMHZ )\{100\}",
            "$FREQ_MHZ",
            where=2,
        ),
        Rewrite("board files lie beside the project", r'"[^"]*/board_files"$', '"@BOARD_FILES@"', where=2),
        Rewrite(
            "FINN+ implements once, by the default strategy, whatever the timing",
            r"^    launch_runs -jobs \d+ -to_step write_bitstream impl_1\n    wait_on_run \[get_runs impl_1\]$",
            f"    {_source('implement.tcl')}",
        ),
        Rewrite("the run whose timing is best", r"^open_run impl_1$", "open_run $best"),
        Rewrite("the reports that are shown", r"^close_project$", f"{_source('reports.tcl')}\nclose_project"),
    ]
    changes += _own_shell(weights, board.is_zynqmp) if own else [_WIDTHS]
    if double_pumped:
        changes += _second_clock(SHELL if own else PIECE)
    return tuple(changes)


def _source(name: str) -> str:
    """The line that runs a script beside the shell's."""
    return f"source [file join [file dirname [info script]] {name}]"


_WIDTHS = Rewrite(
    "SmartConnect takes no memory port of another width (AMD PG247), and FINN's DMAs are as narrow as a frame",
    r"^#finalize clock and reset connections for interconnects$",
    _CHECK_WIDTHS,
)


def _own_shell(weights: bool, is_zynqmp: bool) -> list[Rewrite]:
    """One block with one memory port, or another for weights, in place of FINN's DMAs and the accelerator."""
    why = "AUFlow's shell is one block"
    if is_zynqmp:
        connected = _SHARE_MEMORY + (_SHARE_WEIGHTS if weights else "")
        ports = [] if weights else [Rewrite(why, r"^set NUM_AXIMM 2$", "set NUM_AXIMM 1")]
    else:
        connected = _CONNECT_MEMORY + (_CONNECT_WEIGHTS if weights else "")
        smart = r"^ *(?:create_bd_cell|set_property|connect_bd_(?:intf_)?net) .*\bsmartconnect_0\b.*\n"
        ports = [Rewrite("its ports are those of a Zynq-7000, and a SmartConnect takes a thousand LUTs", smart, "", 6)]
    return [
        Rewrite(why, r"^set NUM_AXILITE 2$", "set NUM_AXILITE 1"),
        Rewrite(
            why,
            r"^#custom IP instantiations/connections start here$\n(?:.*\n)+?(?=# set up debug$)",
            _CREATE_OWN + connected + _CONNECT_OWN,
        ),
        *ports,
    ]


def _second_clock(block: str) -> list[Rewrite]:
    """Feed ap_clk2x of a block from the same PLL as ap_clk: rising edges of ap_clk are rising edges of both.

    FINN+'s shell leaves the port open. A second clock of the processor would have no fixed phase.
    """
    first = "CONFIG.CLKOUT1_REQUESTED_OUT_FREQ $FREQ_MHZ"
    second = "CONFIG.CLKOUT2_USED {true} CONFIG.CLKOUT2_REQUESTED_OUT_FREQ [expr {2 * $FREQ_MHZ}]"
    wire = f"connect_bd_net [get_bd_pins clk_wiz_0/clk_out2] [get_bd_pins {block}/{CLOCK_2X}]"
    why = "multipliers at twice the clock need it in phase"
    return [
        Rewrite(why, re.escape(first), f"{first} {second} CONFIG.CLKOUT2_REQUESTED_PHASE 0"),
        Rewrite(why, rf"^(?=connect_bd_net \[get_bd_pins {block}/ap_clk\])", f"{wire}\n"),
    ]
