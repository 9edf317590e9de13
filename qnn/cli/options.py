# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Checkpoint = Annotated[Path, typer.Option(help="A .safetensors file with its card beside it.")]
Data = Annotated[str, typer.Option(help="Dataset: ckplus, bp4d, disfa, ferplus or rafdb.")]
Root = Annotated[Path, typer.Option(help="Its folder, in the official layout; see `auflow data check`.")]
Protocol = Annotated[
    str | None, typer.Option(help="How faces are divided: official, paper or subjects. [default: the dataset's usual]")
]
Fold = Annotated[int, typer.Option(help="With subjects: the fold that is measured, 0 to 2.")]
Labels = Annotated[str, typer.Option(help="Label rule: paper, or for BP4D and DISFA usual.")]
