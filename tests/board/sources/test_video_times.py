# SPDX-License-Identifier: Apache-2.0
"""Every row of a video is at its frame's own time, and there are as many as frames that decode: ffprobe judges."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.open_source import open_source
from board.sources.selection import Selection
from board.sources.video import VideoSource, _Clock

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="needs ffmpeg and ffprobe"
)
UNEVEN = "setpts='if(lt(N,40),N/25/TB,(40/25+(N-40)*0.2)/TB)'"
HOLEY = "select='gt(random(0),0.3)'"
TELLS_LAST_TIMES = tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 7)
"""Earlier versions do not tell the times of the last frames of an H.264 video, which its decoder held back."""
H264 = "-c:v libx264 -preset ultrafast -bf 2 -g 50"
COPY = "-c copy"
BASE, SOUND = "-i base.mp4", "-i sound.mp4"
MADE = {
    "even.mp4": f"{BASE} {COPY} -movflags +faststart",
    "uneven.mp4": f"{BASE} -vf {UNEVEN} -vsync vfr {H264}",
    "uneven.mov": f"{BASE} -vf {UNEVEN} -vsync vfr {H264}",
    "holey.webm": f"{BASE} -vf {HOLEY} -vsync vfr -c:v libvpx -b:v 1M -cpu-used 8",
    "holey.mkv": f"{BASE} -vf {HOLEY} -vsync vfr {H264}",
    "holey_sound.mkv": f"{SOUND} -vf {HOLEY} -vsync vfr {H264} -c:a copy",
    "cut.mp4": f"-ss 1.3 {SOUND} {COPY}",  # by an edit list
    "cut.mov": f"-ss 1.3 {BASE} -t 1 {COPY}",
    "cut.mkv": f"-ss 1.3 {SOUND} {COPY}",
    "late.mp4": f"{BASE} -output_ts_offset 100 {COPY}",
    "late.mkv": f"{BASE} -output_ts_offset 100 {COPY}",
    "late.ts": f"{BASE} -output_ts_offset 100 {COPY}",
    "after_its_sound.mp4": f"-itsoffset 2 {BASE} {SOUND} -map 0:v -map 1:a {COPY}",
    "after_its_sound.mkv": f"-itsoffset 2 {BASE} {SOUND} -map 0:v -map 1:a {COPY}",
    "fragments.mp4": f"{BASE} {COPY} -movflags frag_keyframe+empty_moov",
    "mpeg2.mpg": f"{BASE} -c:v mpeg2video -bf 2",
    "mpeg4.avi": f"{BASE} -c:v mpeg4 -bf 2",
    "fast.mp4": f"-f lavfi -i testsrc2=s=160x128:r=1000:d=0.3 -pix_fmt yuv420p {H264}",
    "fast.avi": "-f lavfi -i testsrc2=s=160x128:r=1000:d=0.3 -pix_fmt yuvj420p -c:v mjpeg",
    "slow.mp4": f"{BASE} -r 0.5 {H264}",
    "ntsc.mkv": f"{BASE} -r 30000/1001 {H264}",
    "even.gif": f"{BASE}",
    "uneven.gif": f"{BASE} -vf {UNEVEN} -vsync vfr",
    "windows.wmv": f"{BASE} -c:v wmv2",
}

SAMPLE = (
    "uneven.mp4",
    "holey.webm",
    "holey_sound.mkv",
    "cut.mp4",
    "late.ts",
    "after_its_sound.mkv",
    "fast.mp4",
    "uneven.gif",
)


def ffmpeg(folder: Path, words: str, out: str) -> None:
    """Make a video once; skips the test where this ffmpeg has no such codec."""
    if (folder / out).exists():
        return
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-y", *(word.strip("'") for word in words.split()), out],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if "Unknown encoder" in done.stderr:
        pytest.skip(f"this ffmpeg cannot make {out}")
    assert done.returncode == 0, done.stderr


def times_of(path: Path) -> list[float]:
    """Times of the frames that decode, from the first on, as ffprobe has them; not a number where it has none."""
    words = [
        "-v",
        "quiet",
        "-select_streams",
        "v",
        "-show_entries",
        "frame=best_effort_timestamp_time",
        "-of",
        "csv=p=0",
    ]
    done = subprocess.run(["ffprobe", *words, str(path)], capture_output=True, text=True, check=True)
    times = [math.nan if "N/A" in word else float(word.strip(",")) for word in done.stdout.split()]
    return [time_s - times[0] for time_s in times]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("videos")
    ffmpeg(made, f"-f lavfi -i testsrc2=s=160x128:r=25:d=4 -pix_fmt yuv420p {H264}", "base.mp4")
    ffmpeg(made, f"{BASE} -f lavfi -i sine=d=6 -c:v copy -c:a aac", "sound.mp4")
    return made


def agrees(path: Path) -> None:
    """Whether rows and times are ffprobe's, to a tenth of a millisecond."""
    expected, frames = times_of(path), list(open_source(str(path)).frames())
    assert len(frames) == len(expected) > 0
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
    assert all(frame.picture is not None for frame in frames)
    told = len(expected) if TELLS_LAST_TIMES else len(expected) - 3
    error_s = [abs(frame.timestamp_s - time_s) for frame, time_s in zip(frames, expected, strict=True)]
    assert np.nanmax(error_s[:told]) < 1e-4
    assert np.nanmax(error_s) < 0.5


@needs_ffmpeg
@pytest.mark.parametrize("name", [one if one in SAMPLE else pytest.param(one, marks=pytest.mark.slow) for one in MADE])
def test_rows_are_at_their_frames_own_times(folder: Path, name: str) -> None:
    ffmpeg(folder, MADE[name], name)
    agrees(folder / name)


@needs_ffmpeg
@pytest.mark.parametrize(
    "name",
    [
        "even.mp4",
        *(pytest.param(one, marks=pytest.mark.slow) for one in MADE if one.startswith(("holey.", "mpeg", "late.t"))),
    ],
)
@pytest.mark.parametrize("damage", ["hole", "noise", "end"])
def test_a_damaged_video_has_the_rows_that_decode(
    folder: Path, tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    ffmpeg(folder, MADE[name], name)
    content = bytearray((folder / name).read_bytes())
    begin, end = round(len(content) * 0.45), round(len(content) * 0.55)
    if damage == "end":
        del content[end:]
    else:
        noise = np.random.default_rng(0).integers(0, 256, end - begin, dtype=np.uint8).tobytes()
        content[begin:end] = bytes(end - begin) if damage == "hole" else noise
    (tmp_path / name).write_bytes(content)
    agrees(tmp_path / name)
    if name in ("even.mp4", "mpeg4.avi"):
        assert caplog.messages and all(message.startswith(name) for message in caplog.messages)


@needs_ffmpeg
def test_a_phones_video_stands_upright(folder: Path) -> None:
    ffmpeg(folder, f"{BASE} {COPY} -metadata:s:v rotate=90", "turned.mp4")
    shapes = {
        frame.picture.shape for frame in open_source(str(folder / "turned.mp4")).frames() if frame.picture is not None
    }
    assert shapes == {(160, 128, 3)}


@needs_ffmpeg
def test_a_clock_that_starts_anew_goes_on(folder: Path) -> None:
    ffmpeg(folder, f"{BASE} {COPY}", "half.ts")
    (folder / "twice.ts").write_bytes((folder / "half.ts").read_bytes() * 2)
    times_s = [frame.timestamp_s for frame in open_source(str(folder / "twice.ts")).frames()]
    assert len(times_s) == 200
    np.testing.assert_allclose(times_s, np.arange(200) / 25, atol=1e-4 if TELLS_LAST_TIMES else 0.2)


class Recorder:
    """A VideoCapture of one plain picture, shown whenever `reads` has a time in milliseconds, None for a failure."""

    reads: tuple[float | None, ...] = ()
    rate, count = 25.0, 0.0

    def __init__(self, name: str, backend: int) -> None:
        self._reads = iter(self.reads)
        self._now: float | None = None

    def grab(self) -> bool:
        self._now = next(self._reads, None)
        return self._now is not None

    def get(self, key: int) -> float:
        values = {cv2.CAP_PROP_FPS: self.rate, cv2.CAP_PROP_FRAME_COUNT: self.count}
        return values.get(key, self._now or 0.0)

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((8, 8, 3), (200, 100, 50), np.uint8)

    def set(self, key: int, value: float) -> bool:
        return True

    def release(self) -> None:
        pass


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(cv2, "VideoCapture", Recorder)
    (tmp_path / "x.mkv").write_bytes(bytes(1000))
    return tmp_path / "x.mkv"


@pytest.mark.parametrize(
    ("reads", "rows"),
    [
        ((100.0, 140.0, 180.0), [(0, 0.0), (1, 0.04), (2, 0.08)]),  # starts late
        ((-80.0, -40.0, 0.0, 40.0), [(0, 0.0), (1, 0.04), (2, 0.08), (3, 0.12)]),  # starts before 0
        ((0.0, 200.0, 240.0, 1240.0), [(0, 0.0), (1, 0.2), (2, 0.24), (3, 1.24)]),  # uneven
        ((0.0, 30.0, 60.0, 0.0, 0.0), [(0, 0.0), (1, 0.03), (2, 0.06), (3, 0.09), (4, 0.12)]),  # the last not told
        ((0.0, 0.0, 0.0), [(0, 0.0), (1, 0.04), (2, 0.08)]),  # none told
        ((-4e23, -4e23, -4e23), [(0, 0.0), (1, 0.04), (2, 0.08)]),  # an overflow
        ((0.0, 40.0, 0.0, 40.0), [(0, 0.0), (1, 0.04), (2, 0.08), (3, 0.12)]),  # starts anew
        ((0.0, 40.0, 20.0, 80.0), [(0, 0.0), (1, 0.04), (2, 0.04), (3, 0.08)]),  # out of order in a damaged place
        ((0.0, None, None, 120.0), [(0, 0.0), (3, 0.12)]),  # some fail
    ],
)
def test_times_follow_what_the_backend_tells(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, reads: tuple[float | None, ...], rows: list[tuple[int, float]]
) -> None:
    monkeypatch.setattr(Recorder, "reads", reads)
    assert [(frame.index, frame.timestamp_s) for frame in VideoSource(recorded).frames()] == rows
    assert [(frame.index, frame.timestamp_s) for frame in VideoSource(recorded).frames(2)] == [
        row for row in rows if row[0] >= 2
    ]


@pytest.mark.parametrize(
    ("rate", "fps"), [(1000.0, 1000.0), (0.5, 0.5), (0.0, 25.0), (math.nan, 25.0), (math.inf, 25.0), (90_000.0, 25.0)]
)
def test_a_rate_that_cannot_be_is_replaced(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, rate: float, fps: float
) -> None:
    monkeypatch.setattr(Recorder, "reads", (0.0,))
    monkeypatch.setattr(Recorder, "rate", rate)
    assert VideoSource(recorded).fps == fps


@pytest.mark.parametrize(
    ("count", "expected"), [(75.0, 75), (0.0, None), (-2.3e17, None), (4294967295.0, None), (math.nan, None)]
)
def test_a_count_that_cannot_be_is_not_known(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, count: float, expected: int | None
) -> None:
    monkeypatch.setattr(Recorder, "reads", (0.0,))
    monkeypatch.setattr(Recorder, "count", count)
    assert VideoSource(recorded).count == expected


def test_grey_is_exactly_the_grey_of_the_colours(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "reads", (0.0,))
    (coloured,), (grey,) = VideoSource(recorded).frames(), VideoSource(recorded, colour=False).frames()
    assert coloured.picture is not None and grey.picture is not None
    np.testing.assert_array_equal(grey.picture, cv2.cvtColor(coloured.picture, cv2.COLOR_RGB2GRAY))
    assert coloured.picture[0, 0].tolist() == [50, 100, 200]


def test_an_uneven_rate_is_no_damage(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Recorder, "reads", tuple(40.0 * (index + index // 5 * 2) for index in range(60)))
    assert len(list(VideoSource(recorded).frames())) == 60
    assert caplog.messages == []


def test_frames_that_are_not_wanted_are_not_converted(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[int] = []
    retrieve = Recorder.retrieve
    monkeypatch.setattr(Recorder, "reads", tuple(40.0 * index for index in range(100)))
    monkeypatch.setattr(Recorder, "retrieve", lambda self: converted.append(1) or retrieve(self))
    frames = list(VideoSource(recorded, selection=Selection(1.0, 2.0, 10)).frames())
    assert [(frame.index, frame.timestamp_s) for frame in frames] == [(30, 1.2), (40, 1.6)]
    assert len(converted) == 2


def test_a_clock_never_goes_back() -> None:
    clock, rng = _Clock(0.04), np.random.default_rng(5)
    told = [clock.tell(float(read)) for read in rng.integers(-3, 9, 500)]
    assert told == sorted(told) and told[0] == 0.0
