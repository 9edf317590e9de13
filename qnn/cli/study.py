# SPDX-License-Identifier: Apache-2.0
"""`auflow study`: ablations."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import STUDY, Command
from board.cli.options import add_one_of, add_output, integer
from qnn.cli.options import TEST_SPLIT_HELP, add_data, add_division, add_machine, add_recipe, division

NAMES = ("attention", "losses", "head", "bits", "qat")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, "ferplus", Path("ferplus"))
    add_output(
        parser,
        "--out",
        folder=True,
        default=Path("runs/study"),
        help="folder of the study; an interrupted study goes on where it was",
    )
    add_one_of(
        parser,
        NAMES,
        "--only",
        action="append",
        help=f"which study, may be given several times: {', '.join(NAMES)} (default: all)",
    )
    parser.add_argument(
        "--seeds", type=integer(1), metavar="N", help="trainings of each variant (default: 3 for attention, else 1)"
    )
    parser.add_argument(
        "--divisor", type=int, default=4, metavar="N", help="divide every width of the network by 1, 2, 4 or 8"
    )
    add_recipe(parser)
    add_division(parser, TEST_SPLIT_HELP)
    add_machine(parser)


def _run(options: argparse.Namespace) -> int:
    from rich.markdown import Markdown

    from board.cli.console import PlainConsole
    from qnn.data.splits import load_splits
    from qnn.studies.plot import plot
    from qnn.studies.study import STUDIES, run_study, table
    from qnn.training import runs
    from qnn.training.recipes import change, plan_named

    plan = change(plan_named(options.recipe), options.changes)
    console = PlainConsole()

    rows = run_study(
        options.only or list(STUDIES),
        lambda seed: load_splits(division(options, seed), plan.floating.held_out),
        options.out,
        options.divisor,
        options.seeds,
        plan,
        runs.Machine(options.accelerator, precision=options.precision),
        report=lambda line: console.rule(line, align="left"),
    )
    pictures = plot(rows, options.out)
    console.print(Markdown(table(rows)))
    console.print(f"{options.out / 'study.md'}, study.csv, study.json, {', '.join(path.name for path in pictures)}")
    return 0


COMMAND = Command(
    "study",
    STUDY,
    "Train variants and compare them: attention, losses, dense head, bits.",
    _arguments,
    _run,
    (
        "auflow study --root FERPLUS --out runs/study --only attention",
        "auflow study --root FERPLUS --only bits --only losses --seeds 3 --set epochs=20",
    ),
    "Leaves DIR/study.csv, study.json, study.md and one picture for each study. Variants that share a float network"
    " train it once. What the shipped networks gave: qnn/checkpoints/STUDY.md.",
    "the same command goes on where it was",
)
