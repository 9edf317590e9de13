# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of the compiler share, and the weights that they take by default."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.options import integer

if TYPE_CHECKING:
    from hls_build.cluster.run import Workers


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


def add_workers(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --workers and --scheduler; `workers` says whom they name, None where neither is given."""
    parser.add_argument(
        "--workers",
        type=integer(1),
        metavar="N",
        help=f"processes that are started on this computer, a task at a time in each (default: {default})",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="take the workers of a dask.distributed cluster instead, by its scheduler's address, such as"
        " tcp://10.0.0.1:8786; they have this version of AUFlow and one thread each (`dask worker ADDRESS --nthreads"
        " 1`), and see all files of this command under the same paths",
    )


def workers(options: argparse.Namespace) -> Workers | None:
    """What --workers and --scheduler say.

    Raises:
        ValueError: Both were given.
    """
    from hls_build.cluster.run import Workers

    if options.workers is None and options.scheduler is None:
        return None
    return Workers(options.workers, options.scheduler)
