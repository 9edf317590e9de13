# SPDX-License-Identifier: Apache-2.0
"""The commands `auflow train`, `auflow export` and `auflow complexity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # torch takes seconds to import: commands do it when they run
    from qnn.complexity import Complexity
    from qnn.export import ExportReport

Aus = Annotated[int, typer.Option(min=1, help="Outputs: 13 for FERPlus, CK+ and RAF-DB, 12 for DISFA, 5 for BP4D.")]
Attention = Annotated[bool, typer.Option("--attention/--no-attention", help="With the two CBAM blocks.")]
Divisor = Annotated[int | None, typer.Option(help="Divide every width by 1, 2, 4 or 8. [default: the preset's]")]


def register(app: typer.Typer) -> None:
    """Add this package's commands to the program."""
    for command in (train, export, complexity):
        app.command()(command)


def train(
    data: Annotated[Path, typer.Option(help="Folder of FER2013Train and FER2013Valid (FERPlus).")],
    run: Annotated[Path, typer.Option(help="Folder of this run; an interrupted run goes on where it was.")],
    preset: Annotated[str, typer.Option(help="float, or a quantised preset such as w4a4.")] = "float",
    start: Annotated[Path | None, typer.Option(help="Float checkpoint that a quantised preset starts from.")] = None,
    attention: Attention = True,
    divisor: Divisor = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the faces. [default: the recipe's]")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Faces per step. [default: the recipe's]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the schedule. [default: the recipe's]")] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, order and augmentation.")] = 0,
) -> None:
    """Train on FERPlus: the float network first, then a quantised preset from it. Leaves RUN/last.safetensors."""
    from dataclasses import replace

    from qnn import training
    from qnn.checkpoint import FLOAT, Card
    from qnn.model import Architecture
    from qnn.quantised import PRESETS

    recipe = training.FLOAT_RECIPE if preset == FLOAT else training.QUANTISED_RECIPE
    given: dict[str, Any] = {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "seed": seed}
    recipe = replace(recipe, **{key: value for key, value in given.items() if value is not None})
    usual = PRESETS[preset].divisor if preset in PRESETS else 1
    card = Card(preset, Architecture(attention=attention, divisor=divisor or usual))
    figures = training.train(card, data, run, recipe, start)
    Console().print(f"{run / 'last.safetensors'}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))


def export(
    checkpoint: Annotated[Path, typer.Option(help="A quantised .safetensors file with its card beside it.")],
    out: Annotated[Path, typer.Option(help="Folder for model.onnx, reference.onnx and export.json.")],
    preset: Annotated[str | None, typer.Option(help="Refuse a checkpoint of any other preset.")] = None,
) -> None:
    """Export a checkpoint to QONNX, to standard ONNX and to the description of both."""
    from qnn import export as exporting

    report = exporting.export(checkpoint, out, preset)
    Console().print(export_table(report))
    Console().print(f"{out / exporting.MODEL}  sha256 {report.model_sha256}", soft_wrap=True)


def complexity(
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    aus: Aus = 13,
    attention: Attention = True,
    divisor: Divisor = None,
) -> None:
    """Count parameters, multiply-accumulates, weight bytes and peak activation bytes, float and each preset."""
    from qnn.complexity import measure
    from qnn.model import Architecture

    figures = measure(Architecture(aus, attention, divisor or 1))
    if json_out is not None:
        json_out.write_text(json.dumps(figures.to_json(), indent=2) + "\n")
    Console().print(complexity_table(figures))


def export_table(report: ExportReport) -> Table:
    """What was found on each sigmoid."""
    title = f"{report.preset}: {report.nudged} of {len(report.nudges)} sigmoids nudged"
    table = Table(title=title, title_justify="left")
    for column in ("sigmoid", "values", "disagreements", "nudge", "margin"):
        table.add_column(column, justify="left" if column == "sigmoid" else "right")
    for check in report.nudges:
        table.add_row(
            check.layer, f"{check.values:,}", str(check.disagreements), f"{check.nudge:g}", f"{check.margin:.1e}"
        )
    return table


def complexity_table(figures: Complexity) -> Table:
    """Weights and activations by preset, under the counts that they share."""
    title = (
        f"{figures.trainable:,} trainable and {figures.non_trainable:,} non-trainable parameters, "
        f"{figures.total_macs / 1e9:.3f} GMAC per face"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("preset")
    for column in ("weights, KiB", "peak activations, KiB"):
        table.add_column(column, justify="right")
    table.add_column("at")
    for preset, size in figures.weight_bytes.items():
        peak = figures.peak_activations[preset]
        table.add_row(preset, f"{size / 1024:,.1f}", f"{peak.bytes / 1024:,.1f}", peak.step)
    return table
