# SPDX-License-Identifier: Apache-2.0
"""The command `auflow synth`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    app.command()(synth)


def synth(
    build: Annotated[Path, typer.Option(help="Folder that `auflow build` left.")],
    module: Annotated[
        list[str] | None, typer.Option(help="Only this module, such as conv2; may be given several times.")
    ] = None,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="The whole accelerator in one piece, which can take an hour and 16 GiB.")
    ] = False,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Synthesise a build for 7-series with Yosys, module by module: LUT, FF, block RAM and DSP of each.

    What was synthesised once is kept, so an interrupted run goes on and a second one takes seconds. With all modules
    counted, the build's own report shows these figures instead of the estimate.
    """
    from hls_build.build import console as tables
    from hls_build.build_folder import BuildFolder
    from hls_build.config.board import load_board
    from hls_build.yosys import synthesis_report

    if flatten and module:
        raise ValueError("--flatten takes the whole accelerator, got --module too: leave one of them out")
    folder, console = BuildFolder(build), Console()
    wanted = synthesis_report.designs(folder, module or (), flatten)
    board = load_board(json.loads(folder.contract.read_text())["board"])
    with tables.synthesis(console, len(wanted)) as (begins, done):
        found = synthesis_report.run(wanted, begins, done)
    console.print(synthesis_report.table(found, board))
    if not flatten and not module:
        folder.write_report("synthesis", found.as_json(board))
    if json_out is not None:
        json_out.write_text(json.dumps(found.as_json(board), indent=2) + "\n")
