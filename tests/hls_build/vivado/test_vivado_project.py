# SPDX-License-Identifier: Apache-2.0
"""The Vivado project of a build: the RTL that was simulated, nothing of this machine, the shell as it must be."""

import hashlib
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from finn.transformation.fpgadataflow import templates
from networks import random_block
from standin import BLOCK, Written, unpack, write_project

from hls_build.compiler import compile_graph
from hls_build.config.board import board_names, load_board
from hls_build.config.build import BUILDS
from hls_build.config.folding import Folding
from hls_build.finn_adapter import operator
from hls_build.finn_settings import finn_settings
from hls_build.vivado import deferring_tool, finn_steps, project, shell

CELLS = ("/StreamingDataflowPartition_1_", "/finn_switch/", "/clk_wiz_0/")
"""Beginnings of paths inside a block design, which are no files."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The small block's project, from a build and with a TMPDIR whose paths FINN+ would not take."""
    odd = tmp_path_factory.mktemp('a "b é')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(odd))
        patch.chdir(odd)
        return write_project(odd / "build")


@pytest.fixture(scope="module")
def folder(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, unpacked."""
    return unpack(written.archive, tmp_path_factory.mktemp("project"))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_no_path_of_this_machine_is_inside(folder: Path, written: Written) -> None:
    here = {
        str(written.rtl.parents[1]),
        str(Path.home()),
        str(BUILDS.parents[1]),
        "site-packages",
        "/tmp/",
    }
    for path in files(folder):
        text = path.read_text()
        for place in here:
            assert place not in text, f"{place} in {path.relative_to(folder)}"
        for found in re.findall(r'(?<=[\s"{])/[\w.-]+/[\w./-]+', text):
            assert found.startswith(CELLS), f"{found} in {path.relative_to(folder)}"


def test_the_rtl_is_the_simulated_rtl(folder: Path, written: Written) -> None:
    same = 0
    for path in files(folder / "src"):
        node = path.parent.name
        simulated = written.rtl / (f"{node}_weights.dat" if path.name == "memblock.dat" else path.name)
        if path.suffix in (".sv", ".v", ".dat") and simulated.exists():
            text = path.read_text().replace(f"@ROOT@/nodes/{node}/memblock.dat", f"./{node}_weights.dat")
            assert text.replace(f"@ROOT@/nodes/{node}/", "./") == simulated.read_text(), path.name
            same += 1
    sources = {path.name for path in written.rtl.iterdir() if path.suffix in (".sv", ".v", ".dat")}
    ours = {"accelerator.sv", "accelerator_monitor.sv"}
    assert same == len(sources - ours), "every simulated file is there"


def test_every_listed_file_is_there_with_its_digest(folder: Path) -> None:
    lines = [line.split("  ") for line in (folder / project.FILES).read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    actual = {path.relative_to(folder).as_posix(): path for path in files(folder) if path.name != project.FILES}
    assert set(listed) == set(actual)
    for name, path in actual.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name]


def test_every_placeholder_leads_to_a_file_or_to_what_a_step_makes(folder: Path) -> None:
    made = re.compile(
        r"^\d_\w+/(project_\w+/sol1/impl/ip|ip|finn_vivado_stitch_proj\.srcs/.*|all_verilog_srcs\.txt)$|^\d_\w+$"
    )
    for path in files(folder / "src"):
        for name in re.findall(r'@ROOT@/([^\s"\]}]+)', path.read_text()):
            there = list((folder / "src").glob(f"{name.rstrip('/')}*"))
            assert there or made.match(name), f"{name} in {path.relative_to(folder)}"


def test_the_same_build_gives_the_same_archive(written: Written, tmp_path: Path) -> None:
    again = tmp_path / written.archive.name
    project.write(written.model, written.build, written.rtl, again)
    assert again.read_bytes() == written.archive.read_bytes()


def test_finn_keeps_its_settings(written: Written, tmp_path: Path) -> None:
    before = finn_settings().finn_build_dir, finn_settings().finn_deps, finn_settings().num_default_workers
    project.write(written.model, written.build, written.rtl, tmp_path / "x.zip")
    assert before == (finn_settings().finn_build_dir, finn_settings().finn_deps, finn_settings().num_default_workers)


def test_other_rtl_than_the_simulated_is_refused(written: Written, tmp_path: Path) -> None:
    rtl = tmp_path / "rtl"
    rtl.mkdir()
    for path in written.rtl.iterdir():
        (rtl / path.name).write_bytes(path.read_bytes())
    (rtl / "conv1_weights.dat").write_text("00\n" + (rtl / "conv1_weights.dat").read_text())
    with pytest.raises(
        RuntimeError, match=r"must get the RTL that was simulated, got another conv1_weights\.dat of conv1"
    ):
        project.write(written.model, written.build, rtl, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize("name", board_names())
def test_the_shell_is_of_the_board(name: str, shell_of_finn: str) -> None:
    board = load_board(name)
    script = shell_of_finn
    for rewrite in shell.rewrites(board, 100, double_pumped=False):
        script = rewrite.apply(script)
    before, after = script.split('create_bd_design "top"')
    assert f"set_property board_part {board.board_part} [current_project]" in before
    assert before.count("board_part ") == 1 and "$BOARD ==" not in before
    assert ('set ZYNQ_TYPE "zynq_7000"' in before) == (not board.is_zynqmp)
    assert 'if {$ZYNQ_TYPE == "zynq_us+"} {' in after and '{$ZYNQ_TYPE == "zynq_7000"} {' in after


def test_a_board_that_finn_does_not_know_gets_its_project(tmp_path: Path) -> None:
    board = replace(BLOCK.board, name="Arty-Z7-20", board_part="digilentinc.com:arty-z7-20:part0:1.1")
    folder = unpack(write_project(tmp_path, replace(BLOCK, board=board)).archive, tmp_path)
    assert "set board_part digilentinc.com:arty-z7-20:part0:1.1\n" in (folder / "steps.tcl").read_text()
    script = (folder / "src/6_shell/ip_config.tcl").read_text()
    assert "set FPGA_PART xc7z020clg400-1\n" in script
    assert "set_property board_part digilentinc.com:arty-z7-20:part0:1.1 [current_project]\n" in script


def test_ports_are_as_wide_as_finn_has_them() -> None:
    from finn.util.basic import pynq_native_port_width, pynq_part_map

    for name, width in pynq_native_port_width.items():
        zynq = pynq_part_map[name].startswith("xc7z")
        assert width == (finn_steps.PORT_BITS if zynq else finn_steps.ZYNQMP_PORT_BITS), name


def test_the_shell_runs_at_the_configured_clock(written: Written, tmp_path: Path) -> None:
    build = replace(written.build, clock_mhz=142.5)
    script = shell_script(write_project(tmp_path, build), tmp_path)
    assert "\nset FREQ_MHZ 142.5\n" in script
    assert script.count("FREQMHZ $FREQ_MHZ") == 2, "the processor gives what the wizard keeps"
    assert "CLKOUT2" not in script


def test_no_frequency_of_what_is_packaged_is_compared_to_the_hz(folder: Path) -> None:
    """Or Vivado stops with BD 41-237, since the processor's clock is 99.999 MHz where it is asked for 100."""
    packaging = [path for path in files(folder / "src") if "ipx::package_project" in path.read_text()]
    assert len(packaging) == 3, "the accelerator and both DMAs"
    for path in packaging:
        assert "set_property ipi_drc {ignore_freq_hz true} [ipx::current_core]" in path.read_text(), path.parent.name
    script = (folder / "src/6_shell/ip_config.tcl").read_text()
    custom = script.split("#custom IP instantiations/connections start here")[1].split("#MLO")[0]
    assert re.findall(r"create_bd_cell -type (\w+)", custom) == ["ip"] * 3, "a module's frequency would be compared"


def shell_script(written: Written, folder: Path) -> str:
    return (unpack(written.archive, folder) / "src/6_shell/ip_config.tcl").read_text()


@pytest.fixture(scope="module")
def shell_of_finn() -> str:
    """The shell's script as FINN+ writes it, as far as rewrites look at it."""
    template = str(templates.custom_zynq_shell_template)
    return template.replace("$BOARDFILES$", "/deps/board_files").replace("$NUM_JOBS$", "4")


def test_a_shell_that_has_changed_is_not_rewritten_in_silence() -> None:
    for rewrite in shell.rewrites(BLOCK.board, 100, double_pumped=True):
        with pytest.raises(RuntimeError, match="Zynq shell must hold"):
            rewrite.apply("puts hello")


def test_finn_still_lacks_what_the_rewrites_put_in() -> None:
    """The canary: where this fails, FINN+ has changed and a rewrite of hls_build.vivado.shell may go."""
    from finn.transformation.fpgadataflow import make_zynq_proj

    shell_template = templates.custom_zynq_shell_template
    assert "int(1 / (self.period_ns * 0.001))" in Path(make_zynq_proj.__file__).read_text(), "FINN+ cuts off the clock"
    assert "FREQMHZ {100}" in shell_template, "FINN+ fixes the processor's clock"
    assert "CLKOUT2" not in shell_template and "clk2x" not in shell_template, "FINN+ feeds no second clock"
    assert "report_timing_summary" not in shell_template
    assert "strategies and optimization options configurable" in shell_template, "FINN+ tries one strategy"


def test_a_double_pumped_multiplier_gets_its_clock(tmp_path: Path) -> None:
    model = compile_graph(random_block(1), BLOCK)
    for node in model.graph.node:
        if node.name == "conv1":
            operator(node).set_nodeattr("pumpedCompute", 1)
    script = shell_script(write_project(tmp_path, BLOCK, model), tmp_path)
    assert "CONFIG.CLKOUT2_REQUESTED_OUT_FREQ [expr {2 * $FREQ_MHZ}]" in script
    assert (
        "connect_bd_net [get_bd_pins clk_wiz_0/clk_out2] [get_bd_pins StreamingDataflowPartition_1/ap_clk2x]" in script
    )


def test_a_multiplier_of_ours_gets_its_second_clock(tmp_path: Path) -> None:
    build = replace(BLOCK, folding={**BLOCK.folding, "fc1": Folding(simd=8, multiplier="dsp", pumped=True)})
    written = write_project(tmp_path, build)
    assert "clk_wiz_0/clk_out2] [get_bd_pins StreamingDataflowPartition_1/ap_clk2x]" in shell_script(written, tmp_path)
    scripts = unpack(written.archive, tmp_path).rglob("*.tcl")
    external = r"make_bd_pins_external \[get_bd_pins \S+/ap_clk2x\]"
    assert any(re.search(external, script.read_text()) for script in scripts)


def test_scripts_of_ours_need_no_newer_tcl_than_vivado_has() -> None:
    """Vivado 2022.2 has Tcl 8.5; 8.6, which runs the tests, has these commands besides (its release notes)."""
    newer = r"(?<!\w)(lmap|try|throw|tailcall|coroutine|yield|zlib|oo::class|dict (map|filter value))\s"
    for path in (Path(project.HERE) / "scripts").glob("*.tcl"):
        code = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)
        assert not re.search(newer, code), path.name


def test_a_script_that_names_no_project_is_not_put_off(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must name its project"):
        deferring_tool.results("puts hello")


def test_a_full_disk_leaves_no_archive(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(project.ZipFile, "writestr", full)
    with pytest.raises(RuntimeError, match=r"cannot write .*x\.zip: No space left on device"):
        project.write(written.model, written.build, written.rtl, tmp_path / "x.zip")
    assert not list(tmp_path.iterdir())
