# SPDX-License-Identifier: Apache-2.0
"""The stand-in for Vivado stops at every kind of fault that it is there to find."""

import re
import subprocess
from pathlib import Path

import pytest
from networks import random_block
from standin import BLOCK, FOLDER, STREAMED, Written, block_contract, unpack, vivado, write_project

from board.core.files import sha256
from board.driver.debug import Watched
from board.driver.overlay import check_overlay
from hls_build.compiler import compile_graph
from hls_build.finn_adapter import operator
from hls_build.rtl.stitch import Stitched

pytestmark = pytest.mark.tclsh

ACCELERATOR = "src/3_StreamingDataflowPartition_1/make_project.tcl"
SHELL = "src/6_shell/ip_config.tcl"
IMPLEMENT = "src/6_shell/implement.tcl"
CELL = "StreamingDataflowPartition_1_"

FAULTS = {
    "a missing source": ("src/kernels/gate/gate.sv", None, "", r"file \S+/work/kernels/gate/gate\.sv does not exist"),
    "a missing weight file": (
        "src/nodes/conv1/memblock.dat",
        None,
        "",
        r"memory file \S+memblock\.dat in .* does not exist",
    ),
    "missing threshold files": ("src/nodes/conv1_q/*.dat", None, "", r"memory file \S+/conv1_q_ in .* does not exist"),
    "a relative memory file": ("src/nodes/conv1_q/conv1_q.v", "@ROOT@/nodes", "./nodes", r"has no absolute path"),
    "another width": (
        "src/nodes/conv1_q/conv1_q.v",
        "parameter  WI = ",
        "parameter  WI = 9 + ",
        rf"width of {CELL}Thresholding_rtl_0/in0_V is \d+, of {CELL}MVAU_rtl_0/\S+ \d+|width of {CELL}MVAU",
    ),
    "another port": (
        "src/nodes/attention1_channel_q/attention1_channel_q.v",
        "in1_V_T",
        "in2_V_T",
        rf"no ipin {CELL}Gate_rtl_0/in1_V in the design",
    ),
    "a stream without ready": (
        "src/nodes/attention1_channel_q/attention1_channel_q.v",
        "in1_V_TREADY",
        "in1_V_TRADY",
        "interface in1_V of attention1_channel_q has no tready",
    ),
    "another module": (
        "src/nodes/conv1/conv1_wrapper.v",
        "module conv1 ",
        "module conv0 ",
        "no module conv1 in the project",
    ),
    "an unreadable port": ("src/nodes/conv1/conv1_wrapper.v", "input\tap_clk,", "inputt ap_clk,", "unreadable port"),
    "an unknown command": (ACCELERATOR, "save_bd_design", "save_bd_desing", 'invalid command name "save_bd_desing"'),
    "an unknown option": (ACCELERATOR, "update_ip_catalog", "update_ip_catalog -rebiuld", "unknown option -rebiuld"),
    "a Tcl error": (ACCELERATOR, "save_bd_design", "set nothing $undefined", "no such variable"),
    "an unconnected stream": (
        ACCELERATOR,
        rf"connect_bd_intf_net \[get_bd_intf_pins {CELL}StreamFork_rtl_0/out1_V\].*",
        "",
        rf"unconnected interface {CELL}\w+/(out1_V|in0_V)",
    ),
    "an unconnected clock": (
        ACCELERATOR,
        rf"connect_bd_net \[get_bd_ports ap_clk\] \[get_bd_pins {CELL}Gate_rtl_0/ap_clk\]",
        "",
        rf"unconnected pin {CELL}Gate_rtl_0/ap_clk",
    ),
    "two drivers of a net": (
        ACCELERATOR,
        "^validate_bd_design",
        f"connect_bd_net [get_bd_pins {CELL}StreamingFIFO_rtl_0/count]"
        f" [get_bd_pins {CELL}StreamingFIFO_rtl_0/maxcount]\nvalidate_bd_design",
        "several drivers of one net",
    ),
    "a stream twice": (
        ACCELERATOR,
        rf"^connect_bd_intf_net \[get_bd_intf_pins {CELL}StreamFork_rtl_0/out1_V\]",
        f"connect_bd_intf_net [get_bd_intf_pins {CELL}StreamFork_rtl_0/out0_V]",
        "several ends of one interface",
    ),
    "an unknown pin": (
        ACCELERATOR,
        "Gate_rtl_0/ap_rst_n",
        "Gate_rtl_0/ap_reset_n",
        "no pin .*ap_reset_n in the design",
    ),
    "a design that is not validated": (ACCELERATOR, "^validate_bd_design", "", "is not validated"),
    "another clock of one stream": (
        ACCELERATOR,
        rf"connect_bd_net \[get_bd_ports ap_clk\] \[get_bd_pins {CELL}Gate_rtl_0/ap_clk\]",
        f"make_bd_pins_external [get_bd_pins {CELL}Gate_rtl_0/ap_clk]",
        "have different clocks",
    ),
    "C++ that does not compile": (
        "src/1_StreamingDataflowPartition_0_IODMA_hls_0/top_StreamingDataflowPartition_0_IODMA_hls_0.cpp",
        "Mem2Stream_Batch",
        "Mem2Steam_Batch",
        "HLS compilation failed: .*Mem2Steam_Batch",
    ),
    "a missing header": ("src/hls/dma.h", None, "", r"HLS compilation failed: .*dma\.h"),
    "an unknown IP": (
        SHELL,
        "create_bd_cell -type ip -vlnv xilinx_finn:",
        "create_bd_cell -type ip -vlnv finn:",
        "no IP finn:",
    ),
    "an unknown setting": (SHELL, "PCW_USE_S_AXI_HP0", "PCW_USE_S_AXI_HP9", "has no setting PCW_USE_S_AXI_HP9"),
    "a port that is not switched on": (
        SHELL,
        r"PCW_USE_S_AXI_HP0 \{1\}",
        "PCW_USE_S_AXI_HP0 {0}",
        "no i?pin zynq_ps/S_AXI_HP0",
    ),
    "an unconnected DMA": (
        SHELL,
        r"^connect_bd_intf_net \[get_bd_intf_pins odma0/m_axi_gmem0\].*",
        "",
        r"unconnected interface (odma0/m_axi_gmem0|smartconnect_0/S01_AXI)",
    ),
    "a DMA without address": (SHELL, "^assign_axi_addr_proc odma0.*", "", "odma0/s_axi_control_0 has no address"),
    "overlapping addresses": (SHELL, r"set axi_peripheral_base \[expr .*", "", "addresses of .*odma0.* overlap"),
    "an unconnected reset": (
        SHELL,
        r"^.*proc_sys_reset_0/ext_reset_in\]",
        "#",
        "unconnected pin proc_sys_reset_0/ext_reset_in",
    ),
    "another clock than packaged for": (
        SHELL,
        "^set FREQ_MHZ 100",
        "set FREQ_MHZ 90",
        "was packaged for 100.0 MHz, .* gives 90",
    ),
    "a frequency that is compared to the Hz": (
        ACCELERATOR,
        r"^set_property ipi_drc \{ignore_freq_hz true\}.*",
        "",
        r"BD 41-237.*does not match between \S*/ap_clk\(100000000\) and clk_wiz_0/clk_out1\(99999000\)",
    ),
    "a narrow memory port": (
        "src/5_StreamingDataflowPartition_2/make_project.tcl",
        r"^set_property ipi_drc",
        "dict set ::standin::core component intfs m_axi_gmem0 width 16\nset_property ipi_drc",
        "odma0/m_axi_gmem0 must have 32, 64, 128, 256, 512 or 1024 bits for SmartConnect, got 16",
    ),
    "no top": (SHELL, r"^set_property top top_wrapper \[get_filesets sources_1\]", "", "no property top"),
    "an unknown object": (IMPLEMENT, r"launch_runs (.*) \$name", "launch_runs -jobs 1 impl_7", "no run impl_7"),
    "an unknown strategy": (IMPLEMENT, r"\{Vivado Implementation Defaults\}", "Fastest", "no strategy Fastest of"),
    "a run that is launched twice": (
        IMPLEMENT,
        r"^  catch \{ wait_on_run .*",
        "  launch_runs -jobs 1 $name",
        "run impl_1 needs to be reset before it is launched",
    ),
    "an unknown report": ("src/6_shell/reports.tcl", "min_max", "minmax", "no delay type minmax"),
    "an unknown property": (
        SHELL,
        r"^set_property SYNTH_CHECKPOINT_MODE .*",
        "set_property NOTHING 1 [get_bd_cells zynq_ps]",
        "no property NOTHING of cell:zynq_ps",
    ),
}

QUICK = (
    *("a missing source", "another width", "an unknown command", "an unconnected stream", "an unconnected DMA"),
    *("a frequency that is compared to the Hz", "a narrow memory port"),
)
"""Of the default run."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small block's project."""
    return write_project(tmp_path_factory.mktemp("build")).archive


def logs(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted((folder / "work/logs").glob("*.log")))


def test_a_whole_project_builds(archive: Path, tmp_path: Path) -> None:
    folder = unpack(archive, tmp_path)
    done = vivado(folder)
    assert done.returncode == 0, done.stdout + logs(folder)
    assert (folder / "result/accelerator.bit").read_bytes().startswith(bytes.fromhex("00090ff0"))


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=() if fault in QUICK else pytest.mark.slow) for fault in FAULTS]
)
def test_a_fault_is_found(archive: Path, tmp_path: Path, fault: str) -> None:
    name, old, new, message = FAULTS[fault]
    folder = unpack(archive, tmp_path)
    if old is None:
        paths = list(folder.glob(name))
        assert paths, "the test changes something"
        for path in paths:
            path.unlink()
    else:
        text = (folder / name).read_text()
        changed = re.sub(old, lambda _: new, text, flags=re.MULTILINE)
        assert changed != text, "the test changes something"
        (folder / name).write_text(changed)
    done = vivado(folder)
    assert done.returncode == 1
    assert re.search(f"ERROR: .*{message}", logs(folder), re.DOTALL), logs(folder)[-3000:]
    assert not (folder / "result").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"^connect_bd_net \[get_bd_pins clk_wiz_0/clk_out2\].*", "", r"unconnected pin \w+/ap_clk2x"),
        ("clk_wiz_0/clk_out2", "clk_wiz_0/clk_out1", r"ap_clk2x was packaged for 200\.0 MHz, .*clk_out1 gives 100 MHz"),
        (r"CONFIG\.CLKOUT2_USED \{true\}", "", "no pin clk_wiz_0/clk_out2"),
    ],
)
def test_a_fault_of_the_second_clock_is_found(
    double_pumped: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    folder = unpack(double_pumped, tmp_path)
    script = folder / SHELL
    script.write_text(re.sub(old, new, script.read_text(), flags=re.MULTILINE))
    assert vivado(folder).returncode == 1
    assert re.search(message, logs(folder)), logs(folder)[-3000:]


@pytest.fixture(scope="module")
def double_pumped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small block with one multiplier at twice the clock."""
    model = compile_graph(random_block(1), BLOCK)
    for node in model.graph.node:
        if node.name == "conv1":
            operator(node).set_nodeattr("pumpedCompute", 1)
    return write_project(tmp_path_factory.mktemp("double"), BLOCK, model).archive


def test_a_second_clock_reaches_the_multipliers(double_pumped: Path, tmp_path: Path) -> None:
    folder = unpack(double_pumped, tmp_path)
    assert vivado(folder).returncode == 0, logs(folder)[-3000:]


@pytest.fixture(scope="module")
def own_shell(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The small block's project with AUFlow's shell."""
    return write_project(tmp_path_factory.mktemp("own"), own_shell=True)


def test_a_project_with_our_shell_builds_without_hls(own_shell: Written, tmp_path: Path) -> None:
    folder = unpack(own_shell.archive, tmp_path)
    done = vivado(folder)
    assert done.returncode == 0, done.stdout + logs(folder)
    assert [path.name for path in (folder / "work/logs").iterdir()] == ["1_shell.log"]
    bitfile = folder / "result/accelerator.bit"
    contract = block_contract(Stitched.load(own_shell.rtl)).with_bitfile(sha256(bitfile))
    assert check_overlay(bitfile, contract) == {"shell0": "shell0"}
    assert Watched.read(folder / "result/shell.json").streams == Stitched.load(own_shell.rtl).streams


OWN_SCRIPT = "src/1_shell/ip_config.tcl"
OWN_FAULTS = {
    "no top": ("src/rtl/shell_top.v", None, "no module shell_top in the project's files"),
    "no frame": ("src/rtl/self_test.mem", None, r"no files matched|self_test\.mem in .* does not exist"),
    "no weights": ("src/rtl/conv1_weights.dat", None, r"memory file \S+conv1_weights\.dat in .* does not exist"),
    "no address": (OWN_SCRIPT, r"^assign_bd_address -offset.*", "shell0/s_axi has no address"),
    "no memory": (
        OWN_SCRIPT,
        r"^connect_bd_intf_net \[get_bd_intf_pins shell0/m_axi_gmem\].*",
        r"unconnected interface (shell0/m_axi_gmem|zynq_ps/S_AXI_HP0)",
    ),
    "a clock of 100 MHz to the Hz": (
        "src/rtl/shell_top.v",
        ", *FREQ_TOLERANCE_HZ -1",
        r"BD 41-237.*does not match between shell0/ap_clk\(100000000\) and clk_wiz_0/clk_out1\(99999000\)",
    ),
    "memory ports of AXI4": (
        "src/rtl/shell_top.v",
        r', X_INTERFACE_PARAMETER = "XIL_INTERFACENAME m_axi_gmem, PROTOCOL AXI3"',
        "m_axi_gmem_a.len of shell_top has 4 bits",
    ),
    "no interrupt": (OWN_SCRIPT, r"^ *connect_bd_net .*/IRQ_F2P\]", "unconnected pin zynq_ps/IRQ_F2P"),
    "no reset": (OWN_SCRIPT, r"^.*shell0/ap_rst_n\].*", "unconnected pin shell0/ap_rst_n"),
}


@pytest.mark.parametrize("fault", OWN_FAULTS)
def test_a_fault_of_our_shells_project_is_found(own_shell: Written, tmp_path: Path, fault: str) -> None:
    name, old, message = OWN_FAULTS[fault]
    folder = unpack(own_shell.archive, tmp_path)
    path = folder / name
    text = path.read_text()
    if old is None:
        path.unlink()
    else:
        changed = re.sub(old, "", text, flags=re.MULTILINE)
        assert changed != text, "the test changes something"
        path.write_text(changed)
    assert vivado(folder).returncode == 1
    assert re.search(message, logs(folder)), logs(folder)[-3000:]
    assert not (folder / "result").exists()


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The project of a block whose dense layer comes from memory."""
    return write_project(tmp_path_factory.mktemp("streamed"), STREAMED, own_shell=True)


def test_weights_have_a_port_to_memory(streamed: Written, tmp_path: Path) -> None:
    folder = unpack(streamed.archive, tmp_path)
    done = vivado(folder)
    assert done.returncode == 0, done.stdout + logs(folder)
    contract = block_contract(Stitched.load(streamed.rtl), STREAMED).with_bitfile(
        sha256(folder / "result/accelerator.bit")
    )
    assert check_overlay(folder / "result/accelerator.bit", contract) == {"shell0": "shell0"}


def test_weights_without_their_port_are_found(streamed: Written, tmp_path: Path) -> None:
    folder = unpack(streamed.archive, tmp_path)
    path = folder / OWN_SCRIPT
    text = path.read_text()
    path.write_text(re.sub(r"^connect_bd_intf_net .*shell0/m_axi_weights\].*", "", text, flags=re.MULTILINE))
    assert path.read_text() != text
    assert vivado(folder).returncode == 1
    assert re.search(r"unconnected interface (shell0/m_axi_weights|zynq_ps/S_AXI_HP1)", logs(folder))


@pytest.mark.parametrize(
    ("header", "ports"),
    [
        ("module m (input a, output [7:0] b);", "{a I 1 0} {b O 8 0}"),
        ("module m #(parameter W = 3, parameter V = (W+7)/8*8)(input wire [V-1:0] a);", "{a I 8 0}"),
        ("module m #(parameter N = $clog2(9))(output reg [N:0] a); // [x]", "{a O 5 0}"),
        ("module m (input [P-1:0] a); parameter P = 6;", "{a I 6 0}"),
        ('module m ((* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 c CLK, x" *) input c);', "{c I 1 1}"),
        ("/* module m (input z); */ module m #(parameter T = 8'hff)(input a);", "{a I 1 0}"),
    ],
)
def test_ports_are_read_with_their_widths(tmp_path: Path, header: str, ports: str) -> None:
    (tmp_path / "m.v").write_text(f"{header}\nendmodule\n")
    script = f"source {FOLDER}/vendor.tcl; source {FOLDER}/verilog.tcl; puts [module_ports {tmp_path}/m.v m]"
    done = subprocess.run(["tclsh"], input=script, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (ports, "")
