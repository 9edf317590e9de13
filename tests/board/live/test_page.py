# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: it shows what is seen, its buttons work, and no script fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, wait_for
from live import clip, served
from packages import write_package
from scenes import swaying

from board.core.facs import EMOTIONS
from board.detector import AUDetector
from board.live.playback import Playback
from board.sources.array import ArraySource
from board.sources.frame import Source

TEXT = "return document.getElementById('{}').textContent"


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[AUDetector]:
    with AUDetector(write_package(tmp_path / "deploy"), "numpy") as made:
        yield made


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    (tmp_path / "profile").mkdir()
    return tmp_path / "profile"


def astronaut() -> Source:
    return Playback(ArraySource(swaying(), "astronaut", moving=True, fps=20.0), loop=True)


@pytest.mark.parametrize(("size", "dark"), [((1400, 900), False), ((390, 844), True)], ids=["desk", "phone"])
def test_it_shows_what_is_seen(
    detector: AUDetector, tmp_path: Path, profile: Path, size: tuple[int, int], dark: bool
) -> None:
    finders = {"yunet": lambda: detector.finder, "haar": lambda: detector.finder}
    with (
        served(detector, astronaut, tmp_path, finders=finders) as (view, visitor),
        Browser(profile, size, dark) as page,
    ):
        view.session.start()
        page.go(visitor.url)
        page.until("return document.getElementById('picture').naturalWidth === 320")
        page.until("return document.querySelectorAll('.unit').length === 13")
        page.until("return Number(document.getElementById('fps').textContent) > 1")
        page.until("return document.getElementById('faces').textContent.includes('Face 0')")
        assert page.run("return document.querySelector('#stages .binds').textContent") != ""
        assert page.run("return document.getElementById('state').dataset.state") == "running"
        assert page.run("return document.getElementById('trouble').hidden")
        assert page.run("return document.getElementById('finder').value") == "haar"
        # the box and the lines are drawn
        drawn = "const c = {}; return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
        assert page.run(drawn.format("document.getElementById('boxes')"))
        page.until(drawn.format("document.querySelector('.strip')"))
        # the face's box lies where the picture shows it
        box = page.run(
            "const c = document.getElementById('boxes'); const d = c.getContext('2d').getImageData(0, 0, c.width,"
            " c.height).data; let x = [], y = []; for (let i = 3; i < d.length; i += 4) if (d[i] > 200)"
            " { x.push(((i - 3) / 4 % c.width) / c.width); y.push(Math.floor((i - 3) / 4 / c.width) / c.height); }"
            " return [Math.min(...x), Math.max(...x), Math.max(...y)]"
        )
        assert 0.25 < box[0] < 0.5 < box[1] < 0.8 and 0.3 < box[2] < 0.6  # the caption may be wider
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")  # nothing to scroll sideways
        ground = page.run("return getComputedStyle(document.body).backgroundColor")
        assert (sum(int(part) for part in ground.strip("rgb()").split(",")) < 200) is dark
        assert page.errors() == []


def test_emotions_of_their_own_and_aus_of_rendered_faces_are_told(tmp_path: Path, profile: Path) -> None:
    with (
        AUDetector(write_package(tmp_path / "deploy", emotions=True), "numpy") as detector,
        served(detector, astronaut, tmp_path) as (view, visitor),
        Browser(profile) as page,
    ):
        view.session.start()
        page.go(visitor.url)
        title = page.until("const b = document.querySelector('#faces button'); return b && b.title")
        shares = dict(part.split(" ") for part in title.split(", "))
        assert tuple(shares) == EMOTIONS and 0.98 < sum(map(float, shares.values())) < 1.02
        shown = page.run("return document.querySelector('#faces button span').textContent")
        assert max(shares, key=lambda name: float(shares[name])) in EMOTIONS and shown in EMOTIONS
        short = page.run("return [...document.querySelectorAll('.unit .short')].map((one) => one.textContent)")
        assert short[:5] == ["AU1", "AU2*", "AU4", "AU5", "AU6"]
        assert page.run(TEXT.format("remark")) == detector.contract.remark
        assert not page.run("return document.getElementById('remark').hidden")
        assert "rendered faces alone" in page.run("return document.querySelectorAll('.unit')[1].title")
        assert page.errors() == []


def test_its_buttons_work(detector: AUDetector, tmp_path: Path, profile: Path) -> None:
    with served(detector, clip(loop=True), tmp_path / "rec") as (view, visitor), Browser(profile) as page:
        page.go(visitor.url)
        state = "return document.getElementById('state').dataset.state === '{}'"
        click = "document.getElementById('{}').click()"
        page.until(state.format("stopped"))
        page.until("return !document.getElementById('run').disabled")
        page.run(click.format("run"))
        page.until(state.format("running"))
        page.until("return !document.getElementById('record').disabled")
        page.run(click.format("record"))
        page.until("return document.getElementById('recording').textContent.includes('so far')")
        assert view.recorder.recording.running
        page.run(click.format("record"))
        page.until("return document.querySelector('#recording a')")
        assert str(tmp_path / "rec") in page.run(TEXT.format("recording"))
        page.run(click.format("run"))
        page.until(state.format("stopped"))
        assert not view.session.running
        assert page.run("return document.getElementById('choice').hidden")  # no finder to choose
        assert page.errors() == []


def test_a_page_that_nobody_sees_costs_nothing(detector: AUDetector, tmp_path: Path, profile: Path) -> None:
    hide = (
        "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}});"
        " document.dispatchEvent(new Event('visibilitychange'))"
    )
    with served(detector, clip(loop=True), tmp_path) as (view, visitor), Browser(profile) as page:
        view.session.start()
        page.go(visitor.url)
        publisher = view.publisher
        wait_for(lambda: publisher.viewers("picture") == publisher.viewers("events") == 1)
        page.run(hide.format("true"))
        wait_for(lambda: publisher.viewers("picture") == publisher.viewers("events") == 0)
        made = publisher.encoded
        time.sleep(0.5)
        assert publisher.encoded == made
        page.run(hide.format("false"))
        wait_for(lambda: publisher.encoded > made)
        assert publisher.viewers("picture") == 1
        assert page.errors() == []


def test_what_fails_is_said(
    detector: AUDetector, tmp_path: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.live.session.RETRY_S", 0.2)
    there = threading.Event()

    def camera() -> Source:
        if not there.is_set():
            raise RuntimeError("a camera must be there, got <b>/dev/video0</b>")
        return clip(loop=True)()

    with Browser(profile) as page:
        with served(detector, camera, tmp_path, retry=True) as (view, visitor):
            view.session.start()
            page.go(visitor.url)
            page.until("return document.getElementById('trouble').textContent.startsWith('a camera must be there')")
            assert "<b>" in page.run(TEXT.format("trouble"))  # text, not HTML
            there.set()
            page.until("return document.getElementById('state').dataset.state === 'running'")
            page.until("return document.getElementById('trouble').hidden")

            def fails(x: object) -> None:
                raise RuntimeError("idma0 did not end")

            monkeypatch.setattr(detector.executor, "accumulators", fails)
            page.until("return document.getElementById('trouble').textContent.includes('idma0 did not end')")
            assert page.errors() == []
        page.until("return document.getElementById('state').dataset.state === 'lost'")
        assert "does not answer" in page.run(TEXT.format("trouble"))


def test_a_token_gets_the_page_and_its_streams(detector: AUDetector, tmp_path: Path, profile: Path) -> None:
    token = "0123456789abcdefghij"
    with served(detector, clip(loop=True), tmp_path, token=token) as (view, visitor), Browser(profile) as page:
        view.session.start()
        page.go(visitor.url)
        assert "must bring the token" in page.run("return document.body.textContent")
        page.errors()
        page.go(f"{visitor.url}?token={token}")
        page.until("return document.getElementById('picture').naturalWidth === 48")
        assert page.run("return location.href") == visitor.url  # without it
        assert page.errors() == []
