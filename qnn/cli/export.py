# SPDX-License-Identifier: Apache-2.0
"""`auflow export`: a checkpoint as QONNX and as standard ONNX."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from board.cli.command import TRAIN, Command
from board.cli.options import add_one_of, add_output
from qnn.cli.options import add_checkpoint

if TYPE_CHECKING:  # these take time to import: the command does it when it runs
    from rich.table import Table

    from qnn.export.export import ExportReport


def _arguments(parser: argparse.ArgumentParser) -> None:
    from qnn.network.presets import PRESETS

    add_checkpoint(parser, "quantized checkpoint")
    add_output(
        parser,
        "--out",
        folder=True,
        required=True,
        help="folder for model.onnx (QONNX), standard.onnx (standard ONNX) and export.json",
    )
    add_one_of(parser, PRESETS, "--preset", help=f"refuse a checkpoint of any other preset: {', '.join(PRESETS)}")


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core.files import sha256
    from qnn.export import export as exporting

    report = exporting.export(options.checkpoint, options.out, options.preset)
    console = PlainConsole()
    console.print(export_table(report))
    for path in exporting.files(options.out):
        console.print(f"written: {path}, sha256 {sha256(path)}", soft_wrap=True)
    return 0


def export_table(report: ExportReport) -> Table:
    """What was found on each sigmoid."""
    from rich.table import Table

    title = f"{report.preset}: {report.corrected} of {len(report.sigmoids)} sigmoids corrected"
    table = Table(title=title, title_justify="left")
    for column in ("sigmoid", "values", "disagreements", "correction", "margin"):
        table.add_column(column, justify="left" if column == "sigmoid" else "right")
    for check in report.sigmoids:
        table.add_row(
            check.layer, f"{check.values:,}", str(check.disagreements), f"{check.correction:g}", f"{check.margin:.1e}"
        )
    return table


COMMAND = Command(
    "export",
    TRAIN,
    "Export a quantized checkpoint to QONNX and to standard ONNX.",
    _arguments,
    _run,
    ("auflow export --checkpoint w4a4 --out exported",),
    "The compiler reads QONNX; `auflow build` exports by itself. Every value that a sigmoid can meet is checked: both"
    " models round it alike.",
)
