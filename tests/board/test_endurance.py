# SPDX-License-Identifier: Apache-2.0
"""Frames by the thousand while source, pictures, executor and disk fail: every frame has its one right row."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from packages import faces, small_contract, small_graph, write_package

from board.core.contract import Contract
from board.core.facs import AUS
from board.detector import AUDetector
from board.executors.executor import Executor
from board.observation import FAILED, OK, UNREADABLE
from board.outputs.openface_csv import CsvOutput
from board.pipeline import Pipeline
from board.sources.frame import Frame

POISON = np.full((48, 48, 3), 255, np.uint8)
"""A picture on which the executor fails whenever it meets it."""
MARK = (7, 77, 177)
"""How a picture begins on which the executor fails once."""
EMPTY = np.zeros((0, 64, 3), np.uint8)
"""A picture that OpenCV refuses."""
KINDS = ("unreadable", "empty", "poison", "executor", "source", "disk")
SHARES = (0.35, 0.25, 0.08, 0.2, 0.06, 0.06)
"""Of all faults."""


class Source:
    """So many frames, which repeat a few faces; at some it raises once."""

    name, fps, live, moving, fingerprint = "endless", 25.0, False, False, ""
    left_out: ClassVar[list[str]] = []

    def __init__(self, pool: np.ndarray, count: int, planned: dict[str, set[int]]) -> None:
        self.pool, self.count, self.planned = pool, count, planned

    def name_of(self, index: int) -> str:
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        for index in range(start, self.count):
            if index in self.planned["source"]:
                self.planned["source"].remove(index)
                raise RuntimeError(f"the source was gone at frame {index}")
            picture, error = self.pool[index % len(self.pool)], ""
            if index in self.planned["unreadable"]:
                picture, error = None, "damaged"
            elif index in self.planned["empty"]:
                picture = EMPTY
            elif index in self.planned["poison"]:
                picture = POISON
            elif index in self.planned["executor"]:
                picture = marked(picture, index)
            yield Frame(index, index / self.fps, self.name, picture, error, 0.0)


def marked(picture: np.ndarray, index: int) -> np.ndarray:
    """A copy that tells its frame in its first pixels."""
    copy = picture.copy()
    copy[0, :6] = np.array([*index.to_bytes(3, "big"), *MARK], np.uint8)[:, np.newaxis]
    return copy


class Shaky:
    """An executor that fails when it first meets a marked picture, and on POISON always."""

    name, output = "numpy", "out0"

    def __init__(self, executor: Executor) -> None:
        self.executor, self.description = executor, executor.description
        self.struck: set[int] = set()

    def accumulators(self, x: np.ndarray) -> np.ndarray:
        marks = x[(x[:, 0, 3:6, 0] == MARK).all(axis=1), 0, :3, 0]
        new = {int.from_bytes(mark.tobytes(), "big") for mark in marks} - self.struck
        if new:
            self.struck |= new
            raise RuntimeError(f"frames {sorted(new)} failed")
        if (x == POISON).all(axis=(1, 2, 3)).any():
            raise RuntimeError("poison")
        return self.executor.accumulators(x)

    def close(self) -> None:
        self.executor.close()


class Table(CsvOutput):
    """A table whose disk is full at some frames, in the middle of a row, and has room again when it is resumed."""

    def __init__(self, path: Path, contract: Contract, planned: set[int]) -> None:
        self.planned = planned
        self.resident: list[int] = []
        super().__init__(path, contract, resume=True)

    def _add(self, rows: bytes) -> None:
        frame = -1 if rows == self.HEADER else self.frame_of(rows.decode())
        if frame in self.planned:
            self.planned.remove(frame)
            super()._add(rows[: len(rows) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._add(rows)
        if frame % 500 == 0:
            self.resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)


@pytest.mark.parametrize(("count", "faults"), [(1_500, 60), pytest.param(100_000, 2_500, marks=pytest.mark.slow)])
def test_no_frame_is_lost_while_everything_fails(
    tmp_path: Path, rng: np.random.Generator, count: int, faults: int
) -> None:
    pool = np.repeat(faces(61)[..., :1], 3, axis=3)
    contract = small_contract()
    answers = contract.outputs(small_graph().run(pool).reshape(len(pool), -1))
    struck = rng.choice(np.arange(10, count - 10), faults, replace=False)
    ends = np.cumsum([round(share * faults) for share in SHARES[:-1]])
    planned = {kind: set(part.tolist()) for kind, part in zip(KINDS, np.split(struck, ends), strict=True)}
    plan = {kind: set(frames) for kind, frames in planned.items()}
    path, runs = tmp_path / "aus.csv", 0
    resident: list[int] = []
    with AUDetector(write_package(tmp_path / "deploy"), "numpy") as detector:
        detector.executor = shaky = Shaky(detector.executor)
        while not path.exists():
            output = Table(path, contract, planned["disk"])
            runs += 1
            try:
                Pipeline(detector, Source(pool, count, planned), [output], start=output.next_frame).run()
            except RuntimeError as error:
                assert "was gone" in str(error) or "No space left" in str(error), error
            resident += output.resident
    assert not planned["source"] and not planned["disk"] and shaky.struck == plan["executor"], "all faults struck"
    assert runs == 1 + len(plan["source"]) + len(plan["disk"])
    statuses = dict.fromkeys(plan["unreadable"] | plan["empty"], UNREADABLE) | dict.fromkeys(plan["poison"], FAILED)
    alone = 0
    with open(path, newline="") as file:
        for index, row in enumerate(csv.DictReader(file)):
            assert int(row["frame"]) == index + 1
            if index in plan["executor"] and row["status"] == FAILED:
                alone += 1  # it was the only frame of its call, which is not made again
                continue
            assert row["status"] == statuses.get(index, OK), row
            if row["status"] == OK:
                answer = answers[index % len(pool)]
                if index in plan["executor"]:
                    (answer,) = contract.outputs(small_graph().run(marked(pool[index % len(pool)], index)[np.newaxis])
                                                 .reshape(1, -1))  # fmt: skip
                assert [row[f"AU{au:02d}_r"] for au in AUS] == [f"{share:.4f}" for share in answer.probabilities], row
    assert index + 1 == count
    assert max(resident) - resident[len(resident) // 10] < 16 << 20
    grown = (max(resident) - resident[len(resident) // 10]) >> 10
    print(f"{count} frames, {faults} faults, {runs} runs, {alone} failed alone, {grown} KiB grown")
