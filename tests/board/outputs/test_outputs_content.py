# SPDX-License-Identifier: Apache-2.0
"""What outputs hold: colours in their order, figures in their units, marks in their places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from observed import AUS, CONTRACT, face, frame, rows_of
from packages import small_contract

from board.core.facs import EMOTIONS
from board.faces.crop import Box
from board.faces.find import Face
from board.outputs import CsvOutput, PicturesOutput, VideoOutput
from board.outputs.annotate import draw
from board.outputs.ink import FACES, TICK
from board.outputs.jsonl import as_json

RED = (200, 30, 40)


def test_latency_is_in_milliseconds(tmp_path: Path) -> None:
    out = CsvOutput(tmp_path / "aus.csv", CONTRACT)
    out.write(frame(0), [face(0)])  # 0.0123 s
    out.close()
    assert rows_of(tmp_path / "aus.csv")[0]["latency_ms"] == "12.30"


def test_json_holds_each_probability_at_full_precision() -> None:
    units = as_json(face(0), CONTRACT)["action_units"]
    assert [unit["probability"] for unit in units.values()] == np.linspace(0, 1, AUS).tolist()


def test_json_tells_emotions_of_their_own_and_what_aus_learned_from(tmp_path: Path) -> None:
    contract = small_contract(emotions=True)
    (aus,) = contract.outputs(np.arange(20)[np.newaxis] * 1000 - 9000)
    content = as_json(replace(face(0), aus=aus), contract)
    assert [unit["accumulator"] for unit in content["action_units"].values()] == list(range(-9000, 4000, 1000))
    assert content["emotion_accumulators"] == dict(zip(EMOTIONS, range(4000, 11000, 1000), strict=True))
    assert sum(content["emotions"].values()) == pytest.approx(1) and content["emotion"] == "surprise"
    assert [unit.get("validity") for unit in content["action_units"].values()][:4] == [
        "real and rendered", "rendered", "coded", None
    ]  # fmt: skip
    assert "emotion_accumulators" not in as_json(face(0), CONTRACT)
    out = CsvOutput(tmp_path / "aus.csv", contract)
    out.write(frame(0), [replace(face(0), aus=aus)])
    out.close()
    (row,) = rows_of(tmp_path / "aus.csv")
    assert (
        row["AU01_r"] == f"{aus.probabilities[0]:.4f}" and row["surprise"] == f"{content['emotions']['surprise']:.4f}"
    )
    assert row["emotion"] == "surprise"


@pytest.mark.parametrize("name", ["x.avi", "x.mp4"])
def test_a_video_keeps_red_red(tmp_path: Path, name: str) -> None:
    out = VideoOutput(tmp_path / name, CONTRACT, 25)
    out.write(replace(frame(0), picture=np.full((480, 640, 3), RED, np.uint8)), [])
    out.close()
    picture = np.asarray(cv2.VideoCapture(str(tmp_path / name)).read()[1])
    assert np.abs(picture[240, 320].astype(int)[::-1] - RED).max() < 12


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_a_picture_keeps_red_red(tmp_path: Path, name: str) -> None:
    out = PicturesOutput(tmp_path / name, CONTRACT, single=True)
    out.write(replace(frame(0), picture=np.full((480, 640, 3), RED, np.uint8)), [])
    picture = np.asarray(cv2.imread(str(tmp_path / name)))
    assert np.abs(picture[240, 320].astype(int)[::-1] - RED).max() < 12


def test_a_frame_without_a_picture_shows_the_last_one_dimmed(tmp_path: Path) -> None:
    out = VideoOutput(tmp_path / "x.avi", CONTRACT, 25)
    out.write(replace(frame(0), picture=np.full((480, 640, 3), 200, np.uint8)), [])
    out.write(replace(frame(1), picture=None), [])
    out.close()
    capture = cv2.VideoCapture(str(tmp_path / "x.avi"))
    levels = [int(np.asarray(capture.read()[1])[240, 320].mean()) for _ in range(2)]
    assert abs(levels[0] - 200) < 8 and abs(levels[1] - 100) < 8


def test_the_box_of_a_small_picture_grows_with_it() -> None:
    drawn = draw(np.zeros((120, 160, 3), np.uint8), [replace(face(0), face=Face(0, Box(40, 40, 60), 0.75))], CONTRACT)
    on_box = (drawn[:, :480] == FACES[0]).all(axis=2)
    assert on_box[150:280, 120].all() and on_box[150:280, 300].all()  # three times as large


def test_where_attention_is_most_the_face_turns_red() -> None:
    heat = np.zeros((24, 24), np.float32)
    heat[:, 12:] = 1
    picture = np.full((480, 640, 3), 100, np.uint8)
    seen = replace(face(0), face=Face(0, Box(100, 100, 240), 0.75), attention=heat)
    drawn = draw(picture, [seen], CONTRACT)
    red, _, blue = drawn[220, 320].astype(int)
    assert red > blue + 30
    assert drawn[220, 120].tolist() == [100, 100, 100]  # nothing where there is none


@pytest.mark.parametrize(("side", "box"), [(48, Box(0, 0, 48)), (360, Box(90, 90, 180))])
def test_attention_lies_where_the_network_looked(side: int, box: Box) -> None:
    """The heat covers the box with its margin; a picture of 48x48 is a face already and has none."""
    heat = np.zeros((24, 24), np.float32)
    heat[:, :6] = 1  # the left quarter of the crop, which is all of the picture
    contract = replace(CONTRACT, input=replace(CONTRACT.input, crop_margin=0.5))
    picture = np.full((side, side, 3), 100, np.uint8)
    drawn = draw(picture, [replace(face(0), face=Face(0, box, 1.0), attention=heat)], contract)
    red, _, blue = drawn[200, 45].astype(int)
    assert red > blue + 30
    assert drawn[200, 120].tolist() == [100, 100, 100]


def test_the_tick_stands_at_the_threshold() -> None:
    def ticks(threshold: float) -> np.ndarray:
        units = tuple(replace(unit, threshold=threshold) for unit in CONTRACT.action_units)
        seen = face(0)
        assert seen.aus is not None
        none = replace(seen, aus=replace(seen.aus, probabilities=np.zeros(AUS), occurrence=np.zeros(AUS, bool)))
        drawn = draw(np.zeros((480, 640, 3), np.uint8), [none], replace(CONTRACT, action_units=units))
        return (drawn[48:, 640:] == TICK).all(axis=2).sum(axis=0)

    places = [int(ticks(threshold).argmax()) for threshold in (0.25, 0.75)]
    width = round(480 * 0.72) - 32
    assert abs(places[1] - places[0] - width / 2) <= 1
