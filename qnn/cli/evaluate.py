# SPDX-License-Identifier: Apache-2.0
"""`auflow eval`: a checkpoint's metrics on a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import TRAIN, Command
from board.cli.options import add_json, add_output, write_json
from qnn.cli.evaluate_aus import add_aus, run_aus
from qnn.cli.options import add_checkpoint, add_data, add_division, division, need_data


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_checkpoint(parser)
    add_data(parser, required=False)
    add_division(parser, "set to measure on: train, valid or test (default: the dataset's first after training)")
    parser.add_argument("--keep-duplicates", action="store_true", help="measure on copies of training faces, too")
    parser.add_argument(
        "--thresholds",
        default="card",
        metavar="T",
        help="decision thresholds: card, those of the checkpoint's card, or one probability for every AU, such as 0.5",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the split and of the bootstrap")
    parser.add_argument("--table", action="store_true", help="print the paper's table of this dataset with ours")
    add_output(parser, "--markdown", metavar="F.md", help="write that table here")
    add_json(parser)
    add_output(parser, "--csv", metavar="F.csv", help="write the metrics of each AU here")
    add_output(parser, "--plots", folder=True, help="draw the metrics as PNGs into this folder")
    add_output(parser, "--card", metavar="F.md", help="write a model card here: training, metrics, failures, uses")
    add_aus(parser)


def _run(options: argparse.Namespace) -> int:
    return run_aus(options) if options.aus else _run_dataset(options)


def _run_dataset(options: argparse.Namespace) -> int:
    """Measure against the labels of a dataset."""
    from board.cli.console import PlainConsole
    from board.core import files
    from qnn.evaluation import result_tables as tables
    from qnn.evaluation.measuring import measure, select
    from qnn.network.checkpoint import read_card
    from qnn.network.model import CbamCnn, parameter_counts

    need_data(options)
    console = PlainConsole()
    read_card(options.checkpoint)  # before faces take their time
    selection = select(division(options, options.seed), options.keep_duplicates)
    measured = measure(options.checkpoint, selection, options.thresholds, options.seed)
    found, description = measured.evaluation, selection.description
    preset, architecture = measured.card.preset, measured.card.architecture
    title = f"{preset} on {options.data} {description['split']}, {found.n:,} faces"
    for line in (selection.note, _duplicates(selection.duplicates_left_out, options.keep_duplicates)):
        if line is not None:
            console.print(line)
    for grid in tables.overview(found, title):
        console.print(grid.rich(), "")
    if options.table or options.markdown is not None:
        parameters = parameter_counts(CbamCnn(architecture))[0]
        grids = tables.beside_published(found, options.data, f"AUFlow {preset}", parameters)
        for grid in grids if options.table else ():
            console.print(grid.rich(), "")
        if options.markdown is not None:
            files.write_text(options.markdown, "\n".join(grid.markdown() for grid in grids))
    write_json(options.json, measured.to_json())
    if options.csv is not None:
        files.write_csv(options.csv, tables.csv_rows(found))
    if options.card is not None:
        from qnn.evaluation import model_card

        model_card.write(measured, options.card)
    plots: list[Path] = []
    if options.plots is not None:
        from qnn.evaluation.plots import plot

        plots = plot(found, options.plots, title)
    for path in filter(None, (options.markdown, options.json, options.csv, options.card, *plots)):
        console.print(f"written: {path}", soft_wrap=True)
    return 0


def _duplicates(left_out: int | None, kept: bool) -> str | None:
    """What became of copies of training faces, where there is anything to say."""
    if kept:
        return "copies of training faces are kept: metrics are too good where there are any"
    return f"{left_out:,} copies of training faces left out" if left_out else None


COMMAND = Command(
    "eval",
    TRAIN,
    "Measure a checkpoint on a dataset: F1-frame of each AU, emotions, with intervals.",
    _arguments,
    _run,
    (
        "auflow eval --checkpoint w4a4-paper --data ferplus --root FERPLUS --table",
        "auflow eval --checkpoint runs/one/w4a4.safetensors --data disfa --root DISFA --plots plots --json eval.json",
        "auflow eval --aus --checkpoint qnn/checkpoints/w4a4.safetensors --rendered RENDERED --page page.png",
        "auflow eval --aus --checkpoint runs/one/w4a4.safetensors --rendered RENDERED --data ferplus --root FERPLUS"
        " --soft-labels labels.npz --json aus.json --csv aus.csv --plots plots",
    ),
    "Precision, recall, F1 and accuracy of each AU with their macro and micro averages, and the emotion by the paper's"
    " Table 2, with 95 % bootstrap intervals. Copies of training faces are left out of what is measured."
    " With --aus, each AU by itself: AUC alone against neutral faces and against other AUs, agreement with a teacher,"
    " rank of the outputs, calibration, robustness.",
)
