# SPDX-License-Identifier: Apache-2.0
"""A sample of the fault bench: detection killed, on a full disk, twice at once; and what the bench calls wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import faults
import numpy as np
import pytest
from fault_bench import Faults
from faults import BARE, DIFFERENT, REFUSED, SAME, TORN, Bench, Command, Ended, judge
from packages import write_package

FRAMES = 300


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    """Faults of `auflow detect` on an array of faces."""
    folder = tmp_path_factory.mktemp("faults")
    rng = np.random.default_rng(3)
    np.save(folder / "faces.npy", rng.integers(0, 256, (FRAMES, 48, 48), dtype=np.uint8))
    deploy = write_package(folder / "deploy")

    def words(out: Path) -> list[str]:
        read = [str(folder / "faces.npy"), "--deploy", str(deploy), "--executor", "numpy"]
        return ["detect", *read, "--out", str(out / "aus.csv")]

    command = Command("detect", words, lambda out: faults.rows_without_latency(out / "aus.csv"), ("--resume",))
    with Bench(folder, ("board.cli.main", "board.detector", "board.pipeline", "board.core.graph")) as bench:
        place = faults.emptied(folder / "out")
        ended = bench.run(words(place))
        assert ended.status == 0, ended.said
        expected = command.read(place)
        assert expected["aus.csv"].count(b'"status": "ok"') == FRAMES
        yield Faults(bench, command, expected, 0.5, faults.used_bytes(place), kills=3, place=place)


def test_a_killed_detection_ends_in_the_same_rows(detect: Faults) -> None:
    for _ in range(detect.kills):
        assert detect.kill() in ([SAME], [REFUSED])


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_a_full_disk_is_a_sentence_and_then_made_good(detect: Faults, share: float) -> None:
    assert detect.finished(file_bytes=int(detect.used * share)) == [REFUSED]


def test_two_at_once_leave_ones_rows(detect: Faults) -> None:
    assert detect.two_at_once() in ([SAME], [REFUSED])


def test_neither_clock_nor_umask_shows(detect: Faults) -> None:
    assert detect.finished(clock_back_s=0.2, umask=0o077) == [SAME]
    assert detect.files_of_the_future() in ([SAME], [REFUSED])


def test_the_bench_tells_what_is_wrong(tmp_path: Path) -> None:
    command = Command("x", lambda out: [], lambda out: faults.files_in(out, ["a", "b"]))
    (tmp_path / "a").write_bytes(b"whole")
    expected = {"a": b"whole", "b": b"too"}
    sentence, trace = Ended(1, "auflow: no room\n"), Ended(1, "Traceback (most recent call last):\nOSError\n")
    assert judge(command, tmp_path, expected, sentence) == []
    assert judge(command, tmp_path, expected, Ended(0, "")) == [f"{DIFFERENT}: b"]
    assert judge(command, tmp_path, expected, trace) == [f"{BARE}: status 1, OSError"]
    assert judge(command, tmp_path, expected, Ended(-11, "")) == [f"{BARE}: status -11, nothing said"]
    (tmp_path / "b").write_bytes(b"to")
    assert judge(command, tmp_path, expected, sentence) == [f"{TORN}: b"]
    assert faults.without(b'{"a": [{"hours": 1, "b": 2}]}', "hours") == b'{"a": [{"b": 2}]}'
