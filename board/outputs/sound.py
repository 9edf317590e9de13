# SPDX-License-Identifier: Apache-2.0
"""The sound of an annotated video, which OpenCV neither reads nor writes: ffmpeg copies it, where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

LEAST_CUT_S = 0.01
"""Sound that begins so little before the picture is left as it is."""
TIMEOUT_S = 600.0
"""Longest time for which ffmpeg may copy."""


def add_sound(video: Path, original: Path, start_s: float, seconds: float, out: Path) -> str:
    """Write a video again with the sound of the one that it was made from.

    Args:
        video: Without sound.
        original: Where the sound is.
        start_s: Time of the original's picture, from its first frame on, at which the video begins.
        seconds: Length of the video.
        out: The new file. It is written where the original has sound that can be had.

    Returns:
        Why there is none in `out`, which is not written then; empty where it was written, or the original has none.
    """
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if ffmpeg is None or ffprobe is None:
        return "ffmpeg is not installed"
    show = ("-show_entries", "stream=codec_type,start_time:format=start_time", "-of", "json")
    probed = _run([ffprobe, "-v", "error", *show, _url(original)])
    try:
        content = json.loads(probed.stdout)
        starts: dict[str, float] = {}
        for stream in content["streams"]:  # the first of each kind
            starts.setdefault(stream["codec_type"], float(stream.get("start_time", 0)))
        if "audio" not in starts:
            return ""
        start_s += starts["video"] - float(content["format"].get("start_time", 0))
    except (ValueError, KeyError):
        return f"ffprobe cannot read {original}: {_last_line(probed.stderr)}"
    # copied packets cannot begin in the middle, so sound from there on is coded anew
    from_there = ("-ss", f"{start_s:.6f}") if start_s > LEAST_CUT_S else ()
    begin = [ffmpeg, "-v", "error", "-nostdin", "-y", "-i", _url(video), *from_there, "-t", f"{seconds:.6f}"]
    begin += ["-i", _url(original), "-map", "0:v", "-map", "1:a", "-c:v", "copy"]
    done = None if from_there else _run([*begin, "-c:a", "copy", _url(out)])
    if done is None or done.returncode:  # a container does not take every kind of sound
        done = _run([*begin, _url(out)])
    if not done.returncode:
        return ""
    out.unlink(missing_ok=True)
    return f"ffmpeg cannot copy it: {_last_line(done.stderr)}"


def _url(path: Path) -> str:
    """A name that ffmpeg takes for a file whatever it holds, such as a colon."""
    return f"file:{path}"


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    # in a session of its own: Ctrl-C is for us, who then end it
    try:
        return subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"it did not end within {TIMEOUT_S:g} s")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
