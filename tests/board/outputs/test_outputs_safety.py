# SPDX-License-Identifier: Apache-2.0
"""Outputs neither pass half a video off as whole nor lose or mix the rows that an interrupted run left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from observed import CONTRACT, TABLES, face, frame, rows_of
from packages import largest_file, small_contract

from board.faces.crop import Box
from board.faces.find import Face
from board.observation import FAILED, Observation
from board.outputs import CsvOutput, JsonlOutput, VideoOutput
from board.outputs.annotate import draw
from board.outputs.ink import PRESENT

Kind = Callable[..., CsvOutput | JsonlOutput]


@pytest.mark.parametrize("name", ["x.avi", "x.mkv", "x.mp4"])
def test_a_disk_that_fills_in_the_middle_leaves_no_video(tmp_path: Path, name: str) -> None:
    # OpenCV says nothing, and an .avi or .mkv plays what fitted
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    out = VideoOutput(tmp_path / name, CONTRACT, 25)
    with largest_file(300_000), pytest.raises(RuntimeError, match=r"did not write all of its 40 frames"):
        for index in range(40):
            out.write(replace(frame(index), picture=noise), [face(index)])
        out.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_resuming_on_a_full_disk_keeps_what_was_there(tmp_path: Path, kind: Kind, name: str) -> None:
    # written anew, the rows beyond the first 4000 bytes were lost
    out = kind(tmp_path / name, CONTRACT)
    for index in range(100):
        out.write(frame(index), [face(index)])
    out.abandon()
    with largest_file(4000):
        again = kind(tmp_path / name, CONTRACT, resume=True)
        again.abandon()
    assert again.next_frame == 99
    assert kind(tmp_path / name, CONTRACT, resume=True).next_frame == 98


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_rows_of_other_action_units_are_not_continued(tmp_path: Path, kind: Kind, name: str) -> None:
    stream = CONTRACT.output_stream
    fewer = replace(
        small_contract(),
        action_units=CONTRACT.action_units[:1],
        output_stream=type(stream).of_frame(1, 1, stream.bits, stream.signed),
    )
    out = kind(tmp_path / name, CONTRACT)
    for index in range(3):
        out.write(frame(index), [face(index)])
    out.abandon()
    before = (tmp_path / f"{name}.partial").read_bytes()
    with pytest.raises(ValueError, match="the network"):
        kind(tmp_path / name, fewer, resume=True)
    assert (tmp_path / f"{name}.partial").read_bytes() == before


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_a_run_that_ended_before_its_first_row_begins_anew(tmp_path: Path, kind: Kind, name: str) -> None:
    with largest_file(0):  # a header does not fit, no rows do
        try:
            kind(tmp_path / name, CONTRACT).abandon()
        except RuntimeError as error:
            assert "File too large" in str(error)
    out = kind(tmp_path / name, CONTRACT, resume=True)
    assert out.next_frame == 0
    out.write(frame(0), [face(0)])
    out.close()
    whole = kind(tmp_path / "whole", CONTRACT)
    whole.write(frame(0), [face(0)])
    whole.close()
    assert (tmp_path / name).read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize(("kind", "name"), TABLES)
@pytest.mark.parametrize("source", ["a\nb.png", "a\u2028b.png", "a\x0cb.png", "\udcff.png", "Gerät.png"])
def test_a_strange_file_name_ends_no_run(tmp_path: Path, kind: Kind, name: str, source: str) -> None:
    # Linux names files by any bytes: one that is no UTF-8 raised, one with a line break could not be resumed
    out = kind(tmp_path / name, CONTRACT)
    for index in range(3):
        out.write(frame(index), [replace(face(index), source=source)])
    out.abandon()
    assert kind(tmp_path / name, CONTRACT, resume=True).next_frame == 2


def test_the_csv_has_all_that_pyfeat_needs_for_face_boxes(tmp_path: Path) -> None:
    # Fex.faceboxes raises KeyError unless all five are there, checked with Py-Feat 2.1.5's read_feat
    out = CsvOutput(tmp_path / "aus.csv", CONTRACT)
    out.write(frame(0), [face(0)])
    out.close()
    row = rows_of(tmp_path / "aus.csv")[0]
    box = [row[f"Face{name}"] for name in ("RectX", "RectY", "RectWidth", "RectHeight", "Score")]
    assert box == ["30", "20", "60", "60", "0.750"]


def test_a_long_path_in_a_message_wraps() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    panel = draw(picture, [Observation(0, 0.0, "video", FAILED, "x" * 200)], CONTRACT)[:, 640:]
    assert (panel[:, -4:] == panel[0, -1]).all()  # the margin stays free


@pytest.mark.parametrize("box", [Box(600, 440, 90), Box(-20, -30, 60)])
def test_the_caption_stays_in_the_picture(box: Box) -> None:
    # by its width, as in the middle: at an edge it was cut
    picture = np.zeros((480, 640, 3), np.uint8)

    def coloured(where: Box) -> int:
        drawn = draw(picture, [replace(face(0), face=Face(0, where, 0.75))], CONTRACT)[:, :640]
        return int((drawn == PRESENT).all(axis=2).sum(axis=1).max())

    assert coloured(box) >= min(90, coloured(Box(200, 200, 8)))
