# SPDX-License-Identifier: Apache-2.0
"""Commands of `auflow` in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

Program = Callable[[Sequence[str]], int]


class Ran(NamedTuple):
    """What a command left: its exit status and what it wrote."""

    status: int
    stdout: str
    stderr: str


def run_cli(*words: object, program: Program | None = None) -> Ran:
    """Run a command line as a shell would; `program` is the host's unless another is given."""
    if program is None:
        from hls_build.cli.main import main

        program = main
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as said:
        try:
            status = program([str(word) for word in words])
        except SystemExit as left:  # argparse's way to end
            assert isinstance(left.code, int)
            status = left.code
    return Ran(status, out.getvalue(), said.getvalue())


def refused(*words: object, program: Program | None = None) -> str:
    """The one sentence of a command that must fail."""
    ran = run_cli(*words, program=program)
    lines = [line for line in ran.stderr.splitlines() if line.startswith("auflow: ")]
    assert ran.status == 1 and len(lines) == 1, ran
    return lines[0].removeprefix("auflow: ")
