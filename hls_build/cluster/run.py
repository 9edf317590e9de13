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
from board.core.lock import lock_in, locked
from hls_build.cluster.needs import check_installed
from hls_build.cluster.task import Kept, Result, Task, keys, ordered

WAIT_S = 60.0
"""For a scheduler to answer, and for its first worker."""
POLL_S = 5.0
"""Between looks at whether there are workers."""
START_S = 300.0
"""For a process to start and answer, as after all have died: a computer that builds keep busy needs more than dask's
30 s."""


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
                Client(cluster) as client,
            ):
                yield client
            return
        try:
            client = Client(self.scheduler, timeout=WAIT_S)
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

        import dask
        from distributed import LocalCluster

        patience = dict.fromkeys(
            ("distributed.comm.timeouts.connect", "distributed.comm.timeouts.tcp"), f"{START_S:g}s"
        )
        dask.config.set(patience)  # its workers get it from here
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
    tasks: Sequence[Task],
    folder: Path,
    workers: Workers,
    program: str,
    tell: Callable[[str, int], None],
    anew: bool = False,
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
        anew: Do all tasks, whatever was kept.

    Raises:
        ValueError: The tasks are no graph.
        RuntimeError: Another run has this folder, or there are no workers.
    """
    graph, kept = ordered(tasks), Kept(folder.resolve())
    key_of = keys(graph, program)
    with locked(lock_in(kept.folder), f"the results in {folder}"):
        for task in graph if anew else ():
            kept.forget(task, key_of[task.name])
        known = {task.name: kept.read(task, key_of[task.name]) for task in graph}
        results = {name: result for name, result in known.items() if result is not None}
        before = len(results)
        todo = [task for task in graph if task.name not in results]
        failures: dict[str, str] = {}
        if todo:
            with workers.opened() as client:
                for task, found in _finished(client, todo, kept, key_of, results):
                    if isinstance(found, str):
                        failures[task.name] = found
                    else:
                        results[task.name] = found
                        if kept.read(task, key_of[task.name]) is None:
                            kept.write(task, key_of[task.name], found, 0.0)
                    tell(task.name, len(todo))
    for task in todo:  # in the order of needs
        if task.name in failures and (broken := [name for name in task.needs if name in failures]):
            failures[task.name] = f"needs {broken[0]!r}, which failed"
    return Outcome(results, failures, before)


def _finished(
    client: Any, todo: Sequence[Task], kept: Kept, key_of: Mapping[str, str], results: Mapping[str, Result]
) -> Iterator[tuple[Task, Result | str]]:
    """Tasks in the order in which they finish, with their results, or with why there is none."""
    from distributed import wait

    known, futures = dict(results), dict[str, Any]()
    for priority, task in enumerate(todo):
        key, needed = key_of[task.name], [futures.get(name, known.get(name)) for name in task.needs]
        of_run = sha256(f"{kept.folder} {key}".encode())[:12]  # another folder's files are another task's
        futures[task.name] = client.submit(
            kept.compute, task, key, needed, key=f"{task.name} {of_run}", priority=-priority
        )
    task_of, alone_s = {future: task for future, task in zip(futures.values(), todo, strict=True)}, 0.0
    while task_of:
        try:
            done = wait(list(task_of), timeout=POLL_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            alone_s = 0.0 if client.scheduler_info()["workers"] else alone_s + POLL_S
            if alone_s >= START_S:
                raise RuntimeError(
                    f"{len(task_of)} tasks must have a worker, got none for {alone_s:g} s: all have died; the same"
                    " command goes on with what is not done"
                ) from None
            continue
        for future in done:
            task = task_of.pop(future)
            if future.status == "finished":
                found = kept.read(task, key_of[task.name])
                yield task, future.result() if found is None else found
            else:
                yield task, _sentence(future.exception())


def _sentence(error: BaseException) -> str:
    """Why a task has no result."""
    said = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ == "KilledWorker":
        return "every worker that took it died, as for want of memory: take fewer workers"
    return said
