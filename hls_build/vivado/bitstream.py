# SPDX-License-Identifier: Apache-2.0
"""The bitstream of a build: its Vivado project, the project's run where Vivado is, and what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from board.core.files import sha256
from board.core.plain_contract import read_contract
from board.deployment import BITFILE, HANDOFF
from board.driver.overlay import check_overlay
from hls_build.build_folder import BuildFolder
from hls_build.config.board import Board
from hls_build.config.build import BuildConfig
from hls_build.cost.resources import LABELS, Resources
from hls_build.vivado import reports
from hls_build.vivado.reports import Implemented
from hls_build.vivado.run import run
from hls_build.vivado.tools import Tools

MISSING = "Vivado is not on PATH"
UNTIMED = "TIMING IS NOT MET"
"""What the sentence of a bitstream that may compute wrong results begins with."""


def archive_of(folder: BuildFolder, build: BuildConfig) -> Path:
    """The archive of a build's project."""
    return folder.vivado / f"{build.name}-vivado.zip"


def make(folder: BuildFolder, build: BuildConfig, tools: Tools | None, tell: Callable[[str], None]) -> dict[str, Any]:
    """Write the project of a build, and make its bitstream where Vivado is.

    The bitfile and its handoff are put beside accelerator.json, which then names the bitfile's digest, once everything
    has succeeded.

    Args:
        folder: Of a build that was compiled.
        build: Its configuration.
        tools: Vivado; None only writes the project.
        tell: Gets a line for every step.

    Returns:
        The figures of report/bitstream.json.

    Raises:
        RuntimeError: A tool failed, or its bitstream is not of this build.
    """
    from hls_build.vivado import project  # FINN+'s builder takes seconds to import

    archive = archive_of(folder, build)
    project.write(folder.read_dataflow(), build, folder.rtl, archive)
    figures: dict[str, Any] = {"made": False, "reason": MISSING, "project": archive.relative_to(folder.root).as_posix()}
    if tools is None:
        return figures
    result = run(project.unpack(archive, archive.parent), tools, tell)
    implemented = _keep_reports(result, folder.vivado_reports)
    _bind(result, folder)
    figures |= {"made": True, "reason": None, "vivado": tools.version, "timing_met": implemented.timing_met}
    return figures | asdict(implemented)


def _keep_reports(result: Path, kept: Path) -> Implemented:
    """Copy the reports to the build's others, and read them."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for name in reports.NAMES:
        shutil.copyfile(result / name, kept / name)
    return reports.read(kept)


def _bind(result: Path, folder: BuildFolder) -> None:
    """Put bitfile and handoff into the build, and the bitfile's digest into its contract."""
    contract = read_contract(folder.contract).with_bitfile(sha256(result / BITFILE))
    try:
        check_overlay(result / BITFILE, contract)
    except ValueError as error:
        raise RuntimeError(f"Vivado's bitstream is not of this build: {error}") from None
    shutil.copyfile(result / BITFILE, folder.bitfile)
    shutil.copyfile(result / HANDOFF, folder.handoff)
    contract.write(folder.contract)


def is_made(folder: BuildFolder) -> bool:
    """Whether a build has a bitstream."""
    return bool(folder.read_report("bitstream")["made"])


def sentences(figures: dict[str, Any], folder: BuildFolder, board: Board, clock_mhz: float) -> list[str]:
    """What a person is told of the outcome."""
    if not figures["made"]:
        project = folder.root / figures["project"]
        return [f"no bitstream, since {figures['reason']};", f"{project} makes it where Vivado is"]
    used = Resources.from_json(figures["used"])
    shares = [f"{LABELS[n]} {getattr(used, n):,} ({share:.0%})" for n, share in used.shares(board.budget).items()]
    slack = figures["worst_setup_slack_ns"]
    lines = [
        f"made with Vivado {figures['vivado']}, worst slack {slack:g} ns at {clock_mhz:g} MHz,"
        f" {figures['power_w']:g} W; {', '.join(shares)}"
    ]
    if not figures["timing_met"]:
        lines.append(
            f"{UNTIMED}: worst slack {slack:g} ns (set-up), {figures['worst_hold_slack_ns']:g} ns"
            f" (hold), {figures['failing_endpoints']} failing endpoints: the FPGA may compute wrong results;"
            " build with a lower clock_mhz"
        )
    return lines
