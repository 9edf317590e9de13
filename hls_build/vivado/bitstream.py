# SPDX-License-Identifier: Apache-2.0
"""The bitstream of a build: its Vivado project, the project's run where Vivado is, and what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from board.core.contract import AcceleratorContract
from board.core.files import sha256
from board.core.graph import IntegerGraph
from board.core.plain_contract import read_contract
from board.core.timing import TimingClosure
from board.deployment import BITFILE, HANDOFF, SHELL_FILE
from board.driver.overlay import check_overlay
from hls_build.build_folder import BuildFolder
from hls_build.config.board import Board
from hls_build.config.build import BuildConfig
from hls_build.config.shells import FINN_SHELL
from hls_build.cost.resources import LABELS, Resources
from hls_build.rtl.stitch import Stitched
from hls_build.shell.of_build import shell_of
from hls_build.vivado import reports
from hls_build.vivado.reports import CDC, METHODOLOGY, Implemented
from hls_build.vivado.run import run
from hls_build.vivado.tools import Tools

MISSING = "Vivado is not on PATH"
ACCEPT = "--accept-timing-failure"
"""Option that packs a bitfile whose timing is not met."""


def archive_of(folder: BuildFolder, build: BuildConfig) -> Path:
    """The archive of a build's project."""
    return folder.vivado / f"{build.name}-vivado.zip"


def make(
    folder: BuildFolder,
    build: BuildConfig,
    tools: Tools | None,
    tell: Callable[[str], None],
    accept_timing_failure: bool = False,
) -> dict[str, Any]:
    """Write the project of a build, and make its bitstream where Vivado is.

    The bitfile and its handoff are put beside accelerator.json, which then names the bitfile's digest and its timing,
    once everything has succeeded. Until then the contract is that of no bitfile.

    Args:
        folder: Of a build that was compiled.
        build: Its configuration.
        tools: Vivado; None only writes the project.
        tell: Gets a line for every step.
        accept_timing_failure: Whether a bitfile is kept that may compute wrong results.

    Returns:
        The figures of report/bitstream.json.

    Raises:
        RuntimeError: A tool failed, timing is not met, or the bitstream is not of this build.
    """
    from hls_build.vivado import project  # FINN+'s builder takes seconds to import

    archive = archive_of(folder, build)
    contract = read_contract(folder.contract)
    if contract.bitfile_sha256 is not None:
        contract = contract.with_bitfile(None)
        contract.write(folder.contract)
    shell = None
    if build.shell != FINN_SHELL:
        shell = shell_of(Stitched.load(folder.rtl), contract, IntegerGraph.load(folder.integer), build.shell)
    project.write(folder.read_dataflow(), build, folder.rtl, archive, shell)
    figures: dict[str, Any] = {"made": False, "reason": MISSING, "project": archive.relative_to(folder.root).as_posix()}
    if tools is None:
        return figures
    result = run(project.unpack(archive, archive.parent), tools, tell)
    implemented = reports.read(result, tools.version)
    if not implemented.timing.met and not accept_timing_failure:
        raise RuntimeError(_refusal(implemented, result))
    _keep_reports(result, folder.vivado_reports)
    _bind(result, folder, contract, implemented)
    found = asdict(implemented)
    return figures | {"made": True, "reason": None, "timing_met": implemented.timing.met} | found.pop("timing") | found


def _refusal(implemented: Implemented, result: Path) -> str:
    """Why no bitfile is packed, where to look, and what to do."""
    tried = len(implemented.tried)
    return (
        f"{implemented.timing.sentence}; best of {tried} {'strategy' if tried == 1 else 'strategies'}. Nothing is"
        f" packed: its slowest paths are in {result / 'timing_paths.rpt'}; build with a lower clock_mhz, or pack it all"
        f" the same with --resume {ACCEPT}"
    )


def _keep_reports(result: Path, kept: Path) -> None:
    """Copy the reports to the build's others."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for name in reports.NAMES:
        shutil.copyfile(result / name, kept / name)


def _bind(result: Path, folder: BuildFolder, contract: AcceleratorContract, implemented: Implemented) -> None:
    """Put bitfile and handoff into the build, and the bitfile's digest and timing into its contract."""
    bound = contract.with_bitfile(sha256(result / BITFILE), implemented.timing)
    try:
        check_overlay(result / BITFILE, bound)
    except ValueError as error:
        raise RuntimeError(f"Vivado's bitstream is not of this build: {error}") from None
    shutil.copyfile(result / BITFILE, folder.bitfile)
    shutil.copyfile(result / HANDOFF, folder.handoff)
    folder.shell.unlink(missing_ok=True)
    if (result / SHELL_FILE).is_file():
        shutil.copyfile(result / SHELL_FILE, folder.shell)
    bound.write(folder.contract)


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
    timing = TimingClosure(**{field.name: figures[field.name] for field in fields(TimingClosure)})
    lines = [f"made at {clock_mhz:g} MHz, {figures['power_w']:g} W; {', '.join(shares)}", timing.sentence]
    if doubts := {"critical clock crossings": figures["critical_crossings"], **figures["methodology"]}:
        said = ", ".join(f"{count} {rule}" for rule, count in doubts.items() if count)
        lines += [f"for a person to judge, in report/vivado/{CDC} and {METHODOLOGY}: {said}"] if said else []
    return lines
