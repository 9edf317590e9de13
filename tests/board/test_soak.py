# SPDX-License-Identifier: Apache-2.0
"""Frames by the thousand through the whole pipeline on a board that fails at random: none is lost or reordered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from packages import faces, small_contract, small_graph, write_package

from board.detector import AUDetector
from board.driver import Driver
from board.emulator import EmulatedBoard, Stalls, TimedAccelerator, random_faults, write_overlay
from board.observation import OK, Observation
from board.pipeline import Pipeline
from board.sources.frame import Frame

pytestmark = pytest.mark.board


class Board:
    """The executor `fpga` on a board that fails."""

    name = "fpga"
    description = "an emulated board that fails at random"
    output = "stream out0"

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def accumulators(self, x: np.ndarray) -> np.ndarray:
        return self.driver.accumulators(x)

    def close(self) -> None:
        """The test closes the driver."""


class Endless:
    """So many frames, which repeat a few faces."""

    name, fps, live, moving, fingerprint = "endless", 25.0, False, False, ""
    left_out: ClassVar[list[str]] = []

    def __init__(self, pool: np.ndarray, count: int) -> None:
        self.pool, self.count = pool, count

    def name_of(self, index: int) -> str:
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        for index in range(start, self.count):
            yield Frame(index, index / self.fps, self.name, self.pool[index % len(self.pool)], "", 0.0)


class Checks:
    """An output that compares and forgets."""

    def __init__(self, answers: np.ndarray) -> None:
        self.answers, self.frames = answers, 0
        self.resident: list[int] = []

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        (row,) = observations
        assert row.frame == frame.index == self.frames
        assert row.status == OK and row.aus is not None, row.message
        assert (row.aus.accumulators == self.answers[frame.index % len(self.answers)]).all()
        self.frames += 1
        if self.frames % 100 == 0:
            self.resident.append(resident_bytes())

    def close(self) -> None:
        """Nothing to do."""

    abandon = close


def resident_bytes() -> int:
    """Memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(("count", "faults"), [(500, 12), pytest.param(10_000, 250, marks=pytest.mark.slow)])
def test_no_frame_is_lost_while_the_board_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rng: np.random.Generator, count: int, faults: int
) -> None:
    caplog.set_level(logging.INFO)
    pool = np.repeat(faces(61)[..., :1], 3, axis=3)
    output = Checks(small_graph().run(pool).reshape(len(pool), -1))
    bitfile, contract = write_overlay(tmp_path / "overlay", small_contract())
    planned = random_faults(rng, count, faults)
    accelerator = TimedAccelerator(small_graph(), contract, 30_000, 7_000)
    with (
        EmulatedBoard(contract, accelerator, planned) as board,
        Driver(bitfile, contract, 4, timeout_s=0.02) as driver,
        AUDetector(write_package(tmp_path / "deploy"), "numpy") as detector,
    ):
        detector.executor = Board(driver)
        summary = Pipeline(detector, Endless(pool, count), [output]).run()
        assert driver.frames_done == board.fabric.written == output.frames == summary.frames == count
    struck = [record.message for record in caplog.records if record.name == "auflow.emulator"]
    assert struck == [f"fault at frame {fault.frame}: {fault}" for fault in planned]
    again = [record.message for record in caplog.records if record.message.startswith("loading the overlay again")]
    recovered = [fault.frame for fault in planned if not isinstance(fault, Stalls)]
    assert again == [f"loading the overlay again, going on with frame {frame}" for frame in recovered]
    assert max(output.resident) - output.resident[len(output.resident) // 10] < 16 << 20
