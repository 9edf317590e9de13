# SPDX-License-Identifier: Apache-2.0
"""The server as browsers meet it: streams, commands, refusals, and a pipeline that does not wait for it."""

from __future__ import annotations

import csv
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import commands
import cv2
import numpy as np
import pytest
from browser import wait_for
from live import FPS, Visitor, clip, parts, served, write_clip
from packages import faces, largest_file, write_package

from board.cli.main import main
from board.detector import AUDetector, Located
from board.faces.crop import Box
from board.faces.find import Face
from board.live.playback import Playback
from board.live.server import MOST_VIEWERS
from board.live.session import RUNNING, STOPPED
from board.observation import OK
from board.outputs.openface_csv import COLUMNS
from board.sources.array import ArraySource
from board.sources.frame import Source
from board.sources.open_source import open_source

ROOT = Path(__file__).parents[3]
TOKEN = "0123456789abcdefghij"
refused = partial(commands.refused, program=main)


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[AUDetector]:
    with AUDetector(write_package(tmp_path / "deploy"), "numpy") as made:
        yield made


def test_the_page_is_served_and_nothing_else(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(), tmp_path) as (_, visitor):
        for path, kind in (("/", "text/html"), ("/live.js", "text/javascript"), ("/live.css", "text/css")):
            answer = visitor.open(path)
            assert answer.status == 200 and answer.headers["Content-Type"].startswith(kind) and answer.read()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        for path in (
            "/../server.py", "/page/index.html", "/live.js/../../../../../../etc/passwd", "//etc/passwd",
            "/%2e%2e/server.py", "/..%2f..%2fetc/passwd", "/etc/passwd", "/live.JS", "/recording.csv/../x",
        ):  # fmt: skip
            status, said = visitor.get(path)
            assert status == 404 and b"there is no" in said, path
        assert visitor.get("/start")[0] == 405 and visitor.post("/events")[0] == 405
        answer = visitor.open("/?x=1")
        assert (answer.status, answer.headers["Location"], answer.headers["Set-Cookie"]) == (303, "/", None)


@pytest.mark.clock
def test_pictures_and_events_come_together(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(loop=True), tmp_path) as (view, visitor):
        view.session.start()
        for picture in itertools.islice(visitor.pictures(), 5):
            assert picture.shape == (48, 48, 3)
        events = visitor.events()
        kind, about = next(events)
        assert kind == "about" and about["executor"] == "numpy" and about["deployment"] == "small"
        assert [unit["name"] for unit in about["aus"]] == list(detector.contract.au_names)
        assert about["points"] and len(about["points"][0]) == 2 + 13
        indices = []
        for kind, event in itertools.islice(events, 5):
            assert kind == "message" and event["state"]["name"] == RUNNING
            (row,) = event["frame"]["rows"]
            assert row["status"] == OK and row["box"] == [0, 0, 48] and len(row["aus"]) == len(row["present"]) == 13
            assert event["frame"]["size"] == [48, 48]
            indices.append(event["frame"]["index"])
        assert indices == sorted(set(indices))
        assert event["rates"]["fps"] > 0 and event["rates"]["binds"] == "capture"


def test_an_event_s_action_units_are_the_frame_s(detector: AUDetector, tmp_path: Path) -> None:
    crops = [detector.cut(one, [Face(0, Box(0, 0, 48), 1.0)])[0] for one in faces(40)]
    whole = detector.outputs(np.array(crops))
    with served(detector, clip(loop=True), tmp_path) as (view, visitor):
        view.session.start()
        shown = (event for kind, event in visitor.events() if kind == "message" and event["frame"] is not None)
        for event in itertools.islice(shown, 6):
            (row,) = event["frame"]["rows"]
            aus = whole[event["frame"]["index"] % 40]
            assert row["aus"] == (aus.probabilities * 1000).round().astype(int).tolist()
            assert row["present"] == aus.occurrence.astype(int).tolist()
            assert row["emotion"] == aus.emotion


def test_several_browsers_share_what_is_made_and_leave_no_trace(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(loop=True), tmp_path) as (view, visitor):
        view.session.start()
        streams = [visitor.open("/picture") for _ in range(3)]
        for stream in streams:
            assert next(parts(stream)).shape == (48, 48, 3)
        assert view.publisher.viewers("picture") == 3
        before, began = view.publisher.encoded, time.perf_counter()
        list(itertools.islice(parts(streams[0]), 10))
        assert view.publisher.encoded - before <= 20 * (time.perf_counter() - began) + 2
        for stream in streams:
            stream.close()
        wait_for(lambda: view.publisher.viewers("picture") == 0)
        made = view.publisher.encoded
        time.sleep(0.3)
        assert view.publisher.encoded <= made + 1


def test_a_browser_that_left_a_stream_of_a_stopped_input_is_noticed(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(), tmp_path) as (view, visitor):
        stream = visitor.open("/picture")
        wait_for(lambda: view.publisher.viewers("picture") == 1)
        stream.close()
        wait_for(lambda: view.publisher.viewers("picture") == 0)


def test_a_slow_browser_gets_the_newest_and_holds_nobody_up(
    detector: AUDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no picture for two seconds; the pipeline and another browser go on at their pace."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 360, 480, 3), dtype=np.uint8)

    def noisy() -> Source:
        return Playback(ArraySource(noise, "noise", fps=FPS), loop=True)

    # noise takes long to search
    monkeypatch.setattr(detector, "locate", lambda frame, *_: Located(frame, ()))
    with served(detector, noisy, tmp_path, page_width=480) as (view, visitor):
        view.session.start()
        with socket.create_connection(("127.0.0.1", visitor.port)) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            slow.sendall(b"GET /picture HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_for(lambda: view.publisher.viewers("picture") == 1)
            other = parts(visitor.open("/picture"))
            next(other)
            frames, made, began = view.session.rates().frames, view.publisher.encoded, time.perf_counter()
            taken = 0
            while time.perf_counter() - began < 2:
                next(other)
                taken += 1
            elapsed_s = time.perf_counter() - began
            assert view.publisher.encoded - made >= taken - 1 >= 10
            assert view.session.rates().frames - frames > 0.5 * FPS * elapsed_s
            content = bytearray()
            slow.settimeout(5)
            numbers: list[int] = []
            while len(numbers) < 10:
                content += slow.recv(1 << 16)
                numbers = [int(part.split(b"\r\n")[0]) for part in bytes(content).split(b"X-Picture: ")[1:-1]]
            gaps = np.diff(numbers)
            assert gaps.min() > 0 and gaps.max() > 20  # what came meanwhile was never queued


@pytest.mark.clock  # a computer that is too slow leaves frames out
def test_a_recording_is_what_detect_gives_for_the_same_frames(detector: AUDetector, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi")
    done = commands.run_cli(
        "detect", path, "--deploy", tmp_path / "deploy", "--executor", "numpy", "--out",
        tmp_path / "whole.csv", program=main,
    )  # fmt: skip
    assert done.status == 0, done.stderr
    with served(detector, lambda: Playback(open_source(str(path))), tmp_path / "rec") as (
        view,
        visitor,
    ):
        view.recorder.start()
        status, said = visitor.post("/record", {"on": True})
        assert status == 409 and "needs an input that is running" in said
        view.session.start()
        wait_for(lambda: not view.session.running and view.session.state.name == "ended", 60)
        recording = view.recorder.recording
        assert recording.path is not None and recording.rows == 40 - view.session.rates().dropped
        status, content = visitor.get("/recording.csv")
        assert status == 200 and content == recording.path.read_bytes()
    rows, whole = table(recording.path), {row["frame"]: row for row in table(tmp_path / "whole.csv")}
    assert rows == [whole[row["frame"]] for row in rows] and len(rows) > 30


def table(path: Path) -> list[dict[str, str]]:
    """Rows but for their latencies, which no two runs share."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    return [{name: value for name, value in row.items() if name != "latency_ms"} for row in rows]


def test_the_buttons_start_stop_and_record(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(loop=True), tmp_path / "rec") as (view, visitor):
        assert view.session.state.name == STOPPED
        assert visitor.get("/snapshot.jpg") == (409, b"a snapshot needs a picture, got none yet: start the input\n")
        assert visitor.get("/recording.csv")[0] == 404
        assert visitor.post("/start") == (200, "{}")
        visitor.until(lambda event: event["state"]["name"] == RUNNING and event["rates"]["frames"] > 5)
        assert visitor.post("/record", {"on": True}) == (200, "{}")
        shown = visitor.until(lambda event: event["recording"]["rows"] > 5)["recording"]
        assert shown["running"] and Path(shown["path"]).parent == tmp_path / "rec"
        assert visitor.post("/record", {"on": True})[0] == 409
        answer = visitor.open("/snapshot.jpg")
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="auflow-0')
        decoded = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None and decoded.shape[0] >= 360
        assert visitor.post("/stop") == (200, "{}")
        event = visitor.until(lambda event: event["state"]["name"] == STOPPED)
        assert not event["recording"]["running"] and event["recording"]["error"] == ""
        rows = table(Path(event["recording"]["path"]))
        assert len(rows) == event["recording"]["rows"]
        assert visitor.post("/start")[0] == 200
        assert visitor.until(lambda event: event["state"]["name"] == RUNNING and event["frame"]["index"] < 30)


def test_a_command_that_cannot_be_is_one_sentence(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(), tmp_path) as (_, visitor):
        assert visitor.post("/finder", {"name": "x"})[0] == 409
        for body in ("[]", "{", "1", '"x"', "[" * 4000, "\ud800".encode("utf-16", "surrogatepass").decode("latin-1")):
            with visitor.open("/record", "POST", body) as answer:
                assert answer.status == 400 and answer.read() == b"a command must be a JSON object\n"
        with visitor.open("/stop", "POST", "{}", Content_Type="text/plain") as answer:
            assert answer.status == 415
        for size in ("99999", "-1", "x"):
            with visitor.open("/stop", "POST", "", Content_Length=size) as answer:
                assert answer.status == 413
        assert visitor.post("/stop")[0] == 200


def test_a_fault_and_a_full_disk_are_told_on_the_page(
    detector: AUDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(detector, clip(loop=True), tmp_path) as (view, visitor):
        view.session.start()
        visitor.until(lambda event: event["rates"]["frames"] > 2)
        view.recorder.start()
        with largest_file(3000):
            event = visitor.until(lambda event: event["recording"]["error"] != "")
        assert "cannot write" in event["recording"]["error"] and event["state"]["name"] == RUNNING

        def fails(x: np.ndarray) -> np.ndarray:
            raise RuntimeError("idma0 did not end, no frame for 2 s")

        monkeypatch.setattr(detector.executor, "accumulators", fails)
        event = visitor.until(lambda event: event["frame"]["rows"][0]["status"] == "failed")
        assert event["frame"]["rows"][0]["message"] == "idma0 did not end, no frame for 2 s"
        assert event["rates"]["observations"]["failed"] > 0


def test_without_the_token_nothing_is_answered(
    detector: AUDetector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(detector, clip(loop=True), tmp_path, token=TOKEN) as (view, visitor):
        for path in (
            "/",
            "/live.js",
            "/picture",
            "/events",
            "/snapshot.jpg",
            "/recording.csv",
            "/nothing",
            "/?token=x",
        ):
            status, said = visitor.get(path)
            assert status == 403 and b"must bring the token" in said, path
        for path in ("/start", "/stop", "/record", "/finder"):
            assert visitor.post(path)[0] == 403
        assert not view.session.running
        assert len(caplog.records) == 1 and "127.0.0.1 is not answered" in caplog.text  # told once
        answer = visitor.open(f"/?token={TOKEN}")
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        brought = cookie.partition(";")[0]
        assert visitor.get("/", Cookie=brought)[0] == 200
        assert visitor.post(f"/stop?token={TOKEN}")[0] == 200
        assert visitor.post("/start", Cookie=brought) == (200, "{}")
        with visitor.open("/picture", Cookie=brought) as stream:
            assert next(parts(stream)).shape == (48, 48, 3)


def test_another_site_s_page_reaches_nothing(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(), tmp_path) as (view, visitor):
        own = f"localhost:{visitor.port}"
        assert visitor.post("/start", Host="evil.example")[0] == 403
        assert visitor.post("/start", Host=own, Origin="http://evil.example")[0] == 403
        assert visitor.post("/start", Host=own, Origin="http://localhost:1")[0] == 403
        assert visitor.get("/events", Host=own, Sec_Fetch_Site="cross-site")[0] == 403
        assert visitor.get("/", Host=own, Sec_Fetch_Site="cross-site")[0] == 200  # a link to it
        assert not view.session.running
        assert visitor.post("/start", Host=own, Origin=f"http://{own}", Sec_Fetch_Site="same-origin")[0] == 200


def test_there_is_an_end_of_viewers(detector: AUDetector, tmp_path: Path) -> None:
    with served(detector, clip(loop=True), tmp_path) as (view, visitor):
        streams = [visitor.open("/picture") for _ in range(MOST_VIEWERS)]
        wait_for(lambda: view.publisher.viewers("picture") == MOST_VIEWERS)
        assert visitor.get("/picture")[0] == 503
        for stream in streams:
            stream.close()


def test_a_port_in_use_is_one_sentence(detector: AUDetector, tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", faces(4))
    words = ("live", tmp_path / "clip.npy", "--deploy", tmp_path / "deploy", "--executor", "numpy")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"a free port, got {port}, which another program has" in refused(*words, "--port", port)
    assert "an address of this computer, got 192.0.2.1" in refused(*words, "--host", "192.0.2.1")
    assert "which is missing" in refused("live", tmp_path / "no.mp4", *words[2:])
    (tmp_path / "token").write_text("x")
    assert "a token must be" in refused(*words, "--token-file", tmp_path / "token")


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, kind: signal.Signals) -> None:
    """A page is open and a recording runs; it becomes whole."""
    folder = write_package(tmp_path / "deploy")
    path = write_clip(tmp_path / "clip.avi")
    running = subprocess.Popen(
        [sys.executable, "-m", "board", "live", str(path), "--loop", "--deploy", str(folder),
         "--executor", "numpy", "--port", "0", "--host", "0.0.0.0", "--record", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("live page: http://") and "/?token=" in line, running.communicate()
        url = line.removeprefix("live page: ").strip()
        port, token = int(url.rpartition(":")[2].partition("/")[0]), url.partition("token=")[2]
        visitor = Visitor(port)
        assert visitor.get("/")[0] == 403
        cookie = visitor.open(f"/?token={token}").headers["Set-Cookie"].partition(";")[0]
        with visitor.open("/picture", Cookie=cookie) as stream:
            assert next(parts(stream)).shape == (48, 48, 3)
            assert visitor.post("/record", {"on": True}, Cookie=cookie)[0] == 200
            next(parts(stream))
            time.sleep(0.3)
            running.send_signal(kind)
            _, told = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, told
    assert "Traceback" not in told and "a request must bring the token" in told
    (recorded,) = tmp_path.glob("aus-*.csv")
    assert f"{len(table(recorded))} rows in {recorded}" in told
    assert list(tmp_path.glob("*.partial")) == []


def test_help_says_where_the_page_is() -> None:
    done = commands.run_cli("live", "--help", program=main)
    assert done.status == 0 and "--host ADDRESS" in done.stdout and "(default: 8080)" in done.stdout
