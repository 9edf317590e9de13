# SPDX-License-Identifier: Apache-2.0
"""Tasks for tests of the cluster: a sum, one whose worker dies the first time, and one that fails."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from board.outputs.resumable_table import partial_of
from hls_build.cli.detect import film
from hls_build.cluster.run import Workers
from hls_build.cluster.task import Result

needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="dask.distributed is not installed: requirements/cluster.txt has it"
)


@contextmanager
def two_workers(deaths: int | None = None) -> Iterator[Workers]:
    """A cluster of two processes, of which those that die are replaced; so many `deaths` a task survives."""
    from distributed import LocalCluster

    place = "127.0.0.1:0"
    with LocalCluster(2, threads_per_worker=1, dashboard_address=place, silence_logs=logging.CRITICAL) as cluster:
        if deaths is not None:
            cluster.scheduler.allowed_failures = deaths
        yield Workers(scheduler=cluster.scheduler_address)


def add(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """The sum of a number and of all results, counted in a file that tells how often it ran."""
    with open(arguments["log"], "a") as log:
        log.write(f"{arguments['number']}\n")
    if "file" in arguments:
        place.mkdir(parents=True, exist_ok=True)
        (place / "copy").write_bytes(Path(arguments["file"]).read_bytes())
    return {"sum": arguments["number"] + sum(result["sum"] for result in results)}


def die_once(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """As `add`, but the first worker that takes it is gone before it ends."""
    marker = Path(arguments["marker"])
    if not marker.exists():
        marker.write_text("died")
        os._exit(9)
    return add(arguments, results, place)


def always_die(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """No worker survives it."""
    del arguments, results, place
    os._exit(9)


def leave_the_cluster(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """Its worker closes for good while it runs."""
    from distributed import get_worker

    worker = get_worker()
    worker.loop.add_callback(worker.close, executor_wait=False)
    time.sleep(5)
    return add(arguments, results, place)


def fail(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """Has no result."""
    del results, place
    raise ValueError(f"need a number below 3, got {arguments['number']}")


def film_of_a_dying_worker(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """Detect in a film, but the first worker is gone once some of its rows are written."""
    marker = place.with_suffix(".died")
    if not marker.exists():
        threading.Thread(
            target=_die_with_rows, args=(partial_of(Path(arguments["table"])), marker), daemon=True
        ).start()
    return film(arguments, results, place)


def _die_with_rows(table: Path, marker: Path) -> None:
    while not table.exists() or table.read_bytes().count(b"\n") < 8:
        time.sleep(0.0005)
    marker.write_text(str(table.read_bytes().count(b"\n")))
    os._exit(9)
