# SPDX-License-Identifier: Apache-2.0
"""The pieces of the live view alone: hub, rates, playback, recorder, pictures, publisher, session."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import wait_for
from live import clip
from observed import CONTRACT, face, frame
from packages import faces, largest_file, write_package

from board.detector import AUDetector
from board.faces.finders.finder import Finder
from board.faces.finders.haar import Haar
from board.live.hub import Hub, Seen
from board.live.picture import snapshot, to_jpeg
from board.live.playback import Playback
from board.live.publisher import EVENTS, PICTURE, Publisher
from board.live.rates import RateMeter
from board.live.recorder import Recorder
from board.live.session import ENDED, FAILED, RUNNING, STOPPED, WAITING, Session
from board.observation import NO_FACE, Observation
from board.outputs import CsvOutput
from board.sources.array import ArraySource
from board.sources.frame import Frame, Source
from board.summary import Summary


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[AUDetector]:
    with AUDetector(write_package(tmp_path / "deploy"), "numpy") as made:
        yield made


def test_the_hub_keeps_the_newest_frame_and_a_minute_of_action_units(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: clock)
    hub = Hub()
    for index in range(100):
        clock = float(index)
        hub.write(frame(index), [face(index)] if index % 2 else [Observation.of(frame(index), NO_FACE)])
    assert hub.newest is not None and (hub.newest.number, hub.newest.frame.index) == (100, 99)
    assert [point.time_s for point in hub.points()] == [float(index) for index in range(39, 100) if index % 2]
    assert [point.number for point in hub.points(after=96)] == [98, 100]
    assert hub.points(after=100) == []


def test_whoever_waits_for_the_hub_wakes_at_a_change() -> None:
    hub = Hub()
    assert hub.wait(0, 0.01) == 0
    threading.Timer(0.05, hub.touch).start()
    began = time.monotonic()
    assert hub.wait(0, 10) == 1 and time.monotonic() - began < 5
    assert hub.wait(0, 10) == 1  # what has changed already


def test_rates_are_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: clock)
    summary = Summary()
    meter = RateMeter(summary)
    assert meter.rates().fps == 0 and meter.rates().binds is None

    def go_on(seconds: int, fps: int, face_search_s: float) -> None:
        nonlocal clock
        for _ in range(seconds):
            clock += 1
            summary.frames += fps
            summary.latencies_s += [0.020] * fps
            for name, busy_s in (("capture", 0.001), ("faces", face_search_s), ("inference", 0.004)):
                summary.stages[name].frames += fps
                summary.stages[name].busy_s += fps * busy_s
            meter.rates()

    go_on(20, 100, 0.002)
    rates = meter.rates()
    assert rates.fps == 100 and rates.binds == "inference" and rates.latency_ms == pytest.approx(20)
    assert rates.stages_ms == pytest.approx({"capture": 1, "faces": 2, "inference": 4})
    go_on(5, 30, 0.030)
    assert meter.rates().fps == 30 and meter.rates().binds == "faces"
    assert meter.rates().frames == 2150


def test_a_video_is_played_at_its_own_pace_and_again() -> None:
    source = Playback(ArraySource(faces(5), "x", moving=True, fps=50.0), loop=True)
    assert source.live and source.moving and source.count is None
    frames, began = source.frames(), time.perf_counter()
    seen = [next(frames) for _ in range(12)]
    assert [one.index for one in seen] == list(range(12))
    assert [one.timestamp_s for one in seen] == pytest.approx([index / 50 for index in range(12)])
    np.testing.assert_array_equal(seen[11].picture, faces(5)[1])
    late = [one.captured_s - began - one.timestamp_s for one in seen]
    assert min(late) >= 0 and np.median(late) < 0.2
    assert len(list(Playback(ArraySource(faces(3), "x", fps=500.0)).frames())) == 3


def test_playback_does_not_catch_up_with_what_nobody_waited_for() -> None:
    frames = Playback(ArraySource(faces(20), "x", fps=20.0)).frames()
    next(frames)
    time.sleep(0.8)  # 16 frames late
    began = time.perf_counter()
    for _ in range(5):
        next(frames)
    assert time.perf_counter() - began > 0.12


def test_a_recording_is_what_detect_writes(tmp_path: Path) -> None:
    recorder, table = Recorder(tmp_path / "new", CONTRACT), CsvOutput(tmp_path / "whole.csv", CONTRACT)
    for index in range(10):
        if index == 3:
            recorder.start()
        recorder.write(frame(index), [face(index)])
        if index == 7:
            assert recorder.recording.running and recorder.recording.rows == 5
            recorder.stop()
        if 3 <= index <= 7:
            table.write(frame(index), [face(index)])
    table.close()
    recording = recorder.recording
    assert recording.path is not None and (recording.rows, recording.running, recording.error) == (5, False, "")
    assert recording.path.parent == tmp_path / "new"
    assert recording.path.read_text() == (tmp_path / "whole.csv").read_text()


def test_recordings_of_one_second_are_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "aus-20260101-000000")
    recorder = Recorder(tmp_path, CONTRACT)
    for _ in range(3):
        recorder.start()
        with pytest.raises(ValueError, match="one recording at a time"):
            recorder.start()
        recorder.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "aus-20260101-000000-2.csv", "aus-20260101-000000-3.csv", "aus-20260101-000000.csv"
    ]  # fmt: skip


def test_a_full_disk_ends_the_recording_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(tmp_path, CONTRACT)
    recorder.start()
    with largest_file(2000):
        for index in range(40):
            recorder.write(frame(index), [face(index)])
    recording = recorder.recording
    assert not recording.running and 0 < recording.rows < 40 and recording.path is not None
    assert recording.error.startswith(f"cannot write {recording.path}: ") and str(recording.path) in recording.error
    assert [record.getMessage() for record in caplog.records] == [recording.error]
    left = recording.path.with_name(recording.path.name + ".partial")
    assert left.read_text().count("\n") >= 1 + recording.rows
    recorder.start()  # once there is room again
    recorder.write(frame(0), [face(0)])
    recorder.stop()
    assert recorder.recording.error == "" and recorder.recording.rows == 1


@pytest.mark.parametrize("shape", [(480, 640, 3), (480, 640), (100, 80, 3)])
def test_a_picture_is_at_most_as_wide_as_asked(shape: tuple[int, ...]) -> None:
    picture = np.zeros(shape, np.uint8)
    if len(shape) == 3:
        picture[..., 0] = 200  # red
    decoded = cv2.imdecode(np.frombuffer(to_jpeg(picture, 320), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None and decoded.shape[:2] == ((240, 320) if shape[1] == 640 else shape[:2])
    if len(shape) == 3:
        assert decoded[..., 2].mean() > 190 and decoded[..., 0].mean() < 10


def test_a_snapshot_has_boxes_and_bars_and_the_frame_s_size() -> None:
    grey = np.full((480, 640), 90, np.uint8)
    seen = Seen(1, Frame(0, 0.0, "x", grey, "", 0.0), (face(0),))
    decoded = cv2.imdecode(np.frombuffer(snapshot(seen, CONTRACT), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None and decoded.shape[0] == 480 and decoded.shape[1] > 640
    with pytest.raises(ValueError, match="got none: broken"):
        snapshot(Seen(1, Frame(0, 0.0, "x", None, "broken", 0.0), ()), CONTRACT)


def publish(hub: Hub, **settings: float) -> Publisher:
    return Publisher(hub, lambda: {"state": "x"}, **{"fps": 50, "width": 64, "share": 1e9, **settings})  # type: ignore[arg-type]


def test_nothing_is_made_while_nobody_looks() -> None:
    hub = Hub()
    publisher = publish(hub)
    for index in range(30):
        hub.write(frame(index), [face(index)])
        time.sleep(0.005)
    assert publisher.encoded == 0
    with publisher.watching(EVENTS):
        first = publisher.next(0)
        assert first is not None and first.jpeg == b"" and json.loads(first.event)["frame"]["index"] == 29
    assert publisher.encoded == 0  # events alone need no picture
    with publisher.watching(PICTURE):
        wait_for(lambda: publisher.encoded)
    time.sleep(0.1)
    made = publisher.encoded
    for index in range(30):
        hub.write(frame(index), [face(index)])
        time.sleep(0.005)
    assert publisher.encoded == made == 1
    publisher.close()


def test_all_who_look_share_one_picture_at_the_page_s_rate() -> None:
    hub = Hub()
    publisher = publish(hub, fps=20)
    with publisher.watching(PICTURE), publisher.watching(PICTURE), publisher.watching(EVENTS):
        before, began = publisher.encoded, time.perf_counter()
        for index in range(100):
            hub.write(frame(index), [face(index)])
            time.sleep(0.01)
        elapsed_s = time.perf_counter() - began
        assert 2 <= publisher.encoded - before <= 20 * elapsed_s + 2
    publisher.close()


def test_every_action_unit_is_published_once() -> None:
    hub = Hub()
    publisher = publish(hub, fps=20)
    times: list[float] = []

    def read() -> None:
        published = 0
        while (one := publisher.next(published)) is not None:
            published = one.number
            times.extend(point[0] for point in json.loads(one.event)["points"])

    reader = threading.Thread(target=read)
    with publisher.watching(EVENTS):
        reader.start()
        for index in range(60):
            hub.write(frame(index), [face(index)])
            time.sleep(0.005)
        wait_for(lambda: len(times) >= 60)
        time.sleep(0.1)
    publisher.close()
    reader.join()
    assert len(times) == 60 and times == sorted(set(times))


def test_pictures_take_no_more_than_their_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the program idles here, so only the slowest rate is left."""
    hub = Hub()
    publisher = publish(hub, fps=60, share=0.01)
    with publisher.watching(PICTURE):
        ended = time.monotonic() + 1.5
        index = 0
        while time.monotonic() < ended:
            hub.write(frame(index), [face(index)])
            index += 1
            time.sleep(0.02)
        assert 1 <= publisher.encoded <= 4
    publisher.close()


def test_closing_ends_whoever_waits() -> None:
    publisher = publish(Hub())
    found: list[object] = [1]
    waiting = threading.Thread(target=lambda: found.append(publisher.next(10**9)))
    waiting.start()
    publisher.close()
    waiting.join(5)
    assert found == [1, None]


def test_a_session_starts_stops_and_ends(detector: AUDetector, tmp_path: Path) -> None:
    hub = Hub()
    recorder = Recorder(tmp_path, detector.contract)
    session = Session(detector, clip(30), hub, recorder)
    assert session.state.name == STOPPED and session.rates().frames == 0
    session.start()
    wait_for(lambda: hub.newest is not None)
    assert session.state.name == RUNNING and session.running
    recorder.start()
    session.stop()
    assert session.state.name == STOPPED and not session.running and not recorder.recording.running
    stopped = hub.newest
    time.sleep(0.1)
    assert hub.newest is stopped
    session.start()
    wait_for(lambda: session.state.name == ENDED)
    assert hub.newest is not None and hub.newest.frame.index == 29
    assert session.rates().frames + session.rates().dropped == 30
    session.close()


class Unplugged:
    """A camera that delivers some frames and then none, and is not there at all the next time."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self) -> Source:
        self.opened += 1
        if self.opened == 2:
            raise RuntimeError("a camera must be there, got /dev/video0")
        source = ArraySource(faces(5), "/dev/video0", moving=True, fps=50.0)
        if self.opened > 2:
            return Playback(source, loop=True)

        class Broken(Playback):
            def frames(self, start: int = 0) -> Iterator[Frame]:
                yield from super().frames(start)
                raise RuntimeError(
                    "camera /dev/video0 must deliver pictures, got none after frame 4: is it plugged in?"
                )

        return Broken(source)


def test_a_camera_that_is_unplugged_is_told_and_tried_again(
    detector: AUDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("board.live.session.RETRY_S", 0.2)
    camera = Unplugged()
    session = Session(detector, camera, Hub(), Recorder(tmp_path, detector.contract), retry=True)
    session.start()
    wait_for(lambda: session.state.name == WAITING)
    assert "is it plugged in?" in session.state.message
    wait_for(lambda: camera.opened == 3 and session.state.name == RUNNING)
    assert session.state.message == ""
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2 and "is it plugged in?" in said[0] and "a camera must be there" in said[1]
    session.close()


def test_an_input_that_fails_is_told_once(detector: AUDetector, tmp_path: Path) -> None:
    def gone() -> Source:
        raise ValueError("the input must be a video, got x, which is missing")

    session = Session(detector, gone, Hub(), Recorder(tmp_path, detector.contract))
    session.start()
    wait_for(lambda: session.state.name == FAILED)
    assert "which is missing" in session.state.message
    session.close()


def test_another_finder_is_used_from_the_beginning(detector: AUDetector, tmp_path: Path) -> None:
    def broken() -> Finder:
        raise RuntimeError("this finder needs a file that is not there")

    two = Haar(0.5, 70)
    finders: dict[str, Callable[[], Finder]] = {"one": lambda: Haar(0.0, 60), "two": lambda: two, "three": broken}
    hub = Hub()
    session = Session(detector, clip(30, loop=True), hub, Recorder(tmp_path, detector.contract), finders=finders)
    assert session.state.finder == detector.finder.name
    assert session.finders == ("one", "two", "three")
    session.start()
    wait_for(lambda: hub.newest is not None and hub.newest.frame.index > 5)
    session.choose("two")
    assert detector.finder is two and session.state.finder == "two"
    wait_for(lambda: session.state.name == RUNNING and hub.newest is not None and hub.newest.frame.index < 5)
    with pytest.raises(ValueError, match="must be one of one, two, three, got 'four'"):
        session.choose("four")
    with pytest.raises(RuntimeError, match="needs a file"):
        session.choose("three")
    assert session.state.finder == "two"
    wait_for(lambda: session.state.name == RUNNING)
    session.close()
