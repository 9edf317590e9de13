# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of the compiler share, and the weights that they take by default."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy takes time to import: commands do it when they run
    import numpy as np


def weights() -> Path:
    """A deployment of the weights in the repository, made once and kept."""
    from hls_build.build.shipped import software

    return software()


BUILD_HELP = "folder that `auflow build` left"


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add --build, required."""
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help=BUILD_HELP)


def faces_of(build: Path, path: Path, count: int) -> np.ndarray:
    """Up to `count` faces, in the colours and the frame that a build's contract asks for.

    Raises:
        ValueError: No face is at the path, or the contract cannot be used.
    """
    from board.core.contract import Contract
    from board.faces.load import load_faces
    from hls_build.build_folder import BuildFolder

    contract = BuildFolder(build).contract
    if not contract.is_file():  # what reads the build tells what it lacks
        return load_faces(path, count)
    rule = Contract.read(contract).input
    return load_faces(path, count, rule.colour, rule.crop_margin)
