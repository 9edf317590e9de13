# SPDX-License-Identifier: Apache-2.0
"""Faces are cut by the contract's rules."""

import numpy as np
import pytest
from scenes import astronaut

from board.core.contract import COLOURS
from board.faces.crop import Box, cut_face, cut_square, framed, to_input


def test_grey_in_three_channels_stays_as_it_is() -> None:
    ramp = np.resize(np.arange(256, dtype=np.uint8), (48, 48))
    three = np.repeat(ramp[..., np.newaxis], 3, axis=2)
    for colour in COLOURS:
        np.testing.assert_array_equal(to_input(ramp, colour), three)
        np.testing.assert_array_equal(to_input(three, colour), three)


def test_colour_rules_differ_on_colours() -> None:
    picture = astronaut()
    box = Box(165, 65, 112)
    rgb, grey = cut_face(picture, box, colour="rgb"), cut_face(picture, box, colour="grey")
    assert rgb.shape == grey.shape == (48, 48, 3)
    assert (rgb[..., 0] != rgb[..., 2]).any()
    assert (grey[..., 0] == grey[..., 2]).all() and (grey[..., 0] == grey[..., 1]).all()


def test_margin_takes_exactly_its_share_more() -> None:
    picture = np.zeros((200, 200), np.uint8)
    picture[50:146, 50:146] = 200  # a face of 96 pixels
    box = Box(50, 50, 96)
    assert (cut_face(picture, box) == 200).all()
    wide = cut_face(picture, box, margin=0.5)  # 192 pixels to 48: a quarter each
    assert (wide[12:36, 12:36] == 200).all()
    assert (wide[:12] == 0).all() and (wide[36:] == 0).all()


@pytest.mark.parametrize(("side", "margin", "grow"), [(99, 0.25, 25), (97, 0.25, 24), (99, -0.25, -25)])
def test_a_margin_is_rounded_to_the_nearest_pixel(side: int, margin: float, grow: int) -> None:
    square = framed(np.zeros((300, 300), np.uint8), Box(100, 90, side), margin)
    assert square == Box(100 - grow, 90 - grow, side + 2 * grow)


def test_margin_beyond_the_picture_repeats_its_edge() -> None:
    columns = np.repeat(np.arange(60, dtype=np.uint8)[np.newaxis], 60, axis=0)
    wide = cut_square(columns, framed(columns, Box(0, 0, 60), 1.0))
    assert wide.shape == (180, 180)
    assert (wide[:, :60] == 0).all() and (wide[:, 120:] == 59).all()
    assert (wide[:, 60:120] == np.arange(60)).all()


def test_a_margin_is_rounded_to_whole_pixels() -> None:
    assert framed(np.zeros((200, 200), np.uint8), Box(20, 30, 51), 0.15) == Box(12, 22, 67)  # 7.65 on each side


@pytest.mark.parametrize("roll_deg", [-45.0, -9.3, 7.0, 30.0, 45.0])
def test_a_leaning_face_has_no_dark_corners(roll_deg: float) -> None:
    white = np.full((130, 130, 3), 200, np.uint8)
    for side in (31, 48, 107, 128):
        assert (cut_square(white, Box(1, 1, side), roll_deg) == 200).all()
        assert (cut_face(white, Box(1, 1, side), roll_deg=roll_deg) == 200).all()


def test_a_face_already_has_no_margin() -> None:
    """Somebody cut it as the network wants it; a margin would shrink it, with its repeated edge round it."""
    face = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut_face(face, Box(0, 0, 48), margin=0.25, colour="rgb"), face)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cut_face(np.zeros((9, 9), np.uint8), Box(0, 0, 9), margin=-0.5), "need -0.5 < margin <= 1"),
        (lambda: to_input(np.zeros((48, 48), np.uint8), "bgr"), "must be one of grey, rgb, got 'bgr'"),
        (lambda: to_input(np.array(np.zeros((48, 48))), "grey"), "got float64 \\(48, 48\\)"),
        (lambda: to_input(np.zeros((48, 48, 4), np.uint8), "rgb"), "got uint8 \\(48, 48, 4\\)"),
    ],
)
def test_bad_arguments(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()
