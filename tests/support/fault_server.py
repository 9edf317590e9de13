# SPDX-License-Identifier: Apache-2.0
"""Start commands of `auflow` as processes of their own, each a fork of one that has imported all it needs.

    python fault_server.py board.cli.main [MODULE ...]      commands of the first module's `main`

It reads one line of JSON at a time. {"run": words, "log": PATH} starts a command and answers with the process's number,
which is that of its group too; "environment", "umask", "file_bytes" and "clock_back_s" may strike it. {"wait": number}
answers with its status.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

BACK_S = 86_400.0
"""How far the clock jumps back."""


def _child(main: Callable[[Sequence[str]], int], asked: dict[str, Any]) -> NoReturn:
    """Be one command until its end."""
    status = 70
    try:
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, closefd=False) for stream in (1, 2))
        os.environ.update(asked.get("environment", {}))
        os.umask(asked.get("umask", 0o022))
        tempfile.tempdir = None
        if (most := asked.get("file_bytes")) is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        if (after_s := asked.get("clock_back_s")) is not None:
            _set_clock_back(after_s)
        sys.argv = ["auflow", *asked["run"]]
        status = main(asked["run"])
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
    for written in (sys.stdout, sys.stderr):
        written.flush()
    os._exit(status)


def _set_clock_back(after_s: float) -> None:
    """Have the time of day jump back once so many seconds have passed."""
    time_of_day, jump = time.time, time.monotonic() + after_s
    time.time = lambda: time_of_day() - (BACK_S if time.monotonic() > jump else 0)


def serve(main: Callable[[Sequence[str]], int]) -> None:
    """Answer until there are no more lines."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, ended = os.waitpid(asked["wait"], 0)
            answer = os.waitstatus_to_exitcode(ended)
        else:
            answer = os.fork()
            if answer == 0:
                os.setpgid(0, 0)
                _child(main, asked)
            os.setpgid(answer, answer)  # whichever of both comes first
        print(answer, flush=True)


if __name__ == "__main__":
    modules = [importlib.import_module(name) for name in sys.argv[1:]]
    serve(modules[0].main)
