# SPDX-License-Identifier: Apache-2.0
"""The command `auflow report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    app.command()(report)


def report(
    build: Annotated[Path, typer.Option(help="Folder that `auflow build` left.")],
    without: Annotated[
        Path | None, typer.Option(help="The same build of a network without attention: adds the price of attention.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to. [default: BUILD/report]")] = None,
) -> None:
    """Write one page about a build: speed, a frame's way through it, stalls, FIFOs, resources, limits, accuracy.

    index.html needs no other file; its pictures lie beside it as PNG, its layers as CSV. The first report of a build
    simulates a few frames.
    """
    from hls_build.build import console as tables
    from hls_build.report import facts, page

    console = Console()
    found = facts.read(build)
    plain = facts.read(without) if without is not None else None
    with tables.cycles(console) as progress:
        written = page.write(found, plain, out or found.folder.report, progress)
    console.print(f"{written[0]}: {found.name}, and {len(written) - 1} files beside it", soft_wrap=True)
