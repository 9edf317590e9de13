# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of the compiler share, and the weights that they take by default."""

from __future__ import annotations

import argparse
from pathlib import Path


def weights() -> Path:
    """A deployment of the weights in the repository, made once and kept."""
    from hls_build.build.shipped import software

    return software()


BUILD_HELP = "folder that `auflow build` left"


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add --build, required."""
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help=BUILD_HELP)
