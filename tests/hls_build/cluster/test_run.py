# SPDX-License-Identifier: Apache-2.0
"""Graphs of tasks: each runs once whatever dies, only what changed runs again, and a failure ends what needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster_tasks import add, always_die, die_once, fail, leave_the_cluster, needs_dask, two_workers

from hls_build.cluster import needs
from hls_build.cluster.run import Outcome, Workers, run
from hls_build.cluster.task import Kept, Task, keys, ordered


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    with two_workers() as cluster:
        yield cluster


def task(name: str, number: int, log: Path, *needed: str, call: Any = add, **more: Any) -> Task:
    return Task(name, call, {"number": number, "log": str(log), **more}, {}, needed)


def diamond(log: Path, changes: Mapping[str, Task] | None = None) -> list[Task]:
    """Four tasks, the last of which adds up 1 + (10 + 1) + (100 + 1)... of two ways, given out of order."""
    tasks = {
        "end": task("end", 1000, log, "left", "right"),
        "left": task("left", 10, log, "begin"),
        "right": task("right", 100, log, "begin"),
        "begin": task("begin", 1, log),
    }
    return list({**tasks, **(changes or {})}.values())


def done(tasks: list[Task], folder: Path, workers: Workers, program: str = "one") -> Outcome:
    return run(tasks, folder, workers, program, lambda name, total: None)


def ran(log: Path) -> list[int]:
    """Numbers of the tasks that ran since the last call, in any order."""
    found = sorted(map(int, log.read_text().split())) if log.exists() else []
    log.unlink(missing_ok=True)
    return found


SUMS = {"begin": {"sum": 1}, "left": {"sum": 11}, "right": {"sum": 101}, "end": {"sum": 1112}}


@needs_dask
def test_a_graph_runs_each_task_once_and_then_none(tmp_path: Path, two: Workers) -> None:
    log = tmp_path / "log"
    first = done(diamond(log), tmp_path / "kept", two)
    assert (dict(first.results), first.failures, first.kept) == (SUMS, {}, 0)
    assert ran(log) == [1, 10, 100, 1000]
    again = done(diamond(log), tmp_path / "kept", Workers(scheduler="tcp://nobody.invalid:1"))  # which nobody asks
    assert (dict(again.results), again.kept) == (SUMS, 4) and ran(log) == []


@needs_dask
def test_what_changed_runs_again_with_all_that_needs_it(tmp_path: Path, two: Workers) -> None:
    log = tmp_path / "log"
    done(diamond(log), tmp_path / "kept", two)
    ran(log)
    changed = done(diamond(log, {"left": task("left", 20, log, "begin")}), tmp_path / "kept", two)
    assert changed.results["end"] == {"sum": 1122} and changed.kept == 2
    assert ran(log) == [20, 1000]
    assert done(diamond(log), tmp_path / "kept", two, "another").kept == 0
    assert ran(log) == [1, 10, 100, 1000]
    assert run(diamond(log), tmp_path / "kept", two, "one", lambda name, total: None, anew=True).kept == 0
    assert ran(log) == [1, 10, 100, 1000]


@needs_dask
def test_a_worker_that_dies_loses_nothing(tmp_path: Path, two: Workers) -> None:
    log = tmp_path / "log"
    dies = task("right", 100, log, "begin", call=die_once, marker=str(tmp_path / "marker"))
    found = done(diamond(log, {"right": dies}), tmp_path / "kept", two)
    assert (tmp_path / "marker").exists(), "a worker died"
    assert (dict(found.results), found.failures) == (SUMS, {})
    assert ran(log) == [1, 10, 100, 1000], "results of the dead worker are read, not found again"


@needs_dask
def test_a_task_that_kills_its_workers_is_told_and_ends_only_what_needs_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    killing = diamond(log, {"right": task("right", 100, log, call=always_die)})
    with two_workers(deaths=0) as own:
        before = [one for one in killing if one.name in ("begin", "left")]
        assert not done(before, tmp_path / "kept", own).failures
        found = done(killing, tmp_path / "kept", own)
    assert dict(found.results) == {"begin": {"sum": 1}, "left": {"sum": 11}}
    assert "every worker that took it died" in found.failures["right"]
    assert found.failures["end"] == "needs 'right', which failed"


@needs_dask
def test_a_failure_is_tried_again_next_time(tmp_path: Path, two: Workers) -> None:
    log = tmp_path / "log"
    found = done(diamond(log, {"left": task("left", 10, log, "begin", call=fail)}), tmp_path / "kept", two)
    assert found.failures == {"left": "need a number below 3, got 10", "end": "needs 'left', which failed"}
    ran(log)
    mended = done(diamond(log), tmp_path / "kept", two)
    assert dict(mended.results) == SUMS and ran(log) == [10, 1000]


def test_a_key_is_of_the_content_of_files_and_not_of_their_paths(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("same")
    other.write_text("same")
    tasks = [replace(task("a", 1, tmp_path), files={"file": path}) for path in (one, other)]
    first, second = (keys([each], "p")["a"] for each in tasks)
    assert first == second
    other.write_text("another")
    assert keys([tasks[1]], "p")["a"] != first
    assert keys([tasks[0]], "q")["a"] != first
    assert keys([replace(tasks[0], call=fail)], "p")["a"] != first


def test_a_task_leaves_files_in_a_folder_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    kept, one = Kept(tmp_path / "kept"), replace(task("a/b c", 1, tmp_path / "log"), files={"file": file})
    assert kept.compute(one, "0" * 64, []) == {"sum": 1}
    assert (kept.place("a/b c", "0" * 64) / "copy").read_text() == "content"
    assert ran(tmp_path / "log") == [1] and kept.compute(one, "0" * 64, []) == {"sum": 1}
    assert ran(tmp_path / "log") == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": "other", "result": {}}', '{"key": "k", "result": 1}'])
def test_a_broken_result_counts_as_none(tmp_path: Path, content: str) -> None:
    kept = Kept(tmp_path)
    one = task("a", 1, tmp_path)
    kept.write(one, "k", {"sum": 1}, 0.5)
    assert kept.read(one, "k") == {"sum": 1}
    next(tmp_path.glob("*.json")).write_text(content)
    assert kept.read(one, "k") is None


def test_a_result_counts_only_where_what_the_task_left_is_there(tmp_path: Path) -> None:
    kept, table = Kept(tmp_path / "kept"), tmp_path / "rows.csv"
    one = replace(task("a", 1, tmp_path / "log"), leaves=(table,))
    table.write_text("rows")
    kept.write(one, "k", {"sum": 1}, 0.5)
    assert kept.read(one, "k") == {"sum": 1}
    table.unlink()
    assert kept.read(one, "k") is None


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        ({"a": ("b",), "b": ("a",)}, "must not need each other in a circle, got"),
        ({"a": ("c",)}, "may need each other alone, got 'c'"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, needed: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ordered([task(name, 1, tmp_path, *of) for name, of in needed.items()])
    with pytest.raises(ValueError, match="names of their own"):
        ordered([task("a", 1, tmp_path), task("a", 2, tmp_path)])


@needs_dask
def test_a_run_whose_workers_are_all_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("hls_build.cluster.run.START_S", 2.0)
    monkeypatch.setattr("hls_build.cluster.run.POLL_S", 1.0)
    place = "127.0.0.1:0"
    with LocalCluster(1, threads_per_worker=1, processes=False, dashboard_address=place) as cluster:
        alone = task("slow", 1, tmp_path / "log", call=leave_the_cluster)
        with pytest.raises(RuntimeError, match=r"1 tasks must have a worker, got none for 2 s: all have died"):
            done([alone], tmp_path / "kept", Workers(scheduler=cluster.scheduler_address))


@needs_dask
def test_a_scheduler_that_does_not_answer_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hls_build.cluster.run.WAIT_S", 1.0)
    with pytest.raises(RuntimeError, match=r"the scheduler tcp://127.0.0.1:9 must answer within 1 s, got"):
        done(diamond(tmp_path / "log"), tmp_path / "kept", Workers(scheduler="tcp://127.0.0.1:9"))


def test_workers_are_of_one_kind() -> None:
    with pytest.raises(ValueError, match="give --workers or --scheduler, not both"):
        Workers(2, "tcp://127.0.0.1:8786")


def test_without_dask_a_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"dask and distributed not installed: .*requirements/cluster\.txt"):
        done(diamond(tmp_path / "log"), tmp_path / "kept", Workers(1))
