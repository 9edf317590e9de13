# SPDX-License-Identifier: Apache-2.0
"""The pipeline loses, repeats and reorders nothing, whatever its stages do, and ends cleanly."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from packages import faces, small_graph, write_package

from board.detector import AUDetector
from board.driver.driver import FRAMES
from board.observation import FAILED, NO_FACE, OK, UNREADABLE, Observation
from board.pipeline import BATCH_FACES, WAITING_BYTES, WAITING_FRAMES, Pipeline
from board.sources.array import ArraySource
from board.sources.frame import Frame


class Collected:
    """An output that keeps all it is given."""

    def __init__(self, each: Callable[[Frame], None] = lambda frame: None) -> None:
        self.observations: list[Observation] = []
        self.ended: str | None = None
        self._each = each

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        self._each(frame)
        assert all(observation.frame == frame.index for observation in observations)
        self.observations += observations

    def close(self) -> None:
        self.ended = "closed"

    def abandon(self) -> None:
        self.ended = "abandoned"


class Given:
    """A source of given frames; a live one delivers them at its own pace."""

    fps = 25.0
    name = "given"

    def __init__(self, pictures: list[np.ndarray | None], live: bool = False, period_s: float = 0.0) -> None:
        self.pictures, self.live, self.period_s = pictures, live, period_s
        self.count = None if live else len(pictures)
        self.moving = False
        self.left_out: list[str] = []
        self.fingerprint = ""

    def name_of(self, index: int) -> str:
        return self.name

    def frames(self, start: int = 0) -> Iterator[Frame]:
        for index in range(start, len(self.pictures)):
            time.sleep(self.period_s)
            error = "broken" if self.pictures[index] is None else ""
            yield Frame(index, index / self.fps, self.name, self.pictures[index], error, time.perf_counter())


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[AUDetector]:
    with AUDetector(write_package(tmp_path / "deploy"), "numpy") as made:
        yield made


def accumulators(x: np.ndarray) -> np.ndarray:
    return small_graph().run(x).reshape(len(x), -1)


@pytest.mark.parametrize("moving", [False, True], ids=["pictures", "video"])
def test_every_frame_leaves_in_order_with_its_own_answer(detector: AUDetector, moving: bool) -> None:
    x, out = np.repeat(faces(60)[..., :1], 3, axis=3), Collected()
    summary = Pipeline(detector, ArraySource(x, "x", moving), [out]).run()
    assert [seen.frame for seen in out.observations] == list(range(60))
    assert out.ended == "closed"
    for seen, expected in zip(out.observations, accumulators(x), strict=True):
        assert seen.status == OK and seen.aus is not None
        np.testing.assert_array_equal(seen.aus.accumulators, expected)
    assert summary.frames == 60 and summary.observations == {OK: 60} and summary.dropped == 0
    assert [stage.frames for stage in summary.stages.values()] == [60] * 4


def test_a_resumed_run_begins_where_it_is_told(detector: AUDetector) -> None:
    out = Collected()
    Pipeline(detector, ArraySource(faces(20), "x"), [out], start=13).run()
    assert [seen.frame for seen in out.observations] == list(range(13, 20))


def test_frames_without_picture_or_face_have_their_row(detector: AUDetector) -> None:
    out = Collected()
    plain = np.full((96, 96, 3), 90, np.uint8)
    summary = Pipeline(
        detector, Given([faces(1)[0], None, plain, faces(1)[0], np.zeros((1, 1, 3), np.uint8)]), [out]
    ).run()
    assert [seen.status for seen in out.observations] == [OK, UNREADABLE, NO_FACE, OK, NO_FACE]
    assert out.observations[1].message == "broken" and out.observations[1].aus is None
    assert summary.observations == {OK: 2, UNREADABLE: 1, NO_FACE: 2}


def test_a_file_waits_for_a_slow_output(detector: AUDetector) -> None:
    out = Collected(lambda frame: time.sleep(0.003))
    summary = Pipeline(detector, Given(list(faces(60))), [out]).run()
    assert [seen.frame for seen in out.observations] == list(range(60))
    assert summary.dropped == 0
    assert summary.stages["output"].waiting <= WAITING_FRAMES  # bounded


def test_a_camera_loses_its_oldest_frames_and_counts_them(detector: AUDetector) -> None:
    out = Collected(lambda frame: time.sleep(0.02))
    summary = Pipeline(detector, Given(list(faces(200)), live=True, period_s=0.001), [out]).run()
    written = [seen.frame for seen in out.observations]
    assert written == sorted(set(written))
    assert written[-1] == 199  # the newest is never the one that is lost
    assert summary.dropped == 200 - len(written) > 0
    assert out.ended == "closed"


@pytest.mark.clock
def test_a_slow_accelerator_answers_for_what_a_camera_sees_now(
    detector: AUDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, period_s = detector.executor.accumulators, 0.05

    def slow(x: np.ndarray) -> np.ndarray:
        time.sleep(period_s * len(x))
        return whole(x)

    monkeypatch.setattr(detector.executor, "accumulators", slow)
    summary = Pipeline(detector, Given(list(faces(200)), live=True, period_s=0.005), [Collected()]).run()
    assert summary.dropped > 100
    assert np.median(summary.latencies_s) < 6 * period_s  # not a queue of frames late


def test_frames_that_the_accelerator_fails_on_have_their_row_and_a_log(
    detector: AUDetector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    x = np.repeat(faces(40)[..., :1], 3, axis=3)
    bad = {x[index].tobytes(): index for index in (0, 7, 8, 39)}
    whole = detector.executor.accumulators

    def failing(given: np.ndarray) -> np.ndarray:
        for one in given:
            if one.tobytes() in bad:
                raise RuntimeError(f"hang at {bad[one.tobytes()]}")
        return whole(given)

    monkeypatch.setattr(detector.executor, "accumulators", failing)
    out = Collected()
    with caplog.at_level(logging.ERROR):
        summary = Pipeline(detector, ArraySource(x, "x"), [out]).run()
    assert [seen.frame for seen in out.observations] == list(range(40))
    assert [seen.frame for seen in out.observations if seen.status == FAILED] == [0, 7, 8, 39]
    assert out.observations[7].message == "hang at 7" and out.observations[7].face is not None
    assert summary.observations == {OK: 36, FAILED: 4}
    assert sorted(record.getMessage() for record in caplog.records) == sorted(
        f"frame {index} failed: hang at {index}" for index in (0, 7, 8, 39)
    )


def full_disk(frame: Frame) -> None:
    if frame.index == 10:
        raise RuntimeError("cannot write x: No space left on device")


def test_an_output_that_fails_ends_the_run_and_every_thread(detector: AUDetector) -> None:
    out = Collected(full_disk)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="No space left on device"):
        Pipeline(detector, Given(list(faces(200))), [out]).run()
    assert out.ended == "abandoned"
    assert [seen.frame for seen in out.observations] == list(range(10))
    assert threading.active_count() == before


def test_an_output_that_cannot_finish_does_not_keep_the_others_from_it(detector: AUDetector) -> None:
    class Unfinished(Collected):
        def close(self) -> None:
            super().close()
            raise RuntimeError("cannot write seen.avi")

    first, second = Unfinished(), Collected()
    with pytest.raises(RuntimeError, match=r"cannot write seen\.avi"):
        Pipeline(detector, Given(list(faces(3))), [first, second]).run()
    assert first.ended == second.ended == "closed"


def test_a_source_that_fails_ends_the_run(detector: AUDetector) -> None:
    class Broken(Given):
        def frames(self, start: int = 0) -> Iterator[Frame]:
            yield from super().frames(start)
            raise RuntimeError("camera /dev/video0 must deliver pictures, got none")

    out = Collected()
    with pytest.raises(RuntimeError, match="must deliver pictures"):
        Pipeline(detector, Broken(list(faces(5)), live=True), [out]).run()
    assert out.ended == "abandoned"


@pytest.mark.parametrize(("live", "ended"), [(False, "abandoned"), (True, "closed")])
def test_ctrl_c_ends_between_two_frames(detector: AUDetector, live: bool, ended: str) -> None:
    last: list[int] = []

    def interrupt(frame: Frame) -> None:
        if frame.index >= 5 and not last:  # a live source may lose the fifth itself
            last.append(frame.index)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)  # the row that is being written is finished

    out = Collected(interrupt)
    before = signal.getsignal(signal.SIGINT)
    summary = Pipeline(detector, Given(list(faces(300)), live=live, period_s=0.002), [out]).run()
    assert summary.interrupted
    assert [out.observations[-1].frame] == last and out.ended == ended
    assert signal.getsignal(signal.SIGINT) is before


def test_attention_maps_come_where_asked(detector: AUDetector) -> None:
    out = Collected()
    Pipeline(detector, ArraySource(faces(3), "x"), [out], attention=True).run()
    for seen in out.observations:
        assert seen.attention is not None and seen.attention.shape == (24, 24)
        assert 0 <= seen.attention.min() <= seen.attention.max() <= 1


def test_what_draws_holds_up_no_row_of_a_camera(detector: AUDetector) -> None:
    enough = threading.Event()
    rows = Collected(lambda frame: enough.set() if len(rows.observations) == 5 else None)
    drawn = Collected(lambda frame: None if enough.wait(60) else pytest.fail("rows wait for the first drawing"))
    source = Given(list(faces(60)), live=True, period_s=0.01)
    summary = Pipeline(detector, source, [rows], drawings=[drawn]).run()
    seen = [one.frame for one in drawn.observations]
    assert seen == sorted(set(seen)) and seen[-1] == rows.observations[-1].frame  # in order, the newest among them
    assert summary.undrawn == len(rows.observations) - len(seen) >= 3
    assert summary.stages["drawing"].frames == len(seen)


def test_a_file_is_drawn_whole_with_the_rows_of_a_run_that_draws_nothing(detector: AUDetector) -> None:
    alone, rows, drawn = Collected(), Collected(), Collected(lambda frame: time.sleep(0.002))
    Pipeline(detector, Given(list(faces(60))), [alone]).run()
    summary = Pipeline(detector, Given(list(faces(60))), [rows], drawings=[drawn]).run()
    for out in (rows, drawn):
        assert [seen.frame for seen in out.observations] == list(range(60)) and out.ended == "closed"
        for seen, expected in zip(out.observations, alone.observations, strict=True):
            assert seen.aus is not None and expected.aus is not None and seen.face == expected.face
            np.testing.assert_array_equal(seen.aus.accumulators, expected.aus.accumulators)
    assert summary.undrawn == 0


def test_after_ctrl_c_what_has_its_row_is_drawn(detector: AUDetector) -> None:
    def interrupt(frame: Frame) -> None:
        if frame.index == 9:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)

    rows, drawn = Collected(interrupt), Collected(lambda frame: time.sleep(0.01))
    Pipeline(detector, Given(list(faces(300))), [rows], drawings=[drawn]).run()
    assert [seen.frame for seen in rows.observations] == [seen.frame for seen in drawn.observations] == list(range(10))
    assert rows.ended == drawn.ended == "abandoned"


def test_a_drawing_that_fails_ends_the_run_and_every_thread(detector: AUDetector) -> None:
    rows, drawn = Collected(), Collected(full_disk)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="No space left on device"):
        Pipeline(detector, Given(list(faces(200))), [rows], drawings=[drawn]).run()
    assert rows.ended == drawn.ended == "abandoned"
    assert [seen.frame for seen in drawn.observations] == list(range(10))
    assert threading.active_count() == before


def test_large_pictures_that_wait_share_a_bounded_memory(detector: AUDetector) -> None:
    out = Collected(lambda frame: time.sleep(0.01))
    large = np.zeros((WAITING_BYTES * 2 // 3 // (3 * 800), 800, 3), np.uint8)
    assert WAITING_BYTES // large.nbytes == 1
    summary = Pipeline(detector, Given([large] * 12), [out]).run()
    assert [seen.frame for seen in out.observations] == list(range(12))
    assert max(stage.waiting for stage in summary.stages.values()) == 1


def test_many_small_frames_reach_the_executor_as_two_of_its_batches(
    detector: AUDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, whole = [], detector.executor.accumulators

    def slow(x: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        time.sleep(0.05)
        return whole(x)

    monkeypatch.setattr(detector.executor, "accumulators", slow)
    Pipeline(detector, Given(list(faces(80))), [Collected()]).run()
    assert sum(sizes) == 80 and max(sizes) == BATCH_FACES == 2 * FRAMES


def test_what_failed_keeps_no_pictures(
    detector: AUDetector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the error of a run nor a record of a failed frame: runs that are resumed 300 times once grew by 40 MB."""

    def gone(_: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(detector.executor, "accumulators", lambda x: gone(None))
    gc.collect()
    gc.disable()
    try:
        pipeline = Pipeline(detector, Given([*faces(4)]), [Collected()], drawings=[Collected(gone)])
        alive = weakref.ref(pipeline)
        try:
            pipeline.run()
        except RuntimeError as error:
            assert str(error) == "the disk is gone"
        else:
            raise AssertionError("it must fail")
        del pipeline
        assert alive() is None
    finally:
        gc.enable()
    told = [one for record in caplog.records if isinstance(record.args, tuple) for one in record.args]
    assert told and not any(isinstance(one, BaseException) for one in told)
