# SPDX-License-Identifier: Apache-2.0
"""Finding Vivado: the right releases are taken, everything else is one sentence before any work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hls_build.config.build import BUILDS
from hls_build.vivado import tools

SAYS = {
    "vivado": "Vivado v{} (64-bit)",
    "vitis_hls": "Vitis HLS - High-Level Synthesis from C, C++ and OpenCL v{} (64-bit)",
}


def tool(folder: Path, name: str, release: str) -> None:
    """An executable that tells its version as the vendor's does."""
    script = folder / name
    script.write_text(f"#!/bin/sh\n[ \"$1\" = -version ] && echo '{SAYS[name].format(release)}'\n")
    script.chmod(0o755)


def installed(folder: Path, **releases: str) -> dict[str, str]:
    """Variables of a shell in which only these tools are set up."""
    for name, release in releases.items():
        tool(folder, name, release)
    return {"PATH": str(folder) + ":/usr/bin:/bin", "XILINX_VIVADO": str(folder)}


@pytest.mark.parametrize("release", ["2022.2", "2024.2"])
def test_both_releases_are_taken(tmp_path: Path, release: str) -> None:
    found = tools.find(installed(tmp_path, vivado=release, vitis_hls=release))
    assert found == tools.Tools(tmp_path / "vivado", release)


def test_our_shell_needs_no_vitis_hls(tmp_path: Path) -> None:
    assert tools.find(installed(tmp_path, vivado="2024.2"), needs_hls=False) == tools.Tools(
        tmp_path / "vivado", "2024.2"
    )


def test_no_vivado_is_no_error(tmp_path: Path) -> None:
    assert tools.find(installed(tmp_path)) is None
    assert tools.find(installed(tmp_path, vitis_hls="2019.1")) is None


@pytest.mark.parametrize(
    ("releases", "message"),
    [
        ({"vivado": "2023.1", "vitis_hls": "2023.1"}, r"needs Vivado 2022\.2 or 2024\.2, got 2023\.1 at "),
        ({"vivado": "2024.2"}, r"needs vitis_hls beside Vivado 2024\.2 at .*, got none on PATH"),
        ({"vivado": "2024.2", "vitis_hls": "2022.2"}, r"needs vitis_hls 2024\.2, as Vivado is, got 2022\.2 at "),
    ],
)
def test_a_wrong_set_of_tools_is_one_sentence(tmp_path: Path, releases: dict[str, str], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        tools.find(installed(tmp_path, **releases))


@pytest.mark.parametrize("settings", ["", "/nowhere/Vivado/2022.2"])
def test_a_vivado_that_is_not_set_up_is_one_sentence(tmp_path: Path, settings: str) -> None:
    variables = installed(tmp_path, vivado="2022.2", vitis_hls="2022.2") | {"XILINX_VIVADO": settings}
    with pytest.raises(RuntimeError, match=f"needs XILINX_VIVADO to be its folder, got {settings or 'none'}: source"):
        tools.find(variables)


@pytest.mark.parametrize("script", ["echo no licence >&2; exit 3", "echo hello", "exit 0"])
def test_a_tool_that_tells_no_version_is_one_sentence(tmp_path: Path, script: str) -> None:
    variables = installed(tmp_path, vitis_hls="2022.2")
    (tmp_path / "vivado").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "vivado").chmod(0o755)
    with pytest.raises(RuntimeError, match=r"vivado must tell its version, got ('no licence'|'hello'|'nothing') from"):
        tools.find(variables)


def test_a_tool_that_hangs_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "TIMEOUT_S", 0.2)
    variables = installed(tmp_path, vitis_hls="2022.2")
    (tmp_path / "vivado").write_text("#!/bin/sh\nexec sleep 20\n")
    (tmp_path / "vivado").chmod(0o755)
    with pytest.raises(RuntimeError, match=r"got no answer within 0\.2 s"):
        tools.find(variables)


def test_a_build_stops_before_its_first_step(tmp_path: Path) -> None:
    variables = installed(tmp_path, vivado="2023.2", vitis_hls="2023.2")
    command = [sys.executable, "-m", "hls_build.cli.main", "build", "--config", str(BUILDS / "pynq-z2_tiny.toml")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "auflow: the bitstream needs Vivado 2022.2 or 2024.2, got 2023.2" in done.stderr
    assert not (tmp_path / "out").exists()
