# SPDX-License-Identifier: Apache-2.0
"""`auflow data check`: what a dataset's folder holds, and what is wrong with it."""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.command import FAILED, TRAIN, Command
from board.cli.options import add_json, add_one_of, write_json
from qnn.cli.options import add_labels

if TYPE_CHECKING:  # these take time to import: the command does it when it runs
    from rich.table import Table

    from qnn.data.checking import Findings

SHOWN = 5
"""Problems of each kind that are printed; --json holds all of them."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    from qnn.data.datasets import NAMES

    add_one_of(parser, NAMES, "name", help=f"dataset: {', '.join(NAMES)}")
    parser.add_argument("path", type=Path, metavar="DIR", help="its folder, in the official layout")
    add_labels(parser)
    parser.add_argument("--quick", action="store_true", help="read names and labels only, open no picture")
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from qnn.data import checking

    found = checking.check(options.name, options.path, options.labels, options.quick)
    write_json(options.json, found.to_json())
    console = PlainConsole()
    if found.counts.pictures:
        console.print(headline(found), soft_wrap=True)
        for table in tables(found):
            console.print(table)
    for note in found.notes:
        console.print(f"note: {note}", soft_wrap=True)
    if options.quick:
        console.print("note: no picture was opened, as --quick asks")
    for line in problem_lines(found):
        console.print(line, soft_wrap=True)
    return FAILED if found.problems else 0


CHECK = Command(
    "data check",
    TRAIN,
    "Check a dataset's folder: what it holds, what is missing or unreadable.",
    _arguments,
    _run,
    ("auflow data check ferplus FERPLUS", "auflow data check bp4d BP4D --labels usual --quick"),
    "Counts pictures by split, emotion or task, and subject, and how often each AU is active. Ends with status 1 where"
    " anything is wrong; the first problems of each kind are printed, --json holds all of them.",
)


def headline(found: Findings) -> str:
    """What was looked at, how, and the dataset's terms."""
    from qnn.data.datasets import find

    dataset = find(found.name)
    count = f"{found.counts.pictures:,} pictures under labels {found.labels}"
    return f"{dataset.title} in {found.root}: {count}\nterms: {dataset.terms}"


def tables(found: Findings) -> list[Table]:
    """What a folder holds: pictures by split, group and subject, and by AU."""
    from rich.table import Table

    counts = found.counts
    held = Table()
    held.add_column("")
    for column in ("pictures", "share"):
        held.add_column(column, justify="right")
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
