# SPDX-License-Identifier: Apache-2.0
"""Damaged videos keep every frame in its place, and oversized pictures stop no folder."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.open_source import open_source
from board.sources.video import VideoSource

FRAMES, STEP = 40, 6


def video(path: Path, codec: str, frames: int = FRAMES) -> Path:
    """Frame i has brightness STEP * i, at 20 frames per second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 20.0, (160, 128))
    if not writer.isOpened():
        pytest.skip(f"this OpenCV writes no {codec} in {path.suffix}")
    for index in range(frames):
        picture = np.full((128, 160, 3), STEP * index % 240, np.uint8)
        cv2.putText(picture, str(index), (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
        writer.write(picture)
    writer.release()
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Where in a file the data of each frame lies."""
    content, at = path.read_bytes(), 0
    places: list[tuple[int, int]] = []
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    while True:
        done, packet = capture.read()
        if not done:
            return places
        data = packet.tobytes()
        at = content.index(data[-64:], at) + 64 - len(data)  # containers strip or add a few bytes at the beginning
        places.append((at, at + len(data)))
        at += len(data)


def erase(path: Path, spans: list[tuple[int, int]]) -> None:
    content = bytearray(path.read_bytes())
    for begin, end in spans:
        content[begin:end] = bytes(end - begin)
    path.write_bytes(content)


def shown(path: Path, start: int = 0) -> dict[int, int]:
    """Which frame each index shows, by its brightness."""
    found = {}
    for frame in VideoSource(path).frames(start):
        assert frame.picture is not None and frame.error == ""
        found[frame.index] = round(float(frame.picture[2:20, 2:20].mean()) / STEP)
    return found


@pytest.mark.parametrize("name", ["x.avi", "x.mkv"])
@pytest.mark.parametrize("damaged", [[15], [15, 16, 17, 30], [0], [0, 1], [39], [37, 38, 39]], ids=str)
def test_frames_after_a_damaged_one_keep_their_places(
    tmp_path: Path, name: str, damaged: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    path = video(tmp_path / name, "MJPG")
    packets = packet_places(path)
    assert len(packets) == FRAMES
    erase(path, [packets[index] for index in damaged])
    left = {index: index for index in range(FRAMES) if index not in damaged}
    assert shown(path) == left
    assert shown(path, start=16) == {index: index for index in left if index >= 16}  # as resumed
    first = min(left)
    times_s = [frame.timestamp_s for frame in VideoSource(path).frames()]
    assert times_s == [round((index - first) / 20, 6) for index in left]
    if damaged[0] == 0:
        expected = "lacks frames at its beginning"
    elif damaged[-1] == FRAMES - 1:  # Matroska's header does not count them
        expected = f"lacks its last {len(damaged)} frames: they cannot be decoded" if name == "x.avi" else ""
    else:
        places = [(begin, end) for begin, end in pairwise(left) if end > begin + 1]
        expected = "lacks frames " + ", ".join(f"from {begin / 20:.2f} to {end / 20:.2f} s" for begin, end in places)
    assert set(caplog.messages) == ({f"{name} {expected}"} if expected else set())


def test_a_hole_in_the_file_costs_its_frames_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = video(tmp_path / "x.mkv", "MJPG")
    places = packet_places(path)
    erase(path, [(places[12][0] - 16, places[14][1])])  # their headers too: the reader goes on somewhere later
    frames = list(VideoSource(path).frames())
    seen = [round(float(frame.picture[2:20, 2:20].mean()) / STEP) for frame in frames if frame.picture is not None]
    assert seen == [index for index in range(FRAMES) if index < 12 or index >= seen[12]] and 15 <= seen[12] < 30
    assert [frame.timestamp_s for frame in frames] == [index / 20 for index in seen]
    assert caplog.messages == [f"x.mkv lacks frames from 0.55 to {seen[12] / 20:.2f} s"]


def test_a_video_of_which_more_than_a_keyframe_interval_is_damaged_goes_on(tmp_path: Path) -> None:
    path = video(tmp_path / "x.avi", "MJPG", 400)
    places = packet_places(path)
    erase(path, places[20:380])
    assert list(shown(path)) == [*range(20), *range(380, 400)]


def test_a_film_that_lost_its_last_tenth_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = video(tmp_path / "x.avi", "MJPG", 100)
    begin, _ = packet_places(path)[90]
    path.write_bytes(path.read_bytes()[:begin])
    assert len(shown(path)) in (89, 90)
    (said,) = caplog.messages
    assert "its header announces 100: copy it again" in said


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_picture_too_large_for_opencv_is_unreadable_and_the_folder_goes_on(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)  # of 10 GB in 70 bytes
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(huge)
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((64, 64, 3), np.uint8))
    first, second = open_source(str(tmp_path)).frames()
    assert first.picture is None and "a.png" in first.error
    assert second.picture is not None
    with pytest.raises(ValueError, match=r"a\.png"):
        open_source(str(tmp_path / "a.png"))
