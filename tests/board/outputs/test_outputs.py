# SPDX-License-Identifier: Apache-2.0
"""Outputs hold a row for every frame and face in OpenFace's columns, are never half, and go on when interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from observed import AUS, CONTRACT, TABLES, face, frame, rows_of
from packages import largest_file, small_contract

from board.faces.crop import Box
from board.faces.find import Face
from board.observation import FAILED, NO_FACE, OK, UNREADABLE, Observation
from board.outputs import CsvOutput, JsonlOutput, PicturesOutput, Places, RunOutputs, VideoOutput
from board.outputs.annotate import draw
from board.outputs.ink import FAINT, PRESENT, TROUBLE
from board.outputs.openface_csv import COLUMNS
from board.outputs.resumable_table import ResumableTable
from board.outputs.terminal import TerminalOutput
from board.sources.array import ArraySource
from board.sources.frame import Source
from board.sources.pictures import PictureSource


def test_the_columns_are_openfaces() -> None:
    # FeatureExtraction of OpenFace 2, its 17 intensities and 18 presences; Py-Feat's read_openface asks for all of them
    intensities = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45"]
    presences = sorted([*intensities, "28"])
    assert COLUMNS[:5] == ("frame", "face_id", "timestamp", "confidence", "success")
    assert COLUMNS[5:22] == tuple(f"AU{number}_r" for number in intensities)
    assert COLUMNS[22:40] == tuple(f"AU{number}_c" for number in presences)
    assert COLUMNS[40:44] == ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")


def test_csv_has_a_row_for_every_frame_and_face(tmp_path: Path) -> None:
    path = tmp_path / "new/aus.csv"
    out = CsvOutput(path, CONTRACT)
    out.write(frame(0), [face(0), face(0, 1)])
    out.write(frame(1), [Observation(1, 0.04, "video", NO_FACE)])
    out.write(frame(2), [Observation(2, 0.08, "video", UNREADABLE, 'broken, "twice"\nand again')])
    out.write(frame(3), [replace(face(3, status=FAILED), message="hang")])
    assert not path.exists()  # not before it is whole
    assert len((tmp_path / "new/aus.csv.partial").read_text().splitlines()) == 6  # but safe from a power cut
    out.close()
    assert [file.name for file in path.parent.iterdir()] == ["aus.csv"]
    rows = rows_of(path)
    assert [(row["frame"], row["face_id"], row["success"], row["status"]) for row in rows] == [
        ("1", "0", "1", OK), ("1", "1", "1", OK), ("2", "-1", "0", NO_FACE), ("3", "-1", "0", UNREADABLE),
        ("4", "0", "0", FAILED),
    ]  # fmt: skip
    first = rows[0]
    assert (first["timestamp"], first["confidence"], first["emotion"]) == ("0.000", "0.750", "happiness")
    assert (first["AU01_r"], first["AU01_c"]) == ("0.0000", "0")
    assert (first["AU26_r"], first["AU26_c"]) == ("1.0000", "1")
    assert first["AU10_r"] == first["AU28_c"] == ""  # the network has none
    assert [first[f"FaceRect{name}"] for name in ("X", "Y", "Width", "Height")] == ["30", "20", "60", "60"]
    assert rows[2]["AU01_r"] == rows[2]["FaceRectX"] == ""
    assert rows[3]["message"] == 'broken, "twice"\\nand again'


def test_jsonl_holds_the_integers(tmp_path: Path) -> None:
    out = JsonlOutput(tmp_path / "aus.jsonl", CONTRACT)
    out.write(frame(0), [replace(face(0), attention=np.array([[0, 0.5]], np.float32))])
    out.write(frame(1), [Observation(1, 0.04, "video", NO_FACE)])
    out.close()
    one, other = (json.loads(line) for line in (tmp_path / "aus.jsonl").read_text().splitlines())
    units = one["action_units"]
    assert [unit["accumulator"] for unit in units.values()] == list(range(AUS))
    assert tuple(units) == CONTRACT.au_names
    assert [unit["present"] for unit in units.values()] == (np.linspace(0, 1, AUS) >= 0.5).tolist()
    assert one["box"] == [30, 20, 60] and one["attention"] == [[0.0, 0.5]] and one["latency_s"] == 0.0123
    assert other["status"] == NO_FACE and "action_units" not in other


@pytest.mark.parametrize(("kind", "name"), TABLES)
@pytest.mark.parametrize("torn", [0, 1, 25])
def test_an_interrupted_file_goes_on_to_the_same_content(
    tmp_path: Path, kind: type[CsvOutput] | type[JsonlOutput], name: str, torn: int
) -> None:
    def run(path: Path, start: int, end: int, out: ResumableTable) -> ResumableTable:
        for index in range(start, end):
            out.write(frame(index), [face(index), face(index, 1)])
        return out

    run(tmp_path / "whole", 0, 10, kind(tmp_path / "whole", CONTRACT)).close()
    path = tmp_path / name
    run(path, 0, 6, kind(path, CONTRACT)).abandon()
    partial = tmp_path / f"{name}.partial"
    content = partial.read_bytes()
    partial.write_bytes(content[: len(content) - torn])
    again = kind(path, CONTRACT, resume=True)
    assert again.next_frame == 5  # the last frame may lack rows
    run(path, again.next_frame, 10, again).close()
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    assert not partial.exists()


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_with_nothing_to_resume_it_begins_anew(
    tmp_path: Path, kind: type[CsvOutput] | type[JsonlOutput], name: str
) -> None:
    out = kind(tmp_path / name, CONTRACT, resume=True)
    assert out.next_frame == 0
    out.abandon()
    assert kind(tmp_path / name, CONTRACT, resume=True).next_frame == 0


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_what_an_interrupted_run_left_is_not_thrown_away(
    tmp_path: Path, kind: type[CsvOutput] | type[JsonlOutput], name: str
) -> None:
    out = kind(tmp_path / name, CONTRACT)
    for index in range(3):
        out.write(frame(index), [face(index)])
    out.abandon()
    before = (tmp_path / f"{name}.partial").read_bytes()
    with pytest.raises(ValueError, match=r"holds what an interrupted run found: go on with --resume, or delete it"):
        kind(tmp_path / name, CONTRACT)
    assert (tmp_path / f"{name}.partial").read_bytes() == before


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_what_another_command_left_is_not_resumed(
    tmp_path: Path, kind: type[CsvOutput] | type[JsonlOutput], name: str
) -> None:
    left = "a,b\n1,2\n" * 500
    (tmp_path / f"{name}.partial").write_text(left)
    with pytest.raises(ValueError, match=r"\.partial (must|has no record) .* delete it to begin anew"):
        kind(tmp_path / name, CONTRACT, resume=True).write(frame(0), [face(0)])
    assert (tmp_path / f"{name}.partial").read_text() == left


@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_a_full_disk_is_named_and_what_fitted_can_be_resumed(
    tmp_path: Path, kind: type[CsvOutput] | type[JsonlOutput], name: str
) -> None:
    out = kind(tmp_path / name, CONTRACT)
    with largest_file(4000), pytest.raises(RuntimeError, match=f"cannot write .*{name}: File too large"):
        for index in range(100):
            out.write(frame(index), [face(index)])
    out.abandon()
    assert sorted(file.name for file in tmp_path.iterdir()) == [f".{name}.run.json", f"{name}.partial"]
    assert kind(tmp_path / name, CONTRACT, resume=True).next_frame > 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (CsvOutput, JsonlOutput):
        with pytest.raises(RuntimeError, match=r"cannot write .*: \w"):
            out(tmp_path / "file/aus", CONTRACT)
    with pytest.raises(RuntimeError, match=r"cannot write .*: \w"):
        PicturesOutput(tmp_path / "file/x", CONTRACT, single=False).write(frame(0), [face(0)])
    with pytest.raises(RuntimeError, match=r"cannot write .*: \w"):
        VideoOutput(tmp_path / "file/x.mp4", CONTRACT, 25).write(frame(0), [face(0)])


@pytest.mark.parametrize("name", ["x.mp4", "x.avi"])
def test_a_video_holds_every_frame(tmp_path: Path, name: str) -> None:
    out = VideoOutput(tmp_path / name, CONTRACT, 25)
    for index in range(9):
        out.write(replace(frame(index), picture=None) if index in (0, 4) else frame(index), [face(index)])
    assert not (tmp_path / name).exists()
    out.close()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    capture = cv2.VideoCapture(str(tmp_path / name))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    count = 0
    while capture.grab():
        count += 1
    assert count == 9


def test_a_video_of_pictures_of_other_sizes_keeps_their_proportions(tmp_path: Path) -> None:
    out = VideoOutput(tmp_path / "x.avi", CONTRACT, 25)
    out.write(frame(0, (480, 640)), [])
    out.write(frame(1, (960, 480)), [])
    out.close()
    capture = cv2.VideoCapture(str(tmp_path / "x.avi"))
    capture.grab()
    done, second = capture.read()
    assert done and second.shape[0] == 480
    assert (np.abs(second[240, :230].astype(int) - 100) < 20).all()  # 480x960 stands 240 wide
    assert (np.abs(second[240, 260:400].astype(int) - 100) > 20).any()


def test_an_abandoned_video_leaves_nothing(tmp_path: Path) -> None:
    out = VideoOutput(tmp_path / "x.mp4", CONTRACT, 25)
    out.write(frame(0), [face(0)])
    out.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_video_on_a_full_disk_is_no_video(tmp_path: Path) -> None:
    out = VideoOutput(tmp_path / "x.avi", CONTRACT, 25)
    with largest_file(100), pytest.raises(RuntimeError, match=r"cannot write .*x\.avi"):
        for index in range(5):
            out.write(frame(index), [face(index)])
        out.close()
    assert not (tmp_path / "x.avi").exists()


def test_pictures_are_numbered_and_unreadable_ones_left_out(tmp_path: Path) -> None:
    out = PicturesOutput(tmp_path / "seen", CONTRACT, single=False)
    for index in range(3):
        out.write(
            replace(frame(index), source=f"{index}.png", picture=None if index == 1 else frame(index).picture), []
        )
    out.close()
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == ["0_000001.jpg", "2_000003.jpg"]


@pytest.mark.parametrize("size", [(48, 48), (120, 160), (480, 640), (2160, 3840)])
def test_a_drawn_picture_keeps_the_face_and_shows_box_and_bars(size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 100, np.uint8)
    side = size[0] // 2
    found = Face(0, Box(size[1] // 4, size[0] // 4, side), 0.75)
    seen = replace(face(0), face=found, attention=np.eye(24, dtype=np.float32))
    drawn, plain = draw(picture, [seen], CONTRACT), draw(picture, [replace(seen, attention=None)], CONTRACT)
    height, width = drawn.shape[:2]
    assert height >= 360 and width > height * size[1] / size[0] * 1.3  # the panel stands beside the picture
    assert (drawn != plain).any()  # the heat
    middle = height // 2, round(height * size[1] / size[0]) // 2
    assert plain[middle].tolist() == [100, 100, 100]  # the face itself is not painted over
    assert seen.aus is not None
    certain = replace(seen.aus, probabilities=np.ones(AUS), occurrence=np.ones(AUS, bool))
    longer = draw(picture, [replace(seen, attention=None, aus=certain)], CONTRACT)
    assert pixels(longer, PRESENT) > 1.5 * pixels(plain, PRESENT)


def pixels(drawn: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many are about of a colour: letters have soft edges."""
    return int((np.abs(drawn.astype(int) - colour).max(axis=2) < 60).sum())


def test_an_au_of_rendered_faces_alone_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    contract = small_contract(emotions=True)
    (aus,) = contract.outputs(np.full((1, 20), 9000))
    seen = replace(face(0), aus=replace(aus, occurrence=np.ones(AUS, bool)))
    terminal = TerminalOutput(contract, ArraySource(np.zeros((9, 64, 64), np.uint8), "video"))
    terminal.write(frame(0), [seen])
    terminal.close()
    line, remark = capsys.readouterr().out.splitlines()
    assert remark == contract.remark == "* learned from rendered faces alone"
    marked = [word for word in line.split() if word.endswith("*")]
    assert marked == ["AU2*", "AU7*", "AU17*"] and f"; emotion {aus.emotion}" in line
    picture = np.full((480, 640, 3), 100, np.uint8)
    units = tuple(replace(unit, validity="") for unit in contract.action_units)
    told, plain = (draw(picture, [seen], one) for one in (contract, replace(contract, action_units=units)))
    foot = slice(462, 480), slice(640, None)
    assert pixels(told[foot], FAINT) > 100 and not pixels(plain[foot], FAINT)


@pytest.mark.parametrize("status", [NO_FACE, UNREADABLE, FAILED])
def test_a_frame_without_action_units_says_why(status: str) -> None:
    picture = np.full((480, 640, 3), 100, np.uint8)
    message = "the accelerator must answer for every frame: Gerät " * 4
    drawn = draw(picture, [Observation(0, 0.0, "video", status, message)], CONTRACT)
    assert pixels(drawn[:, 640:], TROUBLE) > 50


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (ArraySource(np.zeros((9, 64, 64), np.uint8), "video", moving=True, fps=25), "video 0.08 s: face 0: AU"),
        (ArraySource(np.zeros((9, 64, 64), np.uint8), "video", moving=True, fps=1000), "video 0.080 s: face 0: AU"),
        (ArraySource(np.zeros((9, 64, 64), np.uint8), "video"), "video[2]: face 0: AU"),
        (PictureSource([Path("video")], "folder"), "video: face 0: AU"),
    ],
)
def test_the_terminal_tells_a_line_for_each_face(source: Source, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with RunOutputs(Places([source]), CONTRACT, {}) as outputs:
        (output,), _ = outputs.of(0) or ([], 0)
    output.write(frame(2), [face(2), face(2, 1, FAILED)])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(said) and first.endswith("; nearest emotion happiness")
    assert second == f"{said.partition(': ')[0]}: failed"
