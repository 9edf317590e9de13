# SPDX-License-Identifier: Apache-2.0
"""The command `auflow data check`."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # OpenCV takes time to import: the command does it when it runs
    from qnn.data.checking import Findings

SHOWN = 5
"""Problems of each kind that are printed; --json holds all of them."""


def register(app: typer.Typer) -> None:
    """Add this package's commands to the program."""
    data = typer.Typer(no_args_is_help=True, help="Look at datasets: ckplus, bp4d, disfa, ferplus, rafdb.")
    data.command()(check)
    app.add_typer(data, name="data")


def check(
    name: Annotated[str, typer.Argument(help="ckplus, bp4d, disfa, ferplus or rafdb.")],
    path: Annotated[Path, typer.Argument(help="The dataset's folder, in its official layout.")],
    labels: Annotated[str, typer.Option(help="How labels are read: paper, or for BP4D and DISFA usual.")] = "paper",
    quick: Annotated[bool, typer.Option("--quick", help="Read names and labels only, open no picture.")] = False,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write everything found here.")] = None,
) -> None:
    """Say what is missing, misnamed or unreadable in a dataset's folder, and count what it holds.

    Ends with status 1 where anything is wrong.
    """
    from qnn.data import checking

    found = checking.check(name, path, labels, quick)
    if json_out is not None:
        json_out.write_text(json.dumps(found.to_json(), indent=2) + "\n")
    console = Console()
    if found.counts.pictures:
        console.print(headline(found), soft_wrap=True, highlight=False, markup=False)
        for table in tables(found):
            console.print(table)
    for note in found.notes:
        console.print(f"note: {note}", soft_wrap=True, highlight=False, markup=False)
    for line in problem_lines(found):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    if found.problems:
        raise typer.Exit(1)


def headline(found: Findings) -> str:
    """What was looked at, how, and the dataset's terms."""
    from qnn.data.datasets import find

    dataset = find(found.name)
    count = f"{found.counts.pictures:,} pictures under labels {found.labels}"
    return f"{dataset.title} in {found.root}: {count}\nterms: {dataset.terms}"


def tables(found: Findings) -> list[Table]:
    """What a folder holds: pictures by split, group and subject, and by AU."""
    counts = found.counts
    held = Table()
    for column, justify in (("", "left"), ("pictures", "right"), ("share", "right")):
        held.add_column(column, justify=justify)  # type: ignore[arg-type]
    for kind in (counts.splits, counts.groups):
        for name, number in kind.items():
            held.add_row(name, f"{number:,}", f"{number / counts.pictures:.1%}")
        held.add_section()
    if counts.subjects:
        fewest, most = min(counts.subjects.values()), max(counts.subjects.values())
        held.add_row(f"{len(counts.subjects)} subjects", f"{fewest:,} to {most:,} each", "")
    by_au = Table()
    by_au.add_column("AU")
    for column in ("active", "inactive", "unknown", "active of known"):
        by_au.add_column(column, justify="right")
    for au, states in counts.aus.items():
        known = states["active"] + states["inactive"]
        share = f"{states['active'] / known:.1%}" if known else ""
        by_au.add_row(str(au), *(f"{states[state]:,}" for state in ("active", "inactive", "unknown")), share)
    return [held, by_au]


def problem_lines(found: Findings) -> list[str]:
    """Problems by kind, the first few of each, under a verdict."""
    if not found.problems:
        return ["nothing is wrong"]
    lines = []
    by_kind = sorted(found.problems, key=lambda problem: problem.kind)
    for kind, group in groupby(by_kind, key=lambda problem: problem.kind):
        problems = list(group)
        lines.append(f"{kind}: {len(problems):,}")
        lines += [f"  {problem}" for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(f"  and {len(problems) - SHOWN:,} more")
    return [*lines, "1 problem" if len(found.problems) == 1 else f"{len(found.problems):,} problems"]
