# SPDX-License-Identifier: Apache-2.0
"""Find Vivado, and Vitis HLS where it is needed, and check their versions, before a build spends time on anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("2022.2", "2024.2")
"""That FINN+ 1.6.1 names."""
TIMEOUT_S = 120
"""For a tool to tell its version, from a slow network disk."""
WAY_OUT = "or take vivado off PATH to build without a bitstream"


@dataclass(frozen=True)
class Tools:
    """Vivado, with its Vitis HLS where that is needed.

    Attributes:
        vivado: Executable.
        version: Of both.
    """

    vivado: Path
    version: str


def find(environment: Mapping[str, str] | None = None, needs_hls: bool = True) -> Tools | None:
    """The tools on PATH; None where there is no vivado.

    Args:
        environment: Variables; None takes those of this process.
        needs_hls: Whether the project calls Vitis HLS, as FINN's shell does and AUFlow's does not.

    Raises:
        RuntimeError: vivado is there, but of a wrong version, without the Vitis HLS that is needed, or not set up.
    """
    environment = os.environ if environment is None else environment
    path = environment.get("PATH")
    vivado, vitis_hls = (shutil.which(tool, path=path) for tool in ("vivado", "vitis_hls"))
    if vivado is None:
        return None
    settings = environment.get("XILINX_VIVADO")
    if not settings or not Path(settings).is_dir():
        raise RuntimeError(
            f"Vivado at {vivado} needs XILINX_VIVADO to be its folder, got {settings or 'none'}:"
            f" source its settings64.sh, {WAY_OUT}"
        )
    version = _version(vivado, environment)
    if version not in VERSIONS:
        raise RuntimeError(
            f"the bitstream needs Vivado {_either()}, got {version} at {vivado}: use one of them, {WAY_OUT}"
        )
    if not needs_hls:
        return Tools(Path(vivado), version)
    if vitis_hls is None:
        raise RuntimeError(
            f"the bitstream needs vitis_hls beside Vivado {version} at {vivado}, got none on PATH:"
            f" source settings64.sh of Vitis HLS {version}, {WAY_OUT}"
        )
    if (other := _version(vitis_hls, environment)) != version:
        raise RuntimeError(
            f"the bitstream needs vitis_hls {version}, as Vivado is, got {other} at {vitis_hls}:"
            f" use one release, {WAY_OUT}"
        )
    return Tools(Path(vivado), version)


def _either() -> str:
    return " or ".join(VERSIONS)


def _version(tool: str, environment: Mapping[str, str]) -> str:
    """The release that a tool reports, such as "2022.2"."""
    name = Path(tool).name
    try:
        done = subprocess.run(
            [tool, "-version"],
            env=dict(environment),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{name} must tell its version, got no answer within {TIMEOUT_S} s from {tool}") from None
    except OSError as error:
        raise RuntimeError(f"{name} must tell its version, got {error.strerror} from {tool}") from None
    found = re.search(r"\bv(\d{4}\.\d+)", done.stdout)
    if done.returncode or not found:
        said = " ".join((done.stderr or done.stdout).split())[-200:]
        raise RuntimeError(f"{name} must tell its version, got {said or 'nothing'!r} from {tool}")
    return found[1]
