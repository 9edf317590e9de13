# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way to the FPGA and back is recovered from or told: no frame is lost, doubled or wrong."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import INTERVAL_CYCLES, UNITS, expected, random_faces, small_board, small_contract, small_graph

from board.core.contract import Contract, StreamPacking
from board.driver import Cause, Driver, HangError, TransferError
from board.emulator import (
    EmulatedBoard,
    EndsShort,
    Fault,
    NeverEnds,
    ReportsError,
    ResetsMidFrame,
    Stalls,
    TimedAccelerator,
    random_faults,
    write_overlay,
)

pytestmark = pytest.mark.board
TIMEOUT_S = 0.02  # of the board's time
FRAME_BYTES = 9


@pytest.fixture
def overlay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> tuple[Path, Contract]:
    caplog.set_level(logging.INFO, "auflow")
    return write_overlay(tmp_path, small_contract())


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the driver warned of."""
    return [record.message for record in caplog.records if record.name == "auflow.driver" and record.levelno > 20]


FAULTS = [
    (NeverEnds(6), Cause.HANG, "odma0 did not end, no frame for 0.02 s at frame 6: 22 of 36 bytes came"),
    (NeverEnds(6, "idma0"), Cause.HANG, "idma0 and odma0 did not end, no frame for 0.02 s at frame 6: 18 of 36 bytes"),
    (NeverEnds(11), Cause.HANG, "odma0 did not end, no frame for 0.02 s at frame 11: 31 of 36 bytes came"),
    (EndsShort(6), Cause.SHORT, "odma0 ended short at frame 6: 18 of 36 bytes came"),
    (EndsShort(4), Cause.SHORT, "odma0 ended short at frame 4: 0 of 36 bytes came, the last good frame is 3"),
    (ReportsError(6), Cause.ERROR, "odma0 reports an error at frame 6: 18 of 36 bytes came"),
    (ReportsError(6, word=0x40), Cause.ERROR, "odma0 reports an error at frame 6"),
    (ReportsError(6, word=0), Cause.HANG, "did not end"),
    (ResetsMidFrame(6), Cause.STOPPED, "went idle before its end, as after a reset in mid-frame at frame 6"),
]


@pytest.mark.parametrize(("fault", "cause", "text"), FAULTS, ids=lambda value: str(value))
def test_recovers_from_a_single_fault(
    overlay: tuple[Path, Contract],
    caplog: pytest.LogCaptureFixture,
    rng: np.random.Generator,
    fault: Fault,
    cause: Cause,
    text: str,
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 12)
    with small_board(contract, [fault]) as board, Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
        assert board.loads == 2 and board.fabric.written == driver.frames_done == 12
        said = warnings(caplog)
        assert text in said[0]
        assert re.search(rf"the last good frame is {fault.frame - 1}, ap_ctrl of idma0 0x.* odma0 0x", said[0])
        assert said[1:] == [f"loading the overlay again, going on with frame {fault.frame}"]
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))  # and is well again
    assert board.memory.used == 0


@pytest.mark.parametrize(("fault", "cause", "text"), FAULTS, ids=lambda value: str(value))
def test_raises_at_the_second_failure(
    overlay: tuple[Path, Contract], rng: np.random.Generator, fault: Fault, cause: Cause, text: str
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 12)
    lasting = type(fault)(**{**vars(fault), "persistent": True})
    with small_board(contract, [lasting]) as board, Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        with pytest.raises(TransferError) as caught:
            driver.accumulators(faces)
        error = caught.value
        assert isinstance(error, HangError) == (cause is Cause.HANG)
        assert (error.diagnosis.cause, error.diagnosis.frame) == (cause, fault.frame)
        np.testing.assert_array_equal(error.accumulators, expected(faces[: fault.frame]))
        assert str(error).startswith("the accelerator must answer for every frame, got two failures at frame")
        assert str(error.diagnosis) in str(error) and "\n" not in str(error)
        assert board.loads == 2
    assert board.memory.used == 0


def test_the_very_first_frame_fails(
    overlay: tuple[Path, Contract], caplog: pytest.LogCaptureFixture, rng: np.random.Generator
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 2)
    with small_board(contract, [NeverEnds(0)]), Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
    assert "at frame 0: 4 of 18 bytes came, no frame came yet, ap_ctrl" in warnings(caplog)[0]


def test_frames_count_over_calls(
    overlay: tuple[Path, Contract], caplog: pytest.LogCaptureFixture, rng: np.random.Generator
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 5)
    with small_board(contract, [EndsShort(12)]), Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        for _ in range(3):
            np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
    assert "ended short at frame 12: 18 of 36 bytes came, the last good frame is 11" in warnings(caplog)[0]


def test_neighbouring_faults(overlay: tuple[Path, Contract], rng: np.random.Generator) -> None:
    # a retry that gets further is no second failure
    bitfile, contract = overlay
    faces = random_faces(rng, 12)
    faults = [EndsShort(5), NeverEnds(6), ReportsError(7)]
    with small_board(contract, faults) as board, Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
        assert board.loads == 4


def test_two_faults_at_one_frame(overlay: tuple[Path, Contract], rng: np.random.Generator) -> None:
    bitfile, contract = overlay
    with (
        small_board(contract, [EndsShort(5), NeverEnds(5)]),
        Driver(bitfile, contract, 4, TIMEOUT_S) as driver,
        pytest.raises(HangError, match="two failures at frame 5: odma0 did not end"),
    ):
        driver.accumulators(random_faces(rng, 12))


def test_goes_on_after_an_error(overlay: tuple[Path, Contract], rng: np.random.Generator) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 4)
    with (
        small_board(contract, [EndsShort(2), EndsShort(2)]),
        Driver(bitfile, contract, 4, TIMEOUT_S) as driver,
    ):
        with pytest.raises(TransferError):
            driver.accumulators(faces)
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))


def test_a_short_stall_is_no_fault(
    overlay: tuple[Path, Contract], caplog: pytest.LogCaptureFixture, rng: np.random.Generator
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 12)
    stalls = [Stalls(3, cycles=1_500_000), Stalls(6, "idma0", cycles=1_500_000)]  # 15 ms
    with small_board(contract, stalls) as board, Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
        assert driver.last.seconds > 0.015 and board.loads == 1
    assert warnings(caplog) == []


def test_a_long_stall_is_a_hang(
    overlay: tuple[Path, Contract], caplog: pytest.LogCaptureFixture, rng: np.random.Generator
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 12)
    stall = Stalls(6, cycles=10_000_000)  # 100 ms
    with small_board(contract, [stall]) as board, Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
        assert board.loads == 2
    assert "did not end, no frame for 0.02 s at frame 6" in warnings(caplog)[0]


@pytest.mark.parametrize("frames", [16, 1])
def test_slowness_is_no_hang(overlay: tuple[Path, Contract], rng: np.random.Generator, frames: int) -> None:
    # each frame takes 15 ms, all of them twelve timeouts, in one batch or in many
    bitfile, contract = overlay
    accelerator = TimedAccelerator(small_graph(), contract, 1_500_000, 1_500_000)
    faces = random_faces(rng, 16)
    with EmulatedBoard(contract, accelerator) as board, Driver(bitfile, contract, frames, TIMEOUT_S) as driver:
        np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
        assert board.loads == 1


class Interrupts:
    """The board's clock, until a moment at which the user has had enough."""

    def __init__(self, board: EmulatedBoard) -> None:
        self.board, self.at_s = board, float("inf")

    def monotonic(self) -> float:
        return self.board.clock.monotonic()

    def sleep(self, seconds: float, /) -> None:
        if self.monotonic() > self.at_s:
            self.at_s = float("inf")
            raise KeyboardInterrupt
        self.board.clock.sleep(seconds)


def test_an_interrupted_transfer_leaves_nothing_behind(
    overlay: tuple[Path, Contract], rng: np.random.Generator
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 12)
    with small_board(contract) as board:
        clock = Interrupts(board)
        with Driver(bitfile, contract, 4, TIMEOUT_S, clock) as driver:
            clock.at_s = clock.monotonic() + 3 * INTERVAL_CYCLES / 100e6
            with pytest.raises(KeyboardInterrupt):
                driver.accumulators(faces)
            assert board.fabric.idma.running or board.fabric.odma.running
            np.testing.assert_array_equal(driver.accumulators(faces), expected(faces))
            clock.at_s = 0
            with pytest.raises(KeyboardInterrupt) as caught:
                driver.accumulators(faces)
        assert not board.fabric.odma.running  # or it would write into memory that was given back
        assert board.memory.used == 0 and caught.traceback  # which holds on to the buffers


class Constant:
    """Stands for a network whose results are all the same."""

    def __init__(self, value: int) -> None:
        self.value = value

    def run(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 1, 1, len(UNITS)), self.value)


@pytest.mark.parametrize(("value", "loads"), [(-(1 << 23), 2), ((1 << 23) - 1, 1)])
def test_results_that_look_as_if_nothing_came(tmp_path: Path, rng: np.random.Generator, value: int, loads: int) -> None:
    # without padding bits the first watermark is a possible result; the second one then is none
    stream = StreamPacking.of_frame(len(UNITS), 1, 24, True)
    bitfile, contract = write_overlay(tmp_path, small_contract(output_stream=stream, accumulator="INT24"))
    accelerator = TimedAccelerator(Constant(value), contract, 2000, 1000)  # type: ignore[arg-type]
    with EmulatedBoard(contract, accelerator) as board, Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        assert (driver.accumulators(random_faces(rng, 4)) == value).all()
        assert board.loads == loads


def test_an_overlay_that_does_not_load_again(
    overlay: tuple[Path, Contract], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitfile, contract = overlay
    with small_board(contract, [NeverEnds(1)]) as board:
        driver = Driver(bitfile, contract, 4, TIMEOUT_S)
        with monkeypatch.context() as patch:
            patch.setattr(board.fabric, "reset", lambda: (_ for _ in ()).throw(OSError("no such device")))
            with pytest.raises(RuntimeError, match="the overlay must load, got no such device: power the board off"):
                driver.accumulators(random_faces(rng, 4))
        driver.close()


def forget(monkeypatch: pytest.MonkeyPatch, what: str, row_bytes: int) -> None:
    """Make buffers with rows of that size forget to flush or to invalidate."""
    from pynq.buffer import PynqBuffer

    real: Callable[[Any], None] = getattr(PynqBuffer, what)
    monkeypatch.setattr(PynqBuffer, what, lambda self: None if self.shape[-1] == row_bytes else real(self))


def test_a_forgotten_flush_of_faces_is_caught(
    overlay: tuple[Path, Contract], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitfile, contract = overlay
    faces = random_faces(rng, 4)
    forget(monkeypatch, "flush", contract.input_stream.frame_bytes)
    with small_board(contract), Driver(bitfile, contract, 4, TIMEOUT_S) as driver:
        assert (driver.accumulators(faces) != expected(faces)).any(axis=1).all()


@pytest.mark.parametrize("what", ["flush", "invalidate"])
def test_a_forgotten_flush_or_invalidate_of_results_is_caught(
    overlay: tuple[Path, Contract], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bitfile, contract = overlay
    forget(monkeypatch, what, FRAME_BYTES)
    with (
        small_board(contract),
        Driver(bitfile, contract, 4, TIMEOUT_S) as driver,
        pytest.raises(TransferError, match="two failures at frame 0: odma0 ended short at frame 0"),
    ):
        driver.accumulators(random_faces(rng, 4))


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(
    ("frames", "faults"),
    [(500, 12), pytest.param(10_000, 250, marks=pytest.mark.slow)],
)
def test_soak(
    overlay: tuple[Path, Contract],
    caplog: pytest.LogCaptureFixture,
    rng: np.random.Generator,
    frames: int,
    faults: int,
) -> None:
    bitfile, contract = overlay
    pool = random_faces(rng, 97)
    answers = expected(pool)
    planned = random_faults(rng, frames, faults)
    sizes: Iterator[int] = iter(lambda: int(rng.integers(0, 50)), -1)
    start, resident = 0, []
    with small_board(contract, planned) as board, Driver(bitfile, contract, 16, TIMEOUT_S) as driver:
        while start < frames:
            which = np.arange(start, min(start + next(sizes), frames)) % len(pool)
            np.testing.assert_array_equal(driver.accumulators(pool[which]), answers[which])
            start += len(which)
            resident.append(resident_bytes())
        assert driver.frames_done == board.fabric.written == frames
    failures = [fault for fault in planned if not isinstance(fault, Stalls)]
    said = [message for message in warnings(caplog) if message.startswith("loading")]
    assert said == [f"loading the overlay again, going on with frame {fault.frame}" for fault in failures]
    struck = [record.message for record in caplog.records if record.name == "auflow.emulator"]
    assert struck == [f"fault at frame {fault.frame}: {fault}" for fault in planned]
    assert board.loads == 1 + len(failures) and len(UNITS) == answers.shape[1]
    assert max(resident) - resident[len(resident) // 10] < 8 << 20
