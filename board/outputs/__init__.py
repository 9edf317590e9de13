# SPDX-License-Identifier: Apache-2.0
"""Where observations go: CSV, JSONL, annotated videos and pictures, or the terminal."""

from board.outputs.jsonl import JsonlOutput
from board.outputs.openface_csv import CsvOutput
from board.outputs.output import Output
from board.outputs.pictures import PicturesOutput
from board.outputs.run_outputs import Places, RunOutputs
from board.outputs.terminal import TerminalOutput
from board.outputs.video import VideoOutput

__all__ = [
    "CsvOutput", "JsonlOutput", "Output", "PicturesOutput", "Places", "RunOutputs", "TerminalOutput", "VideoOutput",
]  # fmt: skip
