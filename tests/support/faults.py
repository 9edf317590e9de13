# SPDX-License-Identifier: Apache-2.0
"""Commands under faults: each ends like an undisturbed one, or is refused in a sentence and then made good."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("fault_server.py")

SAME, REFUSED = "same", "refused"
BARE, LOST, TORN, DIFFERENT = "NO SENTENCE", "LOST", "TORN", "DIFFERENT"
WRONG = (BARE, LOST, TORN, DIFFERENT)
"""Verdicts that must not be: a traceback or a crash; work that no second run can finish; half a file under its final
name; a result other than the undisturbed one's."""

Files = dict[str, bytes]


@dataclass(frozen=True)
class Command:
    """One command of `auflow` as a user gives it.

    Attributes:
        name: What the table calls it.
        words: Its command line, for a folder to write to.
        read: What it left in that folder, by name, without what is a time.
        resume: What is added to go on with an interrupted one; nothing where the same command begins anew.
        anew: Kinds of the cache that it begins without, since with them it has nothing left to do.
    """

    name: str
    words: Callable[[Path], list[str]]
    read: Callable[[Path], Files]
    resume: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit status, negative for a signal, and what it said."""

    status: int
    said: str

    @property
    def refused(self) -> bool:
        """Whether it was a sentence that names what it is about."""
        lines = [line for line in self.said.splitlines() if line.startswith("auflow: ")]
        bare = "Traceback (most recent call last)" in self.said or "cannot use a file" in self.said  # which one?
        return self.status > 0 and len(lines) >= 1 and not bare


@dataclass
class Bench:
    """Where commands run.

    Args:
        work: An empty folder for logs and caches.
        modules: What the server imports, the module of `main` first.
    """

    work: Path
    modules: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Bench:
        for name in ("home", "temporary", "cache"):
            (self.work / name).mkdir(parents=True, exist_ok=True)
        self.environment = {
            "HOME": str(self.work / "home"),
            "TMPDIR": str(self.work / "temporary"),
            "AUFLOW_CACHE": str(self.work / "cache"),
            **self.environment,
        }
        inherited = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests/support'}", "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, str(SERVER), *self.modules], cwd=self.work, env={**inherited, **self.environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._logs = 0
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()

    def _ask(self, **question: Any) -> int:
        assert self._server.stdin is not None and self._server.stdout is not None
        print(json.dumps(question), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def start(self, words: Sequence[str], **faults: Any) -> tuple[int, Path]:
        """Begin a command; its process and its log."""
        self._logs += 1
        log = self.work / f"{self._logs:04}.log"
        environment = {**self.environment, **faults.pop("environment", {})}
        return self._ask(run=list(words), log=str(log), environment=environment, **faults), log

    def wait(self, process: int, log: Path) -> Ended:
        """See it end."""
        status = self._ask(wait=process)
        return Ended(status, log.read_text(errors="replace"))

    def run(self, words: Sequence[str], **faults: Any) -> Ended:
        """A command from start to end."""
        return self.wait(*self.start(words, **faults))

    def killed(self, words: Sequence[str], after_s: float) -> Ended:
        """A command that is killed, with all that it started, after a while; or that ended before."""
        process, log = self.start(words)
        time.sleep(after_s)
        os.killpg(process, signal.SIGKILL)  # not waited for yet: the group is there though it may have ended
        return self.wait(process, log)


def judge(command: Command, out: Path, expected: Files, ended: Ended) -> list[str]:
    """What is wrong with a command that a fault may have struck."""
    left = command.read(out)
    if ended.status == 0:
        return [] if left == expected else [f"{DIFFERENT}: {_differing(left, expected)}"]
    wrong = [] if ended.refused or ended.status == -signal.SIGKILL else [f"{BARE}: {_last(ended)}"]
    torn = {name: content for name, content in left.items() if expected.get(name) != content}
    return [*wrong, *([f"{TORN}: {', '.join(sorted(torn)[:3])}"] if torn else [])]


def made_good(command: Command, out: Path, expected: Files, bench: Bench) -> list[str]:
    """Give the command again where nothing is in its way any more; what is wrong with the end."""
    ended = bench.run([*command.words(out), *command.resume])
    if ended.status:
        return [f"{LOST}: {_last(ended)}"]
    left = command.read(out)
    return [] if left == expected else [f"{DIFFERENT}: {_differing(left, expected)}"]


def _differing(left: Files, expected: Files) -> str:
    names = sorted(name for name in left.keys() | expected.keys() if left.get(name) != expected.get(name))
    return ", ".join(names[:3])


def _last(ended: Ended) -> str:
    """The last thing that a process said."""
    lines = [line for line in ended.said.splitlines() if line.strip()]
    return f"status {ended.status}, {lines[-1].strip()[:300] if lines else 'nothing said'}"


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[bool]:
    """A folder on a disk of its own of so many bytes; False where this user may not mount one.

    `remount` changes it meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "auflow", str(folder)], capture_output=True)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    """Change a mounted folder: `ro`, `rw` or `size=...`."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def used_bytes(folder: Path) -> int:
    """What the files of a folder take on a disk, in whole pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def emptied(folder: Path) -> Path:
    """A folder without content."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def files_in(folder: Path, names: Sequence[str]) -> Files:
    """Files and whole folders of a folder, those that are there."""
    found: Files = {}
    for name in names:
        for path in sorted((folder / name).rglob("*")) if (folder / name).is_dir() else [folder / name]:
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def rows_without_latency(path: Path) -> Files:
    """A table of `auflow detect`."""
    if not path.is_file():
        return {}
    with open(path, newline="") as file:
        rows = [{**row, "latency_ms": ""} for row in csv.DictReader(file)]
    return {path.name: json.dumps(rows).encode()}


def without(content: bytes, *names: str) -> bytes:
    """JSON without the values of some names, wherever they stand."""

    def pruned(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: pruned(part) for name, part in value.items() if name not in names}
        return [pruned(part) for part in value] if isinstance(value, list) else value

    try:
        return json.dumps(pruned(json.loads(content))).encode()
    except ValueError:
        return content
