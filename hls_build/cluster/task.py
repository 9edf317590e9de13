# SPDX-License-Identifier: Apache-2.0
"""Task: one step of a graph, its key, which is the digest of all that its result depends on, and its kept result."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TypeAlias

from board.core.files import sha256, write_json
from board.core.reading import read_json

Result: TypeAlias = dict[str, Any]
"""What a task finds: a JSON object."""
Call: TypeAlias = Callable[[Mapping[str, Any], Sequence[Result], Path], Result]
"""Does a task: of its arguments, the results of those that it needs, in their order, and a folder of its own, which
need not exist, for files that it leaves. It is a function of a module, so that a worker finds it by its name."""


@dataclass(frozen=True)
class Task:
    """One step of a graph.

    Attributes:
        name: What a person reads; no two of a graph have the same.
        call: Does it.
        arguments: What it is told, as JSON has it. All of it counts for the key.
        files: Files that it reads, whose content counts for the key, their paths not; they come behind `arguments`.
        needs: Names of the tasks whose results it takes.
        leaves: Files that it writes besides: its result counts only where they are there.
        where: What it is told besides and what no result depends on, such as paths.
    """

    name: str
    call: Call
    arguments: Mapping[str, Any]
    files: Mapping[str, Path]
    needs: tuple[str, ...] = ()
    leaves: tuple[Path, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)


def ordered(tasks: Sequence[Task]) -> list[Task]:
    """Tasks so that each comes behind those that it needs.

    Raises:
        ValueError: Two have one name, one needs what is not there, or they need each other.
    """
    by_name = {task.name: task for task in tasks}
    if len(by_name) < len(tasks):
        raise ValueError(f"tasks must have names of their own, got {[task.name for task in tasks]}")
    if missing := {name for task in tasks for name in task.needs} - by_name.keys():
        raise ValueError(f"tasks may need each other alone, got {min(missing)!r}, which is none of them")
    try:
        names = TopologicalSorter({task.name: task.needs for task in tasks}).static_order()
        return [by_name[name] for name in names]
    except CycleError as error:
        raise ValueError(f"tasks must not need each other in a circle, got {' -> '.join(error.args[1])}") from None


def keys(tasks: Sequence[Task], program: str) -> dict[str, str]:
    """The key of each task, by its name: what another argument, file, predecessor or program would change.

    Args:
        tasks: In their order, see `ordered`.
        program: Digest of the program whose functions they call.

    Raises:
        OSError: A file cannot be read.
    """
    found: dict[str, str] = {}
    for task in tasks:
        content = {
            "program": program,
            "call": f"{task.call.__module__}.{task.call.__qualname__}",
            "arguments": dict(task.arguments),
            "files": {name: sha256(path) for name, path in task.files.items()},
            "needs": [found[name] for name in task.needs],
        }
        found[task.name] = sha256(json.dumps(content, sort_keys=True).encode())
    return found


@dataclass(frozen=True)
class Kept:
    """Results of finished tasks, one JSON file each, with a log of what each said and the files that it left.

    Attributes:
        folder: Where they lie.
    """

    folder: Path

    def place(self, name: str, key: str) -> Path:
        """The folder for a task's own files; its result lies beside it, as .json."""
        return self.folder / f"{re.sub(r'[^A-Za-z0-9.]+', '-', name).strip('-')[:60]}-{key[:12]}"

    def read(self, task: Task, key: str) -> Result | None:
        """The result of a task, None where it is not finished, where its file is broken or what it left is gone."""
        place = self.place(task.name, key)
        if not all(path.is_file() for path in task.leaves):
            return None
        try:
            content = read_json(place.with_name(f"{place.name}.json"), "a task's result", "run again")
            return dict(content["result"]) if content["key"] == key else None
        except (ValueError, LookupError, TypeError):
            return None

    def forget(self, task: Task, key: str) -> None:
        """Let the result of a task count no more."""
        place = self.place(task.name, key)
        place.with_name(f"{place.name}.json").unlink(missing_ok=True)

    def write(self, task: Task, key: str, result: Result, seconds: float) -> None:
        """Keep a result, whole or not at all.

        Raises:
            RuntimeError: It cannot be written.
        """
        place = self.place(task.name, key)
        content = {"task": task.name, "key": key, "seconds": round(seconds, 1), "result": result}
        write_json(place.with_name(f"{place.name}.json"), content)

    def compute(self, task: Task, key: str, results: Sequence[Result]) -> Result:
        """A task's result, kept or found now of those of the tasks that it needs; what it says goes to a log."""
        if (known := self.read(task, key)) is not None:
            return known
        start, place = time.monotonic(), self.place(task.name, key)
        given = {**task.arguments, **task.where, **{name: str(path) for name, path in task.files.items()}}
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place.with_name(f"{place.name}.log"), "w") as log, redirect_stdout(log), redirect_stderr(log):
            found = json.loads(json.dumps(task.call(given, results, place)))
        self.write(task, key, found, time.monotonic() - start)
        return dict(found)
