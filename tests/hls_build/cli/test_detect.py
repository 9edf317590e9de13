# SPDX-License-Identifier: Apache-2.0
"""`auflow detect --workers`: the tables of a run in one process, a film at a time on each worker, whatever dies."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from cluster_tasks import film_of_a_dying_worker, needs_dask, two_workers
from commands import refused, run_cli
from packages import write_package
from scenes import astronaut

from hls_build.cli import detect

FRAMES = 60


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("package") / "deploy")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with two_workers() as cluster:
        assert cluster.scheduler is not None
        yield cluster.scheduler


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three films, two of which have one name, in a folder of the working folder, which is none of the workers'."""
    monkeypatch.chdir(tmp_path)
    for name, frames in (("a/film.avi", FRAMES), ("b/film.avi", 3), ("other.avi", 4)):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (320, 240))
        face = cv2.cvtColor(astronaut()[:300, 80:380], cv2.COLOR_RGB2BGR)
        for index in range(frames):
            writer.write(cv2.resize(face[index // 2 :], (320, 240)))
        writer.release()
    return Path("archive")


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Rows of each table without their latency, which no run repeats."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="") as file:
            found[path.name] = [{k: v for k, v in row.items() if k != "latency_ms"} for row in csv.DictReader(file)]
    return found


@needs_dask
def test_workers_leave_what_one_process_does_though_one_dies(
    deploy: Path, archive: Path, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("detect", archive, "--recursive", "--deploy", deploy, "--executor", "numpy", "--finder", "haar")
    assert run_cli(*command, "--out", "one").status == 0
    expected = tables(Path("one"))
    assert {name: len(rows) for name, rows in expected.items()} == {
        "archive_a_film.csv": FRAMES, "archive_b_film.csv": 3, "other.csv": 4
    }  # fmt: skip
    monkeypatch.setattr(detect, "film", film_of_a_dying_worker)
    out = Path("several")
    ran = run_cli(*command, "--out", out, "--scheduler", scheduler)
    (died,) = (out / "tasks").glob("*.died")
    assert 8 <= int(died.read_text()) <= FRAMES, "a worker died with some rows written"
    assert ran.status == 0 and "3 films: rows of 3 written, of 0 before, 0 failed" in ran.stderr, ran
    assert tables(out) == expected
    assert {path.name for path in out.iterdir()} == {*expected, "tasks"}
    (out / "other.csv").unlink()
    before = (out / "archive_a_film.csv").read_bytes()
    again = run_cli(*command, "--out", out, "--scheduler", scheduler, "--resume")
    assert "3 films: rows of 1 written, of 2 before, 0 failed" in again.stderr, again
    assert tables(out) == expected and (out / "archive_a_film.csv").read_bytes() == before


@needs_dask
def test_a_film_that_breaks_ends_no_other(deploy: Path, archive: Path, scheduler: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "archive_b_film.csv").mkdir()  # where nobody can write a table
    ran = run_cli(
        "detect", archive, "--recursive", "--deploy", deploy, "--executor", "numpy", "--finder", "haar",
        "--out", tmp_path / "out", "--scheduler", scheduler,
    )  # fmt: skip
    assert ran.status == 1 and "detect archive_b_film failed" in ran.stderr, ran
    assert "rows of 2 written, of 0 before, 1 failed" in ran.stderr
    kept = [json.loads(path.read_text())["task"] for path in (tmp_path / "out" / "tasks").glob("*.json")]
    assert sorted(kept) == ["detect archive_a_film", "detect other"]


@needs_dask
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "all.csv"), "with several workers each film has a table of its own, got --out"),
        ((), "with several workers each film has a table of its own, got --out None: name a folder"),
        (("--out", "rows", "--annotate", "seen"), "there are rows alone: leave --annotate and --attention out"),
        (("--out", "rows", "--scheduler", "tcp://a:1"), "give --workers or --scheduler, not both"),
    ],
)
def test_what_workers_cannot_do_is_refused(deploy: Path, archive: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("detect", archive, "--recursive", "--deploy", deploy, "--workers", 1, *words)


@needs_dask
def test_pictures_are_not_for_workers(deploy: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), astronaut())
    said = refused("detect", tmp_path, "--deploy", deploy, "--workers", 1, "--out", tmp_path / "rows")
    assert "workers take films, a file each" in said
