# SPDX-License-Identifier: Apache-2.0
"""The commands of a board as a user meets them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import commands
import cv2
import numpy as np
import pytest
from commands import run_cli
from packages import faces, pack, seal, small_graph, write_package
from scenes import astronaut

from board.cli.main import main
from board.executors import CHOICES, EXECUTORS
from board.executors.numpy_executor import NumpyExecutor

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "board"]
auflow = partial(run_cli, program=main)
refused = partial(commands.refused, program=main)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_package(tmp_path / "deploy")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Forty faces as an array."""
    np.save(tmp_path / "clip.npy", faces(40))
    return tmp_path / "clip.npy"


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_detect_writes_rows_and_pictures(folder: Path, clip: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "aus.csv", tmp_path / "seen.avi"
    done = auflow("detect", clip, "--deploy", folder, "--executor", "numpy", "--out", out, "--annotate", seen)
    assert done.status == 0, done.stderr
    assert "small on the integer graph in numpy" in done.stderr
    assert "40 frames, " in done.stderr and "observations: 40 ok" in done.stderr
    assert [row["frame"] for row in rows(out)] == [str(number) for number in range(1, 41)]
    assert seen.is_file()


def test_a_pipe_that_nobody_reads_ends_it_without_a_word(folder: Path, clip: Path) -> None:
    words = [*COMMAND, "detect", str(clip), "--deploy", str(folder), "--executor", "numpy"]
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(words, cwd=ROOT, stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "40 frames" not in line] == [
        f"small on the integer graph in numpy, faces by Haar cascade, OpenCV {cv2.__version__}"
    ]


def test_detect_finds_the_deployment_in_its_own_folder(
    folder: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = auflow("detect", clip, "--executor", "numpy")
    assert done.status == 0, done.stderr
    assert done.stdout.count("clip.npy") == 40


def test_detect_takes_an_archive_and_a_picture(folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    archive, out = pack(folder), tmp_path / "x.jsonl"
    options = ("--executor", "numpy", "--out", out, "--annotate", tmp_path / "seen.png", "--attention")
    assert auflow("detect", tmp_path / "x.png", "--deploy", archive, *options).status == 0
    (seen,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert seen["status"] == "ok" and np.array(seen["attention"]).shape == (24, 24)
    assert cv2.imread(str(tmp_path / "seen.png")) is not None


def test_an_interrupted_detect_goes_on(folder: Path, tmp_path: Path) -> None:
    x = np.repeat(faces(61)[..., :1], 3, axis=3)
    np.save(tmp_path / "long.npy", np.tile(x, (100, 1, 1, 1)))
    out = tmp_path / "aus.jsonl"
    arguments = ["detect", tmp_path / "long.npy", "--deploy", folder, "--executor", "numpy", "--out", out]
    running = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )
    partial = tmp_path / "aus.jsonl.partial"
    deadline = time.monotonic() + 60
    while not (partial.is_file() and partial.stat().st_size > 5000):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "interrupted; the same command goes on with --resume" in said and "Traceback" not in said
    assert not out.exists()
    done = auflow(*arguments, "--resume")
    assert done.status == 0, done.stderr
    content = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["frame"] for row in content] == list(range(6100))
    expected = small_graph().run(x).reshape(len(x), -1)
    for row in content:
        integers = [unit["accumulator"] for unit in row["action_units"].values()]
        assert integers == expected[row["frame"] % 61].tolist()


class OneOff(NumpyExecutor):
    """Gives one integer more of the last face."""

    name = "rtl"

    def accumulators(self, faces: np.ndarray) -> np.ndarray:
        answer = super().accumulators(faces)
        answer[-1, 3] += 1
        return answer


def test_a_parity_that_differs_is_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "rtl", lambda deployment: OneOff(deployment.integer_graph()))
    done = auflow("parity", "--deploy", folder, "--count", 3, "--executors", "rtl")
    assert done.status == 1 and "Not equal, rtl differs on " in done.stdout
    assert "auflow: parity failed: rtl differs at " in done.stderr
    assert auflow("parity", "--deploy", folder, "--count", 3, "--executors", "numpy").status == 0


def test_parity_counts_what_ran(folder: Path, tmp_path: Path) -> None:
    done = auflow(
        "parity", "--deploy", folder, "--count", 20, "--json", tmp_path / "p.json", "--executors", "numpy", "rtl"
    )
    assert done.status == 0, done.stderr
    content = json.loads((tmp_path / "p.json").read_text())
    assert [(one["executor"], one["faces"], one["mismatches"]) for one in content["executors"]] == [
        ("numpy", 26, 0), ("rtl", 0, 0)
    ]  # fmt: skip
    assert "20 frames of noise, seed 0" in done.stderr


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")
def test_bench_measures_and_draws(folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(folder / "example.jpg"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    seal(folder)
    figures, plot = tmp_path / "b.json", tmp_path / "b.png"
    options = ("--executor", "numpy", "--frames", 30, "--json", figures, "--plot", plot)
    done = auflow("bench", "--deploy", folder, *options)
    assert done.status == 0, done.stderr
    content = json.loads(figures.read_text())
    assert set(content["alone"]) == {"capture", "faces", "inference", "inference_batched", "output"}
    assert all(stage["frames_per_second"] > 0 for stage in content["alone"].values())
    assert content["pipeline"]["frames"] == 30 and content["pipeline"]["observations"] == {"ok": 30}
    live = content["live"]
    assert live["frames"] + live["dropped"] == 30 and live["latency_ms"]["p99"] >= live["latency_ms"]["p50"] > 0
    stages = ("capture", "faces", "inference_batched", "output")
    slowest = min(content["alone"][name]["frames_per_second"] for name in stages)
    assert content["share_of_slowest"] == pytest.approx(content["pipeline"]["fps"] / slowest, abs=0.01)
    drawn = cv2.imread(str(plot))
    assert drawn is not None and drawn.shape[1] == 1200


def test_what_cannot_be_is_one_sentence(
    folder: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deploy = ("--deploy", folder, "--executor", "numpy")
    assert "got neither: name the folder deploy/" in refused("detect", clip)
    assert "which is missing" in refused("detect", tmp_path / "nothing.mp4", *deploy)
    assert "a camera must be there" in refused("detect", "/dev/video77", *deploy)
    for option in ("--out", "--annotate"):
        assert "an output must not be the input" in refused("detect", clip, *deploy, option, clip)
    assert clip.stat().st_size > 40 * 48 * 48 * 3  # it is still there
    assert "rows go to a file that ends in" in refused("detect", clip, *deploy, "--out", tmp_path / "x.xlsx")
    assert "a deployment must hold manifest.json" in refused("parity", "--deploy", tmp_path)
    assert "was built without it" in refused("bench", "--deploy", folder)  # no example
    assert "must hold standard.onnx" in refused("detect", clip, "--deploy", folder, "--executor", "onnx") or (
        find_spec("onnxruntime") is None
    )


@pytest.mark.parametrize("command", ["detect", "parity", "bench"])
def test_help_teaches(command: str) -> None:
    done = auflow(command, "--help")
    assert done.status == 0 and "--deploy DIR|ZIP" in done.stdout
    assert f"  auflow {command}" in done.stdout.partition("examples:")[2]
    assert all(name in done.stdout for name in (EXECUTORS if command == "parity" else CHOICES))


def test_a_run_imports_no_more_than_it_uses() -> None:
    used = "import cv2, numpy, sys; before = set(sys.modules)"
    run = "import board.cli.main, board.detector, board.outputs, board.pipeline, board.sources.open_source"
    rare = "'numpy.typing', 'socket', 'board.core.graph', 'board.sources.camera', 'board.live.server'"
    code = f"{used}; {run}; print({{{rare}}} & (set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_module_is_the_program() -> None:
    """`python -m board` is the way in where nothing is installed."""
    done = subprocess.run(
        [*COMMAND, "fly"], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert done.returncode == 2 and "invalid choice: 'fly'" in done.stderr


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_a_count_that_is_none_is_refused(value: str) -> None:
    done = auflow("bench", "--frames", value)
    assert done.status == 2 and "argument --frames: need" in done.stderr
