# SPDX-License-Identifier: Apache-2.0
"""`auflow eval --aus`: AUs that stand for themselves, on rendered faces, beside a teacher, on portraits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.options import add_one_of, add_output, integer, write_json
from qnn.cli.options import division

if TYPE_CHECKING:  # they take time to import: commands do it when they run
    from qnn.evaluation.aus.measuring import AuMeasurement
    from qnn.evaluation.aus.sources import Real, Rendered


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add --aus, --rendered and --soft-labels."""
    parser.add_argument(
        "--aus",
        action="store_true",
        help="AUs that stand for themselves: on --rendered faces, and on --data with --soft-labels of a teacher",
    )
    parser.add_argument("--rendered", type=Path, metavar="DIR", help="with --aus: what `auflow render` wrote")
    parser.add_argument(
        "--soft-labels", type=Path, metavar="F.npz", help="with --aus and --data: what `auflow label` wrote of it"
    )


def add_aus(parser: argparse.ArgumentParser) -> None:
    """Add the options of `auflow eval --aus`."""
    add_sources(parser)
    parser.add_argument(
        "--pairs", type=Path, metavar="DIR", help="with --aus: folder of portraits *_neutral.* and *_smiling.*"
    )
    add_one_of(
        parser,
        ("measuring", "tuning", "all"),
        "--faces",
        default="measuring",
        help="with --aus: measuring, heads and faces that `auflow tune --aus` does not read, tuning, or all",
    )
    parser.add_argument(
        "--damaged",
        type=integer(0),
        default=500,
        metavar="N",
        help="with --aus: faces of each kind that are damaged in eight ways; 0 for none",
    )
    add_output(
        parser,
        "--page",
        metavar="F.png",
        help="with --aus: draw the rendered faces of highest and lowest output of each AU",
    )
    parser.add_argument(
        "--faces-of-dataset",
        action="store_true",
        help="with --page: draw the faces of --data instead; mind its licence",
    )


def run_aus(options: argparse.Namespace) -> int:
    """Measure, print and write what the options ask for.

    Raises:
        ValueError: Options that lack each other, or files that are refused.
    """
    from board.cli.console import PlainConsole
    from board.core import files
    from qnn.evaluation.aus import tables
    from qnn.evaluation.aus.measuring import AuMeasurement
    from qnn.evaluation.aus.portraits import portraits

    if options.rendered is None and options.data is None and options.pairs is None:
        raise ValueError("--aus needs faces, got none: give --rendered, --data with --soft-labels, or --pairs")
    if options.page is not None and (options.data if options.faces_of_dataset else options.rendered) is None:
        raise ValueError("--page needs the faces that it shows: give --rendered, or --data with --faces-of-dataset")
    measurement = AuMeasurement(options.checkpoint, options.faces, seed=options.seed, damaged=options.damaged)
    rendered, real = open_sources(options, options.faces, options.keep_duplicates)
    pairs = None if options.pairs is None else portraits(options.pairs, measurement.card)
    found = measurement.figures(rendered, real, pairs)
    console = PlainConsole()
    for grid in tables.grids(found):
        console.print(grid.rich(), "")
    write_json(options.json, found.to_json())
    if options.csv is not None:
        files.write_csv(options.csv, tables.csv_rows(found))
    if options.card is not None:
        from qnn.evaluation import model_card

        model_card.write_aus(found, options.card)
    title = f"{measurement.card.preset}, {options.checkpoint.name}"
    plots: list[Path] = []
    if options.plots is not None:
        from qnn.evaluation.aus.plots import plot

        plots = plot(found, options.plots, title)
    if options.page is not None:
        _page(options, measurement, rendered, real, title)
    for path in filter(None, (options.json, options.csv, options.card, options.page, *plots)):
        console.print(f"written: {path}", soft_wrap=True)
    return 0


def open_sources(
    options: argparse.Namespace, half: str, keep_duplicates: bool = False
) -> tuple[Rendered | None, Real | None]:
    """Faces of --rendered and of --data with --soft-labels; None where they are not named.

    Raises:
        ValueError: One of --data, --root and --soft-labels without the others, or files that are refused.
    """
    from qnn.data import soft_labels
    from qnn.evaluation.aus.sources import labelled_faces, rendered_faces
    from qnn.evaluation.measuring import select

    named = [options.data, options.root, options.soft_labels]
    if any(named) and not all(named):
        raise ValueError("with --aus, --data, --root and --soft-labels need each other: give all three or none")
    rendered = None if options.rendered is None else rendered_faces(options.rendered, half)
    if options.data is None:
        return rendered, None
    labels = soft_labels.read(options.soft_labels)
    chosen = select(division(options, options.seed), keep_duplicates)
    name = f"{options.data} {chosen.description['split']}"
    return rendered, labelled_faces(chosen.faces, labels, name, half)


def _page(
    options: argparse.Namespace, measurement: AuMeasurement, rendered: Rendered | None, real: Real | None, title: str
) -> None:
    """Draw --page."""
    from board.core.files import whole
    from qnn.evaluation.aus.page import page

    source = real if options.faces_of_dataset else rendered
    assert source is not None  # `run_aus` has seen to it
    outputs = measurement.outputs(source.faces, "page")
    kind = real.name if real is not None and options.faces_of_dataset else "rendered validation faces"
    with whole(options.page) as path:
        page(path, source.faces, outputs.probabilities, f"{title}: {kind}")
