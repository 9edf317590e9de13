# SPDX-License-Identifier: Apache-2.0
"""The commands `auflow eval`, `auflow tune` and `auflow explain`."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from qnn.cli.options import Checkpoint, Data, Fold, Labels, Protocol, Root

if TYPE_CHECKING:  # torch takes seconds to import: commands do it when they run
    from qnn.evaluation.result_tables import Grid


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.command("eval")(evaluate)
    app.command()(tune)
    app.command()(explain)


def evaluate(
    checkpoint: Checkpoint,
    data: Data,
    root: Root,
    part: Annotated[
        str | None,
        typer.Option("--split", help="train, valid or test. [default: the dataset's first split after training]"),
    ] = None,
    protocol: Protocol = None,
    fold: Fold = 0,
    labels: Labels = "paper",
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Measure on copies of training faces, too.")
    ] = False,
    thresholds: Annotated[str, typer.Option(help="`card`, or one probability for every AU, such as 0.5.")] = "card",
    seed: Annotated[int, typer.Option(help="Of the split and of the bootstrap.")] = 0,
    table: Annotated[bool, typer.Option("--table", help="Show the paper's table of this dataset with ours.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write that table here.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write all figures here.")] = None,
    csv_out: Annotated[Path | None, typer.Option("--csv", help="Write the figures of each AU here.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for per_au.png and confusion.png.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Write a model card here: training, figures, failures, uses; Markdown.")
    ] = None,
) -> None:
    """Measure a checkpoint: F1-frame per AU and averaged, emotions by Table 2, each with its 95 % interval."""
    from qnn.evaluation import result_tables as tables
    from qnn.evaluation.measuring import measure, select
    from qnn.network.checkpoint import read_card
    from qnn.network.model import CbamCnn, parameter_counts

    console = Console(markup=False, highlight=False)
    read_card(checkpoint)  # before faces take their time
    selection = select(data, root, part, protocol, fold, labels, seed, keep_duplicates)
    measured = measure(checkpoint, selection, thresholds, seed)
    found, description = measured.evaluation, selection.description
    preset, architecture = measured.card.preset, measured.card.architecture
    title = f"{preset} on {data} {description['split']}, {found.n:,} faces"
    for line in (selection.note, _duplicates(selection.duplicates_left_out, keep_duplicates)):
        if line is not None:
            console.print(line)
    for grid in tables.overview(found, title):
        console.print(grid.rich(), "")
    if table or markdown is not None:
        parameters = parameter_counts(CbamCnn(architecture))[0]
        grids = tables.beside_published(found, data, f"AUFlow {preset}", parameters)
        _show(console, grids, table, markdown)
    if json_out is not None:
        json_out.write_text(json.dumps(measured.to_json(), indent=2) + "\n")
    if csv_out is not None:
        _write_csv(csv_out, tables.csv_rows(found))
    if card is not None:
        from qnn.evaluation import model_card

        model_card.write(measured, card)
    if plots is not None:
        from qnn.evaluation.plots import plot

        for path in plot(found, plots, title):
            console.print(str(path), soft_wrap=True)


def tune(
    checkpoint: Checkpoint,
    data: Data,
    root: Root,
    share: Annotated[float, typer.Option(help="Share of the training faces to tune on.")] = 0.1,
    protocol: Protocol = None,
    fold: Fold = 0,
    labels: Labels = "paper",
    seed: Annotated[int, typer.Option(help="Draws the faces, as training with this seed holds them out.")] = 0,
    decoding: Annotated[
        str | None,
        typer.Option(
            help="Change how probabilities come from logits: independent, or emotions for a network that learned AUs"
            " from emotions. [default: as the card says]"
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of the faces that keep an emotion by Table 2, such as 0.88: those in doubt lose theirs, so that"
            " more of the others are right. [default: each AU's best F1]",
        ),
    ] = None,
) -> None:
    """Tune each AU's decision threshold on training faces and write them into the checkpoint's card."""
    from qnn.evaluation.measuring import tune_checkpoint
    from qnn.evaluation.result_tables import tuning

    tuned = tune_checkpoint(checkpoint, data, root, protocol, fold, labels, share, seed, decoding, coverage)
    console = Console(markup=False, highlight=False)
    console.print(tuning(tuned.before, tuned.after).rich())
    console.print(f"thresholds are in the card of {checkpoint}; export and build again to use them", soft_wrap=True)


def explain(
    out: Annotated[Path, typer.Option(help="Folder for heat maps, figure.png and, with --data, evidence.csv.")],
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Pictures; the largest face of each is used.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Instead of pictures: a dataset, for the mean map of each AU over faces that show it."),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder; see `auflow data check`.")] = None,
    count: Annotated[int, typer.Option(min=1, help="With --data: faces for each AU.")] = 100,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A .safetensors file with its card. [default: the w4a4 that comes along]")
    ] = None,
    aus: Annotated[
        str | None, typer.Option(help="AUs to show, such as 12,6. [default: those present, at least the 3 likeliest]")
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="HiResCAM: what each pixel adds; or Grad-CAM, the paper's, which dense layers make vaguer."),
    ] = "HiResCAM",
    json_out: Annotated[bool, typer.Option("--json", help="Write all numbers to explanation.json, too.")] = False,
) -> None:
    """Show where a network sees AUs and emotions, and where its attention lies, as heat maps over faces.

    With --data the table and evidence.csv say how much of the evidence lies at brow, eyes, nose, mouth and chin.
    """
    from qnn.network.checkpoint import SHIPPED

    console = Console(markup=False, highlight=False)
    checkpoint = checkpoint or SHIPPED / "w4a4.safetensors"
    chosen = None if aus is None else _numbers(aus)
    if data is not None and root is not None and not images:
        _explain_dataset(console, checkpoint, data, root, count, chosen, method, out, json_out)
    elif images and data is None and root is None:
        _explain_pictures(console, checkpoint, images, chosen, method, out, json_out)
    else:
        given = [name for name, value in (("pictures", images), ("--data", data), ("--root", root)) if value]
        raise ValueError(f"explain needs pictures, or --data with --root, got {' and '.join(given) or 'neither'}")


def _explain_pictures(
    console: Console,
    checkpoint: Path,
    images: Sequence[Path],
    aus: tuple[int, ...] | None,
    method: str,
    out: Path,
    json_out: bool,
) -> None:
    """Heat maps over the face of each picture."""
    from qnn.evaluation.measuring import load_network
    from qnn.explain import heatmaps

    network, card = load_network(checkpoint)
    explained = heatmaps.explain_pictures(network, card, images, aus, method)
    figures = heatmaps.write(explained, out)
    if json_out:
        content = {one.name: one.explanation.to_json() for one in explained}
        (out / "explanation.json").write_text(json.dumps(content, indent=2) + "\n")
    for one in explained:
        console.print(f"{one.name}: {one.explanation.summary()}", soft_wrap=True)
    console.print(f"heat maps in {out}, at a glance in {', '.join(path.name for path in figures)}", soft_wrap=True)


def _explain_dataset(
    console: Console,
    checkpoint: Path,
    data: str,
    root: Path,
    count: int,
    aus: tuple[int, ...] | None,
    method: str,
    out: Path,
    json_out: bool,
) -> None:
    """Mean heat map of each AU over a dataset's faces."""
    from qnn.explain import evidence

    found = evidence.of_dataset(checkpoint, data, root, count, aus, method)
    figure = evidence.write(found, out, json_out)
    console.print(found.grid().rich())
    console.print(f"{figure} shows it", soft_wrap=True)


def _numbers(aus: str) -> tuple[int, ...]:
    """FACS numbers of a text such as 12,6."""
    try:
        return tuple(int(number) for number in aus.split(","))
    except ValueError:
        raise ValueError(f"AUs must be FACS numbers with commas between, such as 12,6, got {aus!r}") from None


def _duplicates(left_out: int | None, kept: bool) -> str | None:
    """What became of copies of training faces, where there is anything to say."""
    if kept:
        return "copies of training faces are kept: figures are too good where there are any"
    return f"{left_out:,} copies of training faces left out" if left_out else None


def _show(console: Console, grids: Sequence[Grid], printed: bool, markdown: Path | None) -> None:
    """Print tables, write them, or both."""
    if printed:
        for grid in grids:
            console.print(grid.rich(), "")
    if markdown is not None:
        markdown.write_text("\n".join(grid.markdown() for grid in grids))


def _write_csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
