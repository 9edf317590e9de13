# SPDX-License-Identifier: Apache-2.0
"""`auflow label`: soft AU labels of a dataset's faces, from what MediaPipe's face landmarker sees in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.command import TRAIN, Command
from board.cli.options import add_output, integer
from qnn.cli.options import add_data, add_labels

if TYPE_CHECKING:  # these take time to import: the command does it when it runs
    import numpy as np
    import numpy.typing as npt
    from rich.table import Table

    from qnn.data.soft_labels import SoftLabels


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_labels(parser)
    parser.add_argument(
        "--model", type=Path, required=True, metavar="F.task", help="MediaPipe's model face_landmarker.task"
    )
    add_output(parser, "--out", required=True, metavar="F.npz", help="write the labels here")
    parser.add_argument("--workers", type=integer(1), metavar="N", help="processes (default: one per core)")


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core.files import check_writable
    from qnn.data.datasets import find
    from qnn.data.labelling import label
    from qnn.data.loading import load

    if options.out.suffix != ".npz":
        raise ValueError(f"labels must be written to a file .npz, got {options.out}")
    check_writable(options.out.parent)
    faces = load(options.data, options.root, options.labels)
    labels = label(faces, find(options.data).title, options.model, options.workers)
    labels.save(options.out)
    console = PlainConsole()
    console.print(headline(labels), soft_wrap=True)
    if (table := by_emotion(labels, faces.groups)) is not None:
        console.print(table)
    console.print(f"labels are in {options.out}", soft_wrap=True)
    return 0


COMMAND = Command(
    "label",
    TRAIN,
    "Label faces with how much of each AU MediaPipe's face landmarker sees.",
    _arguments,
    _run,
    (
        "auflow label --data ferplus --root FERPLUS --labels all --model face_landmarker.task --out labels.npz",
        "auflow label --data pictures --root DIR --model face_landmarker.task --out labels.npz",
    ),
    "Needs MediaPipe (pip install --no-deps mediapipe==1.2.3 certifi) and its model, which is no part of this program"
    " and is never fetched. It teaches eleven AUs, all but AU6 and AU9. What it saw is kept in the cache folder: a run"
    " that was stopped goes on where it was, and writes the same file.\n\n"
    "Prints the mean target of each AU by emotion: 0.5 is more than 95 of 100 neutral faces show.",
)


def headline(labels: SoftLabels) -> str:
    """How many faces the teacher found."""
    found = int(labels.found.sum())
    share = f" ({found / len(labels):.1%})" if len(labels) else ""
    return f"{labels.data}: {len(labels):,} faces, landmarks in {found:,}{share}"


def by_emotion(labels: SoftLabels, groups: npt.NDArray[np.str_]) -> Table | None:
    """Mean target of each AU by the faces' groups (N,), None where too few faces are neutral to have targets."""
    from rich import box
    from rich.table import Table

    from board.core.facs import AUS
    from qnn.data.soft_labels import TEACHES, targets

    try:
        made = targets(labels)
    except ValueError:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("target")
    for au in TEACHES:
        table.add_column(f"AU{au}", justify="right")
    columns = made[:, [AUS.index(au) for au in TEACHES]]
    every = {"all faces": labels.found, **{name: labels.found & (groups == name) for name in dict.fromkeys(groups)}}
    for name, rows in every.items():
        if rows.any():
            table.add_row(str(name), *(f"{mean:.2f}" for mean in columns[rows].mean(0)))
    return table
