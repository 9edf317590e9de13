# SPDX-License-Identifier: Apache-2.0
"""An annotated video shows every frame at its own time and keeps the sound."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from observed import CONTRACT, frame

from board.outputs import VideoOutput
from board.outputs.video import STANDSTILL_S, smooth

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")


def written(path: Path, times_s: Sequence[float], fps: float, original: Path | None = None) -> list[int]:
    """Which of some frames each step of an annotated video shows, by its brightness."""
    out = VideoOutput(path, CONTRACT, fps, original)
    for index, time_s in enumerate(times_s):
        picture = np.full((360, 480, 3), 10 + 20 * (index % 12), np.uint8)
        out.write(replace(frame(index), picture=picture, timestamp_s=time_s), [])
    out.close()
    capture = cv2.VideoCapture(str(path))
    shown: list[int] = []
    while True:
        done, decoded = capture.read()
        if not done:
            return shown
        shown.append(round((float(np.asarray(decoded)[100:200, 100:200].mean()) - 10) / 20))


@pytest.mark.parametrize(
    ("times_s", "shown"),
    [
        ([0, 0.1, 0.2], [0, 1, 2]),
        ([5.03, 5.13, 5.23], [0, 1, 2]),  # a clock that starts late, or --start
        ([0, 0.1, 0.5, 0.6], [0, 1, 1, 1, 1, 2, 3]),
        ([0, 0.02, 0.04, 0.1, 0.2], [0, 3, 4]),  # faster than the rate
        ([0, 0.1, 0.02, 0.12], [0, 1, 3]),  # a clock that jumps back goes on
        ([0.0, 0.099, 0.203, 0.301], [0, 1, 2, 3]),
    ],
    ids=str,
)
def test_frames_are_shown_at_their_times(tmp_path: Path, times_s: list[float], shown: list[int]) -> None:
    assert written(tmp_path / "x.avi", times_s, fps=10) == shown


def test_a_damaged_clock_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.outputs.video.STANDSTILL_S", 1.0)
    assert STANDSTILL_S >= 60
    assert written(tmp_path / "x.avi", [0, 1e9, 1e9 + 0.1], fps=10) == [*[0] * 10, 1, 2]


@pytest.mark.parametrize(
    ("fps", "steps"), [(30, 30), (24, 24), (25, 25), (10, 30), (8.7, 26.1), (0.5, 24), (1000, 1000)]
)
def test_slow_videos_have_finer_steps_in_which_their_frames_fit(fps: float, steps: float) -> None:
    assert smooth(fps) == pytest.approx(steps)


@pytest.mark.parametrize("name", ["caf\udce9.mp4", "a\nb.mp4"])
def test_a_name_that_opencv_dies_of_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="must be plain UTF-8"):
        VideoOutput(tmp_path / name, CONTRACT, 25)


def beep(path: Path, at_s: float, options: Sequence[str] = ()) -> Path:
    """Four seconds of grey with a beep of a tenth of a second."""
    tone = f"aevalsrc=if(between(t\\,{at_s}\\,{at_s + 0.1})\\,sin(2*PI*1000*t)\\,0):d=4"
    picture = ("-f", "lavfi", "-i", "color=gray:s=64x64:r=10:d=4")
    words = ("ffmpeg", "-v", "error", "-y", *picture, "-f", "lavfi", "-i", tone, *options, f"file:{path}")
    subprocess.run(words, check=True)
    return path


def heard_s(path: Path) -> float:
    """When it beeps."""
    words = ("ffmpeg", "-v", "error", "-i", f"file:{path}", "-f", "s16le", "-ac", "1", "-ar", "8000", "-")
    samples = np.frombuffer(subprocess.run(words, check=True, capture_output=True).stdout, np.int16)
    return float(np.flatnonzero(np.abs(samples.astype(int)) > 3000)[0]) / 8000


def streams(path: Path) -> list[str]:
    words = ("ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "json", f"file:{path}")
    content = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return [stream["codec_type"] for stream in content["streams"]]


@needs_ffmpeg
@pytest.mark.parametrize("start_s", [0.0, 1.5])
@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
def test_the_sound_is_kept_and_in_step(tmp_path: Path, start_s: float, suffix: str) -> None:
    original = beep(tmp_path / "a: 100%.mkv", 2.5, ("-c:a", "libvorbis"))  # no .mp4 or .avi takes that as it is
    out = tmp_path / f"x{suffix}"
    assert len(written(out, np.arange(start_s, 4, 0.1).round(3).tolist(), 10, original)) == round((4 - start_s) * 10)
    assert streams(out) == ["video", "audio"]
    assert heard_s(out) == pytest.approx(2.5 - start_s, abs=0.06)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([original.name, out.name])


@needs_ffmpeg
def test_a_picture_that_starts_after_its_sound_stays_in_step(tmp_path: Path) -> None:
    whole = beep(tmp_path / "whole.mkv", 2.5)
    late = tmp_path / "late.mkv"
    both = ("-itsoffset", "0.7", "-i", str(whole), "-i", str(whole), "-map", "0:v", "-map", "1:a", "-c", "copy")
    subprocess.run(("ffmpeg", "-v", "error", *both, str(late)), check=True)
    written(tmp_path / "x.mkv", np.arange(0, 3, 0.1).tolist(), 10, late)
    assert heard_s(tmp_path / "x.mkv") == pytest.approx(2.5 - 0.7, abs=0.06)


@needs_ffmpeg
def test_a_video_without_sound_stays_so_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    original = beep(tmp_path / "a.mkv", 1, ("-an",))
    written(tmp_path / "x.mp4", [0, 0.1], 10, original)
    assert streams(tmp_path / "x.mp4") == ["video"] and caplog.messages == []


def test_without_ffmpeg_the_sound_is_told_to_be_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert written(tmp_path / "x.avi", [0, 0.1], 10, tmp_path / "a.mkv") == [0, 1]
    assert caplog.messages == [
        f"the sound of {tmp_path}/a.mkv is left out of {tmp_path}/x.avi: ffmpeg is not installed"
    ]


@needs_ffmpeg
def test_sound_that_cannot_be_copied_leaves_the_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.mkv").write_text("no video any more")
    assert written(tmp_path / "x.avi", [0, 0.1], 10, tmp_path / "a.mkv") == [0, 1]
    (said,) = caplog.messages
    assert "the sound of" in said and "ffprobe cannot read" in said
