# SPDX-License-Identifier: Apache-2.0
"""`auflow completion`: commands and options at the Tab key."""

from __future__ import annotations

import argparse

from board.cli.command import PROGRAM, USE, Command


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that shall complete")


def _run(options: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise RuntimeError("completion needs argcomplete, which is not installed: pip install argcomplete") from None
    print(shellcode([PROGRAM], shell=options.shell))
    return 0


COMMAND = Command(
    "completion",
    USE,
    "Print what makes a shell complete commands and options at the Tab key.",
    _arguments,
    _run,
    (
        'eval "$(auflow completion bash)"            # in ~/.bashrc; zsh likewise',
        "auflow completion fish | source             # in ~/.config/fish/config.fish",
    ),
)
