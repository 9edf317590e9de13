# SPDX-License-Identifier: Apache-2.0
"""The commands `auflow export` and `auflow complexity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # torch takes seconds to import: commands do it when they run
    from qnn.export.export import ExportReport
    from qnn.network.complexity import Complexity

Aus = Annotated[int, typer.Option(min=1, help="Outputs: 13 for FERPlus, CK+ and RAF-DB, 12 for DISFA, 5 for BP4D.")]
Attention = Annotated[bool, typer.Option("--attention/--no-attention", help="With the two CBAM blocks.")]
Divisor = Annotated[int | None, typer.Option(help="Divide every width by 1, 2, 4 or 8. [default: the preset's]")]


def register(app: typer.Typer) -> None:
    """Add this package's commands to the program."""
    for command in (export, complexity):
        app.command()(command)


def export(
    checkpoint: Annotated[Path, typer.Option(help="A quantized .safetensors file with its card beside it.")],
    out: Annotated[Path, typer.Option(help="Folder for model.onnx, standard.onnx and export.json.")],
    preset: Annotated[str | None, typer.Option(help="Refuse a checkpoint of any other preset.")] = None,
) -> None:
    """Export a checkpoint to QONNX, to standard ONNX and to the description of both."""
    from qnn.export import export as exporting

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
    from qnn.network.complexity import measure
    from qnn.network.model import Architecture

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
    """Weights and peak activations by preset, under the counts that they share; below, what the peaks are."""
    weights_mib = figures.weight_bytes["float"] / 2**20
    title = (
        f"{figures.trainable:,} trainable and {figures.non_trainable:,} non-trainable parameters\n"
        f"{figures.total_macs / 1e9:.2f} GMAC per face, {weights_mib:.2f} MiB of float32 weights"
    )
    peak = figures.fused_activations["float"]
    parts = " + ".join(f"{name} {_kib(size)}" for name, size in peak.buffers.items())
    caption = (
        "Activations: the most that is alive at once, and the step at which it is. One by one, every layer writes its"
        " whole map; fused, a convolution pools before it writes and gates work in place, as deployment tools for"
        f" microcontrollers plan it. In float32 that is {parts} = {_kib(peak.bytes)} KiB."
    )
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("KiB")
    for column in ("weights", "one by one", "at", "fused", "at"):
        table.add_column(column, justify="left" if column == "at" else "right")
    for preset, size in figures.weight_bytes.items():
        peaks = figures.peak_activations[preset], figures.fused_activations[preset]
        table.add_row(preset, _kib(size), *(text for peak in peaks for text in (_kib(peak.bytes), peak.step)))
    return table


def _kib(size: int) -> str:
    return f"{size / 1024:,.1f}"
