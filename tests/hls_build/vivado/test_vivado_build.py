# SPDX-License-Identifier: Apache-2.0
"""From a compiled build to its bitstream: what is kept, what is told, and how a crash goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from standin import environment

from board.core.contract import Contract
from board.core.files import sha256
from hls_build.build_folder import BuildFolder
from hls_build.config.build import BUILDS, load_build
from hls_build.vivado import bitstream, tools

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
    monkeypatch.setenv("STANDIN_SLACK", "-0.217")
    lines.clear()
    figures = bitstream.make(folder, build, vivado, lines.append)
    assert sum("done before" in line for line in lines) == 5
    assert figures["made"] and figures["vivado"] == "2022.2" and not figures["timing_met"]
    assert figures["worst_setup_slack_ns"] == -0.217
    assert Contract.read(folder.contract).bitfile_sha256 == sha256(compiled / "accelerator.bit")
    assert (compiled / "accelerator.hwh").is_file()
    assert {path.name for path in (compiled / "report/vivado").iterdir()} >= {"timing.rpt", "power.rpt"}
    told = bitstream.sentences(figures, folder, build.board, build.clock_mhz)
    assert told[0].startswith("made with Vivado 2022.2, worst slack -0.217 ns at 100 MHz")
    assert "TIMING IS NOT MET" in told[1]
    json.dumps(figures)


def test_a_bitstream_for_another_device_is_not_taken(
    compiled: Path, vivado: tools.Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = BuildFolder(tmp_path / "build")
    subprocess.run(["cp", "-r", compiled, folder.root], check=True)
    for made in ("accelerator.bit", "accelerator.hwh", "vivado"):
        subprocess.run(["rm", "-rf", folder.root / made], check=True)
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
    done = subprocess.run(given, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "made with Vivado 2022.2" in " ".join(done.stdout.split())
    contract = Contract.read(out / "deploy" / "accelerator.json")
    assert contract.bitfile_sha256 == sha256(out / "deploy" / "accelerator.bit")
    assert (out / "deploy" / "accelerator.hwh").is_file()


def test_without_vivado_there_is_the_project(compiled: Path, tmp_path: Path) -> None:
    folder, build = BuildFolder(compiled), load_build(TINY)
    figures = bitstream.make(folder, build, None, print)
    assert figures == {"made": False, "reason": "Vivado is not on PATH", "project": "vivado/pynq-z2_tiny-vivado.zip"}
    assert (compiled / figures["project"]).stat().st_size > 10_000
    missing, project = bitstream.sentences(figures, folder, build.board, build.clock_mhz)
    assert missing == "no bitstream, since Vivado is not on PATH;"
    assert project == f"{compiled / figures['project']} makes it where Vivado is"
