# SPDX-License-Identifier: Apache-2.0
"""The script `auflow`: all commands where the distribution `auflow` is installed, else those of a board."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

HOST = "auflow.commands"
"""Group of the entry point by which the distribution `auflow` names its command line."""


def program() -> None:
    """Hand over to the host's or the board's command line; a package that is missing is one sentence."""
    try:
        host = next(iter(entry_points(group=HOST)), None)
        if host is not None:
            main = host.load()
        else:
            from board.cli.main import main
        sys.exit(main())
    except ModuleNotFoundError as error:
        sys.exit(f"auflow: {missing(error, on_host=host is not None)}")


def missing(error: ModuleNotFoundError, on_host: bool) -> str:
    """One sentence that says what is not installed, and how to install it.

    Raises:
        ModuleNotFoundError: It is one of ours, which no installation mends.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", "board", "qnn", "hls_build"):
        raise error
    if package == "finn":
        remedy = "in AUFlow's repository run `pip install --no-deps --requirement requirements/host-nodeps.txt`"
    elif on_host:
        remedy = "in AUFlow's repository run `pip install --requirement requirements/host.txt`"
    else:
        remedy = "run `pip install 'auflow-board[pc]'`; a PYNQ image has it"
    return f"this needs the Python package {package}, which is not installed: {remedy}"
