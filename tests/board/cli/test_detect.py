# SPDX-License-Identifier: Apache-2.0
"""`auflow detect` over videos that are killed, several inputs, strange names and poor terminals."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import commands
import cv2
import numpy as np
import pytest
from commands import run_cli
from live import write_clip
from packages import faces, write_package
from scenes import astronaut

from board.cli.main import main

ROOT = Path(__file__).parents[3]
auflow = partial(run_cli, program=main)
refused = partial(commands.refused, program=main)
FRAMES = 70


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("package") / "deploy")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that tilts so far that only following finds it, as far as a board's finders go."""
    path = tmp_path_factory.mktemp("video") / "tilting.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (320, 240))
    face = cv2.cvtColor(astronaut()[:300, 80:380], cv2.COLOR_RGB2BGR)
    for index in range(FRAMES):
        turn = cv2.getRotationMatrix2D((144, 114), 35 * float(np.sin(index / 9)), 1.0)
        writer.write(cv2.warpAffine(face, turn, (320, 240), borderValue=(90, 90, 90)))
    writer.release()
    return path


def words(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "board", "detect", *map(str, arguments)]


def rows(path: Path) -> list[dict[str, str]]:
    """Rows without their latency, which no run repeats."""
    with open(path, newline="") as file:
        return [{key: value for key, value in row.items() if key != "latency_ms"} for row in csv.DictReader(file)]


def kill_after(lines: int, partial: Path, *arguments: object) -> int:
    """Run detect, kill it once its table has so many more lines than before; how many the table has then."""
    table = partial.with_name(partial.name + ".partial")

    def count() -> int:
        return table.read_bytes().count(b"\n") if table.exists() else 0

    wanted = count() + lines
    running = subprocess.Popen(words(*arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while count() < wanted and running.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    _, said = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL, said
    return count()


def test_a_run_that_is_killed_again_and_again_ends_in_the_rows_of_one_that_is_not(
    folder: Path, video: Path, tmp_path: Path
) -> None:
    options = ("--deploy", folder, "--executor", "numpy", "--out")
    done = auflow("detect", video, *options, tmp_path / "whole.csv")
    assert done.status == 0, done.stderr
    whole = rows(tmp_path / "whole.csv")
    assert len({row["FaceRectX"] for row in whole}) > 5 and len(whole) >= FRAMES
    out = tmp_path / "aus.csv"
    reached = [kill_after(lines, out, video, *options, out, "--resume") for lines in (2, 13, 20)]
    assert reached == sorted(reached) and reached[-1] < len(whole)
    done = auflow("detect", video, *options, out, "--resume")
    assert done.status == 0, done.stderr
    assert "going on with frame" in done.stderr and "finding the faces" in done.stderr
    assert rows(out) == whole
    assert sorted(file.name for file in tmp_path.iterdir()) == ["aus.csv", "whole.csv"]


def test_several_inputs_that_are_killed_go_on(folder: Path, video: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", faces(30))
    inputs = (tmp_path / "faces.npy", video)
    options = ("--deploy", folder, "--executor", "numpy", "--out")
    assert auflow("detect", *inputs, *options, tmp_path / "whole.jsonl").status == 0
    out = tmp_path / "aus.jsonl"
    kill_after(50, out, *inputs, *options, out)
    assert auflow("detect", *inputs, *options, out, "--resume").status == 0

    def content(path: Path) -> list[dict[str, object]]:
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [{key: value for key, value in row.items() if key != "latency_s"} for row in found]

    whole = content(tmp_path / "whole.jsonl")
    assert content(out) == whole
    frames = [(row["source"], row["frame"]) for row in whole]
    assert sorted(set(frames)) == [
        (path.name, n) for path, n in zip(inputs, (30, FRAMES), strict=True) for n in range(n)
    ]


def test_a_folder_gets_a_table_and_a_picture_of_each_input(folder: Path, video: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", faces(1))
    options = ("--deploy", folder, "--executor", "numpy")
    seen = tmp_path / "seen"
    done = auflow("detect", tmp_path / "faces.npy", video, *options, "--out", tmp_path / "rows", "--annotate", seen)
    assert done.status == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "rows").iterdir()) == ["faces.csv", "tilting.csv"]
    assert len(rows(tmp_path / "rows/faces.csv")) == 1
    assert sorted(file.name for file in seen.iterdir()) == ["faces.jpg", "tilting.mp4"]


def test_another_video_and_other_options_are_refused(folder: Path, video: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", faces(9))
    out = tmp_path / "aus.csv"
    options = ("--deploy", folder, "--executor", "numpy", "--out", out)
    kill_after(10, out, video, *options)
    before = (tmp_path / "aus.csv.partial").read_bytes()
    for inputs, more, said in (
        ((tmp_path / "faces.npy",), (), "input 1 tilting.avi"),
        ((video, tmp_path / "faces.npy"), (), "input 2 not given"),
        ((video,), ("--max-faces", 2), "--max-faces 8, got 2"),
        ((video,), ("--search-every", 1), "--search-every not given, got 1"),
        ((video,), ("--min-face", 99), "--min-face not given, got 99"),
    ):
        assert said in refused("detect", *inputs, *options, "--resume", *more)
    assert "holds what an interrupted run found" in refused("detect", video, *options)
    assert (tmp_path / "aus.csv.partial").read_bytes() == before


def test_the_second_of_two_runs_names_the_first(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "long.npy", np.tile(faces(50), (40, 1, 1, 1)))
    out = tmp_path / "aus.csv"
    options = (tmp_path / "long.npy", "--deploy", folder, "--executor", "numpy", "--out", out)
    first = subprocess.Popen(words(*options), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "aus.csv.partial").is_file():
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    for more in ((), ("--resume",)):
        said = refused("detect", *options, *more)
        assert f"is in use by process {first.pid} (" in said and "--resume" not in said
    assert first.wait(120) == 0
    assert len(rows(out)) == 2000


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_show_on_any_terminal(folder: Path, tmp_path: Path, encoding: str) -> None:
    content = np.full((64, 64, 3), 90, np.uint8)
    done, picture = cv2.imencode(".png", content)
    assert done
    names = [b"a.png", "zé読.png".encode(), b"caf\xe9.png", b"\x1b[31m\n.png", b"=1+1.png"]
    (tmp_path / "f").mkdir()
    for name in names:
        (tmp_path / "f" / os.fsdecode(name)).write_bytes(picture.tobytes())
    options = ("--deploy", folder, "--executor", "numpy")

    def run(line: list[str]) -> subprocess.CompletedProcess[bytes]:
        poor = {**os.environ, "PYTHONIOENCODING": encoding}
        return subprocess.run(line, cwd=ROOT, capture_output=True, env=poor)

    told = run(words(tmp_path / "f", *options))
    assert told.returncode == 0, told.stderr
    lines = told.stdout.decode(encoding).splitlines()
    accents = "z\\xe9\\u8aad.png" if encoding == "ascii" else "zé読.png"
    assert sorted(lines) == sorted(
        f"{name}: no face" for name in (r"\x1b[31m\n.png", "=1+1.png", "a.png", r"caf\xe9.png", accents)
    )
    for out in (tmp_path / "o.csv", tmp_path / "o.jsonl"):
        assert run(words(tmp_path / "f", *options, "--out", out)).returncode == 0
        assert out.read_text().replace("\n", "").isprintable()
    assert {row["source"] for row in rows(tmp_path / "o.csv")} == {
        r"\x1b[31m\n.png", "'=1+1.png", "a.png", r"caf\xe9.png", "zé読.png"
    }  # fmt: skip


def test_an_error_steers_no_terminal(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mx.png").write_text("no picture")
    said = refused("detect", tmp_path / "\x1b[31mx.png", "--deploy", folder, "--executor", "numpy")
    assert r"/\x1b[31mx.png" in said and "\x1b" not in said


def test_a_name_that_begins_with_a_dash_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("-x.npy", faces(2))
    done = auflow("detect", "--deploy", folder, "--executor", "numpy", "--", "-x.npy")
    assert done.status == 0 and done.stdout.count("-x.npy[") == 2, done.stderr


def test_a_damaged_video_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video " * 99)
    run = subprocess.run(words(tmp_path / "a.mp4", "--deploy", folder), cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.count("\n") == 1, run.stderr  # OpenCV would add its own


def test_places_are_checked_before_the_work_begins(folder: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = ("--deploy", folder, "--executor", "numpy")
    for option, name in (("--out", "file/a.csv"), ("--annotate", "file/a.mp4"), ("--annotate", "file/a")):
        done = auflow("detect", video, *options, option, tmp_path / name)
        assert done.status == 1 and "cannot write" in done.stderr and "on the integer graph" not in done.stderr


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(folder: Path, tmp_path: Path) -> None:
    peaks = []
    for frames in (300, 3000):
        path = tmp_path / f"{frames}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (320, 240))
        for index in range(frames):
            writer.write(np.full((240, 320, 3), index % 256, np.uint8))
        writer.release()
        out = ("--out", tmp_path / f"{frames}.csv", "--annotate", tmp_path / f"seen{frames}.avi")
        code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        run = [sys.executable, "-c", code, *words(path, "--deploy", folder, "--executor", "numpy", *out)]
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 8 << 10, peaks  # KiB


def test_a_span_is_seconds_or_a_time(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["detect", "x.mp4", "--start", "1h"])
    assert "a time must be seconds or hh:mm:ss, such as 12.5 or 0:01:30, got '1h'" in capsys.readouterr().err
    write_clip(tmp_path / "clip.avi")
    out = tmp_path / "rows.csv"
    words = ("detect", tmp_path / "clip.avi", "--deploy", folder, "--executor", "numpy", "--out", out)
    assert auflow(*words, "--start", "0:00:00.1", "--end", "0:0.2").status == 0
    times = [float(row["timestamp"]) for row in rows(out)]
    assert times and min(times) >= 0.1 and max(times) < 0.2
    late = auflow(*words, "--start", "9")
    assert late.status == 0 and "clip.avi has no frame that --start, --end and --every ask for" in late.stderr


def test_what_nobody_would_see_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", faces(2))
    words = ("detect", "x.npy", "--deploy", folder, "--executor", "numpy")
    for more in ((), ("--out", "a.csv"), ("--out", "rows")):
        assert "--attention needs a place that shows it" in refused(*words, "--attention", *more)
    assert "rows go to a file that ends in .csv or .jsonl, or to a folder, got -" in refused(*words, "--out", "-")
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
