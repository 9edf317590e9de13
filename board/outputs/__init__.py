# SPDX-License-Identifier: Apache-2.0
"""Where observations go: CSV, JSONL, annotated videos and pictures, or the terminal."""

from __future__ import annotations

from pathlib import Path

from board.core.contract import Contract
from board.outputs.jsonl import JsonlOutput
from board.outputs.openface_csv import CsvOutput
from board.outputs.output import Output
from board.outputs.terminal import TerminalOutput
from board.outputs.video import CODECS, PicturesOutput, VideoOutput
from board.sources.frame import Source

TABLES = {".csv": CsvOutput, ".jsonl": JsonlOutput}
DRAWN = (".jpg", ".jpeg", ".png")

__all__ = ["CsvOutput", "JsonlOutput", "PicturesOutput", "TerminalOutput", "VideoOutput", "open_outputs"]


def open_outputs(
    out: Path | None, annotate: Path | None, contract: Contract, source: Source, resume: bool = False
) -> tuple[list[Output], int]:
    """Open what a user asked for.

    Args:
        out: A .csv or .jsonl file for rows; None prints a line for each observation.
        annotate: A video, a picture's name where the source is one picture, or a folder.
        contract: Names the action units.
        source: What will be read.
        resume: Go on where an interrupted run stopped.

    Returns:
        The outputs, that of the rows first and those that draw behind it, and the index of the frame to begin with.

    Raises:
        ValueError: A file's name does not tell its kind, or what was left of it cannot be resumed.
        RuntimeError: A file cannot be written.
    """
    if out is not None and out.suffix.lower() not in TABLES:
        raise ValueError(f"rows go to a file that ends in {' or '.join(TABLES)}, got {out}")
    drawn = None if annotate is None else _annotated(annotate, contract, source)
    if resume and (out is None or source.live):
        raise ValueError(
            "to be resumed a run needs a file for its rows and a source with an end: name --out, no camera"
        )
    if resume and isinstance(drawn, VideoOutput):
        raise ValueError(f"an annotated video cannot be continued, got {annotate}: run without --resume or --annotate")
    if out is None:
        written: Output = TerminalOutput(contract, source)
        start = 0
    else:
        written = table = TABLES[out.suffix.lower()](out, contract, resume)
        start = table.next_frame
        if start and table.last_source not in ("", source.name_of(start - 1)):
            table.abandon()
            raise ValueError(
                f"{out} must be resumed with the input that it was begun with, got {source.name} after"
                f" {table.last_source}: name that one, or run without --resume"
            )
    return [written, *([] if drawn is None else [drawn])], start


def _annotated(path: Path, contract: Contract, source: Source) -> VideoOutput | PicturesOutput:
    suffix = path.suffix.lower()
    if suffix in CODECS:
        return VideoOutput(path, contract, source.fps)
    if suffix in DRAWN:
        if source.count != 1:
            raise ValueError(
                f"one annotated picture is for an input of one, got {path} for {source.name}: name a folder"
            )
        return PicturesOutput(path, contract, single=True)
    if suffix:
        raise ValueError(f"annotated frames go to {', '.join((*CODECS, *DRAWN))} or a folder, got {path}")
    return PicturesOutput(path, contract, single=False)
