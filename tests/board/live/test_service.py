# SPDX-License-Identifier: Apache-2.0
"""The systemd unit starts what there is."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

import board.live
from board.cli.command import parser
from board.cli.main import commands

UNIT = Path(board.live.__file__).parent / "auflow-live.service"


@pytest.fixture
def service() -> configparser.SectionProxy:
    read = configparser.RawConfigParser(strict=False)
    read.optionxform = str  # type: ignore[assignment, method-assign] # names keep their case
    read.read(UNIT)
    return read["Service"]


def test_it_runs_a_command_that_there_is(service: configparser.SectionProxy) -> None:
    words = service["ExecStart"].split()
    assert words[:2] == ["/usr/bin/env", "auflow"]
    options = parser(commands(), words[2:]).parse_args(words[2:])
    assert (options.input, options.host, str(options.record)) == ("/dev/video0", "0.0.0.0", "/var/lib/auflow")
    assert str(options.token_file) == "/var/lib/auflow/token" and service["StateDirectory"] == "auflow"


def test_pynq_sees_its_device_and_writes_what_it_must() -> None:
    lines = UNIT.read_text().splitlines()
    assert "Environment=XILINX_XRT=/usr" in lines
    assert any(line.startswith("Environment=PATH=/usr/local/share/pynq-venv/bin:") for line in lines)
    assert "ReadWritePaths=-/lib/firmware -/usr/local/share/pynq-venv" in lines


def test_systemd_takes_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze (Debian, Ubuntu: apt install systemd)")
    unit = tmp_path / UNIT.name
    shutil.copyfile(UNIT, unit)
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
