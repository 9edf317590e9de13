# SPDX-License-Identifier: Apache-2.0
"""From a compiled build to its bitstream: what is kept, what is told, and how a crash goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from standin import environment

from board.core.contract import Contract
from board.core.files import sha256
from board.core.timing import TimingClosure
from hls_build.build_folder import BuildFolder
from hls_build.config.build import BUILDS, load_build
from hls_build.vivado import bitstream, reports, tools

pytestmark = pytest.mark.tclsh

TINY = BUILDS / "pynq-z2_tiny.toml"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network up to its RTL."""
    out = tmp_path_factory.mktemp("build") / "tiny"
    command = [sys.executable, "-m", "hls_build.cli.main", "build", "--config", str(TINY), "--out", str(out)]
    done = subprocess.run([*command, "--stop-after", "compile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def vivado(monkeypatch: pytest.MonkeyPatch) -> tools.Tools:
    """The stand-in, found on PATH."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    found = tools.find()
    assert found is not None
    return found


def test_a_crash_is_told_and_the_next_run_goes_on(
    compiled: Path, vivado: tools.Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, build = BuildFolder(compiled), load_build(TINY)
    lines: list[str] = []
    monkeypatch.setenv("STANDIN_FAIL", "launch_runs shell")
    with pytest.raises(RuntimeError, match=r"vivado at 6_shell failed: .*launch_runs ran out of memory.*--resume"):
        bitstream.make(folder, build, vivado, lines.append)
    assert "6_shell: vivado" in lines and not any("done before" in line for line in lines)
    assert not (compiled / "accelerator.bit").exists()
    assert Contract.read(folder.contract).bitfile_sha256 is None

    monkeypatch.delenv("STANDIN_FAIL")
    lines.clear()
    figures = bitstream.make(folder, build, vivado, lines.append)
    assert sum("done before" in line for line in lines) == 5
    assert figures["made"] and figures["tool"] == "Vivado 2022.2" and figures["timing_met"]
    assert (figures["worst_setup_slack_ns"], figures["tried"]) == (0.412, {"Vivado Implementation Defaults": 0.018})
    contract = Contract.read(folder.contract)
    assert contract.bitfile_sha256 == sha256(compiled / "accelerator.bit")
    assert contract.timing is not None and contract.timing.met
    assert contract.timing.clocks_mhz["clk_out1_top_clk_wiz_0_0"] == 100
    assert (compiled / "accelerator.hwh").is_file()
    assert {path.name for path in (compiled / "report/vivado").iterdir()} == set(reports.NAMES)
    assert (compiled / "vivado/pynq-z2_tiny-vivado/result/accelerator.dcp").read_text() == "checkpoint of impl_1"
    told = bitstream.sentences(figures, folder, build.board, build.clock_mhz)
    assert told[0].startswith("made at 100 MHz, 1.873 W; ") and told[1].startswith(
        "timing is met, worst slack 0.412 ns"
    )
    assert told[2] == "for a person to judge, in report/vivado/cdc.rpt and methodology.rpt: 2 TIMING-18, 4 SYNTH-6"
    json.dumps(figures)


def copied(compiled: Path, root: Path) -> BuildFolder:
    """A copy of the compiled build that Vivado has not seen."""
    subprocess.run(["cp", "-r", compiled, root], check=True)
    for made in ("accelerator.bit", "accelerator.hwh", "vivado", "report/vivado"):
        subprocess.run(["rm", "-rf", root / made], check=True)
    folder = BuildFolder(root)
    replace(Contract.read(folder.contract), bitfile_sha256=None, timing=None).write(folder.contract)
    return folder


def test_what_misses_timing_is_packed_only_where_that_is_accepted(
    compiled: Path, vivado: tools.Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, build = copied(compiled, tmp_path / "build"), load_build(TINY)
    monkeypatch.setenv("STANDIN_SLACK", "-0.4 -0.217 -0.3")
    with pytest.raises(RuntimeError, match=r"TIMING IS NOT MET: .*best of 4 strategies.*timing_paths\.rpt.*--accept-t"):
        bitstream.make(folder, build, vivado, print)
    assert not folder.bitfile.exists() and Contract.read(folder.contract).bitfile_sha256 is None
    result = folder.vivado / "pynq-z2_tiny-vivado/result"
    assert (result / "timing_paths.rpt").read_text().startswith("Slack: -0.217ns")

    lines: list[str] = []
    figures = bitstream.make(folder, build, vivado, lines.append, accept_timing_failure=True)
    assert sum("done before" in line for line in lines) == 6, "no tool runs again"
    assert figures["made"] and not figures["timing_met"]
    assert figures["strategy"] == "Performance_ExplorePostRoutePhysOpt"
    assert figures["tried"] == {
        "Vivado Implementation Defaults": -0.4,
        "Performance_ExplorePostRoutePhysOpt": -0.217,
        "Performance_ExtraTimingOpt": -0.3,
        "Congestion_SpreadLogic_high": -0.3,
    }
    assert folder.bitfile.read_bytes().endswith(b"impl_2"), "the best run's bitfile, with its own reports"
    timing = Contract.read(folder.contract).timing
    assert timing is not None and (timing.met, timing.worst_setup_slack_ns) == (False, -0.217)
    told = bitstream.sentences(figures, folder, build.board, build.clock_mhz)
    assert told[1].startswith("TIMING IS NOT MET: worst slack -0.217 ns (set-up)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "runs", "met"),
    [
        ({"STANDIN_SLACK": "-0.4 0.1 0.3"}, 2, True),
        ({"STANDIN_SLACK": "-0.4", "AUFLOW_STRATEGIES": "1"}, 1, False),
        ({"STANDIN_HOLD": "-0.02"}, 4, False),
        ({"STANDIN_PULSE_WIDTH": "-0.1"}, 4, False),
        ({"STANDIN_UNCLOCKED": "5"}, 1, False),
        ({"STANDIN_SLACK": "-0.4 0.1", "STANDIN_PROGRESS": "100% 40% 100%"}, 3, True),
    ],
)
def test_strategies_are_tried_until_timing_is_met(
    compiled: Path,
    vivado: tools.Tools,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    runs: int,
    met: bool,
) -> None:
    folder = copied(compiled, tmp_path / "build")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    figures = bitstream.make(folder, load_build(TINY), vivado, print, accept_timing_failure=True)
    assert (len(figures["tried"]), figures["timing_met"]) == (runs, met)


@pytest.mark.slow
def test_a_first_strategy_that_ends_early_is_told(
    compiled: Path, vivado: tools.Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = copied(compiled, tmp_path / "build")
    monkeypatch.setenv("STANDIN_PROGRESS", "40%")
    with pytest.raises(RuntimeError, match=r"vivado at 6_shell failed: .*Defaults ended at 40% of impl_1"):
        bitstream.make(folder, load_build(TINY), vivado, print)


def test_a_contract_of_an_earlier_bitfile_is_taken_back(compiled: Path, tmp_path: Path) -> None:
    folder = copied(compiled, tmp_path / "build")
    timing = TimingClosure("Vivado 2022.2", "Defaults", 0.1, 0.1, 0.1, 0, 0, {"clock": 100.0})
    replace(Contract.read(folder.contract), bitfile_sha256="1" * 64, timing=timing).write(folder.contract)
    bitstream.make(folder, load_build(TINY), None, print)
    contract = Contract.read(folder.contract)
    assert (contract.bitfile_sha256, contract.timing) == (None, None)


def test_a_bitstream_for_another_device_is_not_taken(
    compiled: Path, vivado: tools.Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = copied(compiled, tmp_path / "build")
    monkeypatch.setenv("STANDIN_PART", "7z010clg400")
    with pytest.raises(RuntimeError, match=r"Vivado's bitstream is not of this build: .*7z010clg400"):
        bitstream.make(folder, load_build(TINY), vivado, print)
    assert not (folder.root / "accelerator.bit").exists()


@pytest.mark.slow
def test_a_whole_build_ends_in_a_deployment_with_its_bitstream(compiled: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    subprocess.run(["cp", "-r", compiled, out], check=True)
    command = [sys.executable, "-m", "hls_build.cli.main", "build", "--config", str(TINY), "--out", str(out)]
    given = [*command, "--resume", "--no-simulation", "--sim-frames", "1"]
    slow = environment(STANDIN_SLACK="-0.2")
    refused = subprocess.run(given, env=slow, capture_output=True, text=True)
    assert refused.returncode == 1 and "TIMING IS NOT MET" in refused.stderr, refused.stderr
    assert not (out / "accelerator.bit").exists() and not (out / "deploy").exists()

    done = subprocess.run([*given, "--accept-timing-failure"], env=slow, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "simulate: done before" in said and "(Vivado 2022.2, strategy Vivado Implementation Defaults" in said
    contract = Contract.read(out / "deploy" / "accelerator.json")
    assert contract.bitfile_sha256 == sha256(out / "deploy" / "accelerator.bit")
    assert contract.timing is not None and not contract.timing.met
    assert "and TIMING IS NOT MET: results may be wrong" in (out / "deploy" / "README.md").read_text()
    assert (out / "deploy" / "accelerator.hwh").is_file()

    again = subprocess.run(given, env=slow, capture_output=True, text=True)
    assert "deploy: done before" in again.stdout, "the bound contract is no reason to compile again"


def test_without_vivado_there_is_the_project(compiled: Path, tmp_path: Path) -> None:
    folder, build = BuildFolder(compiled), load_build(TINY)
    figures = bitstream.make(folder, build, None, print)
    assert figures == {"made": False, "reason": "Vivado is not on PATH", "project": "vivado/pynq-z2_tiny-vivado.zip"}
    assert (compiled / figures["project"]).stat().st_size > 10_000
    missing, project = bitstream.sentences(figures, folder, build.board, build.clock_mhz)
    assert missing == "no bitstream, since Vivado is not on PATH;"
    assert project == f"{compiled / figures['project']} makes it where Vivado is"
