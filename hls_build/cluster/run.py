# SPDX-License-Identifier: Apache-2.0
"""Run a graph of tasks on workers of this computer or of a cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board.core.files import sha256
from board.core.lock import lock_name, locked
from hls_build.cluster.needs import check_installed
from hls_build.cluster.task import Kept, Result, Task, keys, ordered

WAIT_S = 60.0
"""For a scheduler to answer, and for its first worker."""


@dataclass(frozen=True)
class Workers:
    """Who does the tasks.

    Attributes:
        count: Processes that are started on this computer; None takes one for each of its cores.
        scheduler: Address of a cluster's scheduler, such as tcp://10.0.0.1:8786, whose workers are taken instead.
    """

    count: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.scheduler is not None:
            raise ValueError("a cluster has workers of its own: give --workers or --scheduler, not both")

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """A dask.distributed.Client of them, for as long as the block lasts.

        Raises:
            RuntimeError: dask is not installed, the scheduler does not answer, or it has no worker.
        """
        check_installed()
        from distributed import Client

        if self.scheduler is None:
            with (
                tempfile.TemporaryDirectory(prefix="auflow-workers-") as folder,
                self._local(folder) as cluster,
                Client(cluster, set_as_default=False) as client,
            ):
                yield client
            return
        try:
            client = Client(self.scheduler, timeout=WAIT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise RuntimeError(
                f"the scheduler {self.scheduler} must answer within {WAIT_S:g} s, got {error}: start it with"
                " `dask scheduler`, and workers with `dask worker`"
            ) from None
        with client:
            try:
                client.wait_for_workers(1, timeout=WAIT_S)
            except TimeoutError:
                raise RuntimeError(
                    f"the scheduler {self.scheduler} must have a worker, got none within {WAIT_S:g} s: start one with"
                    f" `dask worker {self.scheduler} --nthreads 1`"
                ) from None
            yield client

    def _local(self, folder: str) -> Any:
        """Processes of this computer, of one thread each: FINN+ and its build folder are a process's own.

        Memory is not limited: what a task takes is known to it alone, and a worker that dask kills begins it again.
        """
        import logging

        from distributed import LocalCluster

        return LocalCluster(
            n_workers=self.count or os.cpu_count() or 1,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",  # where no other program is met
            local_directory=folder,
            silence_logs=logging.CRITICAL,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a graph's tasks.

    Attributes:
        results: By name, of those that finished, now or before.
        failures: Why the others did not, a sentence by name.
        kept: How many had finished before.
    """

    results: Mapping[str, Result]
    failures: Mapping[str, str]
    kept: int


def run(
    tasks: Sequence[Task], folder: Path, workers: Workers, program: str, tell: Callable[[str, int], None]
) -> Outcome:
    """Do the tasks of a graph that were not done before, each as soon as those that it needs are.

    Every result is kept in the folder when it is there, by its worker and, where that has another disk, by this
    process. A worker that dies gives its task to another one; a run that dies goes on when it is called again. A task
    that fails ends those that need it and no others.

    Args:
        tasks: The graph.
        folder: Of the kept results; workers of other computers share it where tasks leave files.
        workers: Who does them.
        program: Digest of the program; results of another one are not taken.
        tell: Told each name when its task is done or has failed, and how many tasks there are to do.

    Raises:
        ValueError: The tasks are no graph.
        RuntimeError: Another run has this folder, or there are no workers.
    """
    graph, kept = ordered(tasks), Kept(folder.resolve())
    key_of = keys(graph, program)
    with locked(lock_name(kept.folder), f"the results in {folder}"):
        known = {task.name: kept.read(task.name, key_of[task.name]) for task in graph}
        results = {name: result for name, result in known.items() if result is not None}
        before = len(results)
        todo = [task for task in graph if task.name not in results]
        failures: dict[str, str] = {}
        if todo:
            with workers.opened() as client:
                for name, found in _finished(client, todo, kept, key_of, results):
                    if isinstance(found, str):
                        failures[name] = found
                    else:
                        results[name] = found
                        if kept.read(name, key_of[name]) is None:
                            kept.write(name, key_of[name], found, 0.0)
                    tell(name, len(todo))
    for task in todo:  # in the order of needs
        if task.name in failures and (broken := [name for name in task.needs if name in failures]):
            failures[task.name] = f"needs {broken[0]!r}, which failed"
    return Outcome(results, failures, before)


def _finished(
    client: Any, todo: Sequence[Task], kept: Kept, key_of: Mapping[str, str], results: Mapping[str, Result]
) -> Iterator[tuple[str, Result | str]]:
    """Names of tasks in the order in which they finish, with their results, or with why there is none."""
    from distributed import as_completed

    known, futures = dict(results), dict[str, Any]()
    for priority, task in enumerate(todo):
        key, needed = key_of[task.name], [futures.get(name, known.get(name)) for name in task.needs]
        of_run = sha256(f"{kept.folder} {key}".encode())[:12]  # another folder's files are another task's
        futures[task.name] = client.submit(
            kept.compute, task, key, needed, key=f"{task.name} {of_run}", priority=-priority
        )
    name_of = {future.key: name for name, future in futures.items()}
    for future, found in as_completed(futures.values(), client.loop, with_results=True, raise_errors=False):
        name = name_of[future.key]
        yield name, found if future.status == "finished" else _sentence(found)


def _sentence(found: Any) -> str:
    """Why a task has no result, out of what `as_completed` gives in its place."""
    error = found[1] if isinstance(found, tuple) else found
    said = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "KilledWorker":
        return "every worker that took it died, as for want of memory: take fewer workers"
    return said
