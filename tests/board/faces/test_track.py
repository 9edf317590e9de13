# SPDX-License-Identifier: Apache-2.0
"""Faces keep their numbers, are followed cheaply, and a face that is gone is not reported."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import astronaut, swaying

from board.faces.crop import Box
from board.faces.find import find_faces
from board.faces.track import MEMORY_FRAMES, FaceTracker, overlap


def test_a_moving_face_is_followed_between_searches() -> None:
    tracker = FaceTracker(search_every=12)
    for index, picture in enumerate(swaying(36)):
        (face,) = tracker.update(picture)
        searched = find_faces(picture)[0].box
        assert face.face_id == 0
        assert overlap(face.box, searched) > 0.7, f"frame {index}"
    assert tracker.searches == 3


def test_a_scene_cut_is_noticed_in_its_first_frame() -> None:
    tracker, video = FaceTracker(), swaying()
    assert len(tracker.update(video[0])) == 1
    mirrored = np.ascontiguousarray(np.roll(video[1], 250, axis=1))  # the face jumps by 250 pixels
    (face,) = tracker.update(mirrored)
    assert overlap(face.box, find_faces(mirrored)[0].box) > 0.9
    assert tracker.searches == 2


@pytest.mark.parametrize("empty", [np.full((480, 640, 3), 90, np.uint8), np.zeros((480, 640), np.uint8)])
def test_a_face_that_left_is_not_reported(empty: np.ndarray) -> None:
    tracker = FaceTracker()
    assert len(tracker.update(swaying()[0])) == 1
    assert tracker.update(empty) == []


def hidden(frames: int) -> list[np.ndarray]:
    """Frames that show no face."""
    return [np.full((480, 640, 3), 90, np.uint8)] * frames


def test_a_face_that_is_hidden_for_a_moment_keeps_its_number() -> None:
    tracker, video = FaceTracker(), swaying()
    tracker.update(video[0])
    for frames in (1, 8, MEMORY_FRAMES):
        assert [tracker.update(picture) for picture in hidden(frames)] == [[]] * frames  # nor is it reported meanwhile
        (face,) = tracker.update(video[1])
        assert face.face_id == 0, f"after {frames} frames"


def test_a_face_that_was_away_for_long_has_a_new_number() -> None:
    tracker, video = FaceTracker(), swaying()
    tracker.update(video[0])
    for picture in hidden(MEMORY_FRAMES + 1):
        tracker.update(picture)
    (face,) = tracker.update(video[0])
    assert face.face_id == 1


def test_another_face_or_place_does_not_take_the_number_of_a_hidden_one() -> None:
    picture = swaying()[0]
    (box,) = (found.box for found in find_faces(picture))
    other = picture.copy()
    place = np.s_[box.top : box.top + box.side, box.left : box.left + box.side]
    other[place] = other[place][:, ::-1]  # mirrored, the light comes from the other side
    away = np.ascontiguousarray(np.roll(picture, 250, axis=1))
    for changed in (other, away):
        tracker = FaceTracker()
        tracker.update(picture)
        tracker.update(hidden(1)[0])
        (face,) = tracker.update(changed)
        assert face.face_id == 1
        (face,) = tracker.update(picture)
        assert face.face_id == (0 if changed is away else 1)


def test_two_faces_keep_their_numbers_when_they_change_places_in_size() -> None:
    tracker = FaceTracker(search_every=1, scale=1.0)
    large, small = astronaut(), cv2.resize(astronaut(), None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)

    def pair(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        canvas = np.zeros((512, 1024, 3), np.uint8)
        canvas[: len(left), : left.shape[1]] = left
        canvas[: len(right), 512 : 512 + right.shape[1]] = right
        return canvas

    first = tracker.update(pair(large, small))
    assert [face.face_id for face in first] == [0, 1]
    again = tracker.update(pair(large, small))
    assert [(face.face_id, face.box) for face in again] == [(face.face_id, face.box) for face in first]
    larger, smaller = tracker.update(pair(small, large))
    assert (larger.face_id, smaller.face_id) == (1, 0)
    assert smaller.box.left < 512 <= larger.box.left
    assert larger.box.side > smaller.box.side


def test_the_same_frames_give_the_same_faces() -> None:
    one, other = FaceTracker(), FaceTracker()
    assert [one.update(picture) for picture in swaying()] == [other.update(picture) for picture in swaying()]


def test_at_most_so_many_faces_are_reported() -> None:
    canvas = np.concatenate([astronaut(), astronaut(), astronaut()], axis=1)
    assert len(FaceTracker(scale=1.0).update(canvas)) == 3
    assert len(FaceTracker(scale=1.0, max_faces=2).update(canvas)) == 2


def test_overlap() -> None:
    assert overlap(Box(0, 0, 10), Box(0, 0, 10)) == 1
    assert overlap(Box(0, 0, 10), Box(5, 0, 10)) == 50 / 150
    assert overlap(Box(0, 0, 10), Box(10, 0, 10)) == 0


@pytest.mark.parametrize(
    ("key", "message"), [("search_every", "need search_every >= 1"), ("max_faces", "need max_faces")]
)
def test_a_bad_setting_is_named(key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceTracker(**{key: 0})
