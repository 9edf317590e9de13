# SPDX-License-Identifier: Apache-2.0
"""A video is read whatever it is called: OpenCV takes some names for patterns or addresses, and dies of others."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from board.sources.open_source import open_source

NAMES = [
    b"caf\xe9.avi",
    b"\xff\xfe.avi",
    b"12:30:05.avi",
    b"rtsp:camera.avi",
    b"frame%03d.avi",
    b"-v.avi",
    b"a 'b\" #1?.avi",
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_video_is_read_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    made = tmp_path / "made.avi"
    writer = cv2.VideoWriter(str(made), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (80, 64))
    for index in range(7):
        writer.write(np.full((64, 80, 3), 20 * index, np.uint8))
    writer.release()
    monkeypatch.chdir(tmp_path)
    called = os.fsdecode(name)
    made.rename(called)
    source = open_source(called)
    assert [frame.source for frame in source.frames()] == [called] * 7


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"a%d.png", b"-.png", b"b:c.tif", b"caf\xe9.tif"], ids=repr)
def test_a_picture_is_read_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    called = os.fsdecode(name)
    made = "made" + Path(called).suffix
    if made == "made.tif":
        cv2.imwritemulti(made, [np.full((48, 64, 3), level, np.uint8) for level in (9, 99)])
    else:
        cv2.imwrite(made, np.full((48, 64, 3), 9, np.uint8))
    Path(made).rename(called)
    levels = [int(frame.picture[0, 0, 0]) for frame in open_source(called).frames() if frame.picture is not None]
    assert levels == ([9, 99] if made == "made.tif" else [9])
