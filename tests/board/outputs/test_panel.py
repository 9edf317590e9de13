# SPDX-License-Identifier: Apache-2.0
"""The panel has a column for every face, in the same room however many there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from observed import AUS, CONTRACT, face

from board.faces.crop import Box
from board.faces.find import Face
from board.observation import FAILED, NO_FACE, UNREADABLE, Observation
from board.outputs.annotate import draw
from board.outputs.ink import BACKGROUND, FACES, PRESENT, TRACK, TROUBLE
from board.outputs.panel import EDGE, NAMES, draw_panel


def panel_of(observations: list[Observation], height: int = 480) -> np.ndarray:
    panel = np.full((height, round(height * 0.72), 3), BACKGROUND, np.uint8)
    draw_panel(panel, observations, CONTRACT, height / 480)
    return panel


def certain(index: int, share: float) -> Observation:
    """A face of whose AUs all have one probability."""
    seen = face(0, index)
    assert seen.aus is not None
    return replace(
        seen, aus=replace(seen.aus, probabilities=np.full(AUS, share), occurrence=np.full(AUS, share >= 0.5))
    )


def runs(row: np.ndarray, colour: tuple[int, int, int]) -> list[int]:
    """Lengths of the runs of a colour in a row of pixels; a threshold's tick of three pixels breaks none."""
    columns = np.flatnonzero((row == colour).all(axis=1))
    breaks = np.flatnonzero(np.diff(columns) > 4)
    return [] if not len(columns) else np.diff([0, *(breaks + 1), len(columns)]).tolist()


@pytest.mark.parametrize("height", [480, 1080])
@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_every_face_has_its_bars(count: int, height: int) -> None:
    shares = np.linspace(0.2, 1, count)
    panel = panel_of([certain(index, share) for index, share in enumerate(shares)], height)
    panel = panel[:, round((EDGE + NAMES) * height / 480) :]
    rows = [row for row in range(round(0.15 * height), height) if len(runs(panel[row], PRESENT)) == sum(shares >= 0.5)]
    assert len(rows) >= AUS * 4  # each of thirteen bars is some pixels high
    lengths = runs(panel[rows[len(rows) // 2]], PRESENT)
    full = max(lengths)
    assert np.array(lengths) / full == pytest.approx(shares[shares >= 0.5], abs=2.5 / full)


@pytest.mark.parametrize("count", [1, 2, 8, 19, 40])
def test_it_stays_in_its_room(count: int) -> None:
    picture = np.full((480, 640, 3), 100, np.uint8)
    drawn = draw(picture, [certain(index, 0.9) for index in range(count)], CONTRACT)
    assert drawn.shape == draw(picture, [], CONTRACT).shape
    assert (drawn[:, -4:] == BACKGROUND).all() and (drawn[-4:, 640:] == BACKGROUND).all()


def test_numbers_have_the_colours_of_the_boxes_in_the_order_of_the_faces() -> None:
    panel = panel_of([certain(2, 0.1), certain(0, 0.1), certain(1, 0.1)])
    head = panel[35:66]
    places = [
        np.flatnonzero((np.abs(head.astype(int) - FACES[index]).max(axis=2) < 40).any(axis=0)) for index in range(3)
    ]
    assert all(len(place) for place in places)
    assert places[0].max() < places[1].min() and places[1].max() < places[2].min()


def test_a_face_that_failed_has_no_bars() -> None:
    panel = panel_of([certain(0, 1.0), face(0, 1, FAILED)])
    assert (np.abs(panel[35:66].astype(int) - TROUBLE).max(axis=2) < 40).any()
    right = panel[70:, panel.shape[1] * 2 // 3 :]
    assert not (right == PRESENT).all(axis=2).any() and (right == TRACK).all(axis=2).any()


@pytest.mark.parametrize("status", [NO_FACE, UNREADABLE])
def test_accents_do_not_become_question_marks(status: str) -> None:
    def drawn(message: str) -> np.ndarray:
        return panel_of([Observation(0, 0.0, "video", status, message)])

    assert (drawn("Gerät Łódź") == drawn("Gerat Lodz")).all()
    assert (drawn("語") == drawn(r"\u8a9e")).all()


def test_a_grey_picture_is_drawn_as_its_colours_are() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (480, 640), dtype=np.uint8)
    seen = replace(certain(0, 0.9), face=Face(0, Box(100, 100, 200), 0.9), attention=np.eye(24, dtype=np.float32))
    coloured = np.repeat(grey[..., np.newaxis], 3, axis=2)
    np.testing.assert_array_equal(draw(grey, [seen], CONTRACT), draw(coloured, [seen], CONTRACT))
