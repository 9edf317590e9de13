# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of the compiler share, and the weights that they take by default."""

from __future__ import annotations

import argparse
from pathlib import Path


def weights(name: str) -> Path | None:
    """A deployment of the weights of a name in the repository, made once and kept; see board.cli.options.Weights."""
    from hls_build.build.shipped import CHECKPOINT, software
    from qnn.network.presets import checkpoint_of

    checkpoint = checkpoint_of(name) if name else CHECKPOINT
    return software(checkpoint) if checkpoint.parent == CHECKPOINT.parent else None


BUILD_HELP = "folder that `auflow build` left"


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add --build, required."""
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help=BUILD_HELP)
