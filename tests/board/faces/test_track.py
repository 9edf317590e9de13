# SPDX-License-Identifier: Apache-2.0
"""Faces keep their numbers, are followed cheaply, and a face that is gone is not reported."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from finders import yunet
from scenes import astronaut, swaying

from board.faces.crop import Box
from board.faces.find import Face
from board.faces.finders.finder import Finder
from board.faces.finders.haar import Haar
from board.faces.track import ALL_EVERY, LOOK_EVERY, FaceTracker, overlap


@pytest.fixture(params=["yunet", "haar"])
def finder(request: pytest.FixtureRequest) -> Finder:
    return yunet() if request.param == "yunet" else Haar()


def test_a_moving_face_is_followed_between_searches(finder: Finder) -> None:
    tracker = FaceTracker(finder, 12)
    for index, picture in enumerate(swaying(36)):
        (face,) = tracker.update(picture)
        searched = finder.search(picture)[0].box
        assert face.face_id == 0
        assert overlap(face.box, searched) > 0.7, f"frame {index}"
    assert tracker.searches == 3


def test_each_finder_searches_as_often_as_it_can_afford(finder: Finder) -> None:
    tracker = FaceTracker(finder)
    for picture in swaying()[:25]:
        tracker.update(picture)
    assert tracker.searches == {"yunet": 25, "haar": 3}[finder.name]


def test_a_scene_cut_is_noticed_in_its_first_frame(finder: Finder) -> None:
    tracker, video = FaceTracker(finder), swaying()
    assert len(tracker.update(video[0])) == 1
    mirrored = np.ascontiguousarray(np.roll(video[1], 250, axis=1))  # the face jumps by 250 pixels
    (face,) = tracker.update(mirrored)
    assert overlap(face.box, finder.search(mirrored)[0].box) > 0.9
    assert tracker.searches == 2


def test_a_face_is_followed_as_far_as_it_may_move_in_a_frame() -> None:
    """A third of its side, but not half: what is followed needs no search."""
    finder = yunet()
    picture = swaying()[0]
    (found,) = finder.search(picture)
    for share, searches in ((0.3, 1), (0.5, 2)):
        tracker = FaceTracker(finder, 12)
        tracker.update(picture)
        (face,) = tracker.update(np.ascontiguousarray(np.roll(picture, round(found.box.side * share), axis=1)))
        assert tracker.searches == searches, f"{share} of its side"
        assert face.face_id == 0 or searches == 2


@pytest.mark.parametrize("empty", [np.full((480, 640, 3), 90, np.uint8), np.zeros((480, 640), np.uint8)])
def test_a_face_that_left_is_not_reported(finder: Finder, empty: np.ndarray) -> None:
    tracker = FaceTracker(finder)
    assert len(tracker.update(swaying()[0])) == 1
    assert tracker.update(empty) == []


def hidden(frames: int) -> list[np.ndarray]:
    """Frames that show no face."""
    return [np.full((480, 640, 3), 90, np.uint8)] * frames


def test_a_face_that_is_hidden_for_a_moment_keeps_its_number(finder: Finder) -> None:
    tracker, video = FaceTracker(finder), swaying()
    tracker.update(video[0])
    for frames in (1, 8, 25):  # a second of video
        assert [tracker.update(picture) for picture in hidden(frames)] == [[]] * frames  # nor is it reported meanwhile
        (face,) = tracker.update(video[1])
        assert face.face_id == 0, f"after {frames} frames"


def test_a_face_that_was_away_for_long_has_a_new_number(finder: Finder) -> None:
    tracker, video = FaceTracker(finder), swaying()
    tracker.update(video[0])
    for picture in hidden(26):
        tracker.update(picture)
    (face,) = tracker.update(video[0])
    assert face.face_id == 1


def test_another_face_or_place_does_not_take_the_number_of_a_hidden_one(finder: Finder) -> None:
    picture = swaying()[0]
    (box,) = (found.box for found in finder.search(picture))
    other = picture.copy()
    place = np.s_[box.top : box.top + box.side, box.left : box.left + box.side]
    other[place] = other[place][:, ::-1]  # mirrored, the light comes from the other side
    away = np.ascontiguousarray(np.roll(picture, 250, axis=1))
    for changed in (other, away):
        tracker = FaceTracker(finder)
        tracker.update(picture)
        tracker.update(hidden(1)[0])
        (face,) = tracker.update(changed)
        assert face.face_id == 1
        (face,) = tracker.update(picture)
        assert face.face_id == (0 if changed is away else 1)


def test_two_faces_keep_their_numbers_when_they_change_places_in_size() -> None:
    tracker = FaceTracker(yunet())
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


def test_the_same_frames_give_the_same_faces(finder: Finder) -> None:
    one, other = FaceTracker(finder), FaceTracker(finder)
    assert [one.update(picture) for picture in swaying()] == [other.update(picture) for picture in swaying()]


def test_at_most_so_many_faces_are_reported() -> None:
    canvas = np.concatenate([astronaut()[:300, 80:380]] * 3, axis=1)
    assert len(FaceTracker(yunet()).update(canvas)) == 3
    assert len(FaceTracker(yunet(), max_faces=2).update(canvas)) == 2


def test_overlap() -> None:
    assert overlap(Box(0, 0, 10), Box(0, 0, 10)) == 1
    assert overlap(Box(0, 0, 10), Box(5, 0, 10)) == 50 / 150
    assert overlap(Box(0, 0, 10), Box(10, 0, 10)) == 0


@pytest.mark.parametrize(
    ("key", "message"), [("search_every", "need search_every >= 1"), ("max_faces", "need max_faces")]
)
def test_a_bad_setting_is_named(key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceTracker(Haar(), **{key: 0})


class Told:
    """Finds two faces that stand still, and tells that they lean."""

    name, description, search_every = "told", "told", 1

    def __init__(self, finds: int | None = None) -> None:
        self.finds = finds  # searches that find them; None for all
        self.followed: list[int | None] = []
        self.looks: list[int] = []

    def search(self, picture: np.ndarray, followed_px: int | None = None) -> list[Face]:
        self.followed.append(followed_px)
        if self.finds is not None and len(self.followed) > self.finds:
            return []
        return [Face(0, Box(10, 10, 90), 0.9), Face(1, Box(200, 20, 60), 0.8)]

    def search_still(self, picture: np.ndarray) -> list[Face]:
        raise AssertionError("a frame of a video is no still picture")

    def with_roll(self, picture: np.ndarray, face: Face) -> Face:
        self.looks.append(face.face_id)
        return replace(face, roll_deg=10.0 + face.face_id)


def test_how_far_a_face_leans_is_looked_at_now_and_then() -> None:
    finder = Told()
    tracker, frame = FaceTracker(finder), np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    looks = []
    for _ in range(2 * LOOK_EVERY + 3):
        finder.looks.clear()
        assert [face.roll_deg for face in tracker.update(frame)] == [10.0, 11.0]
        looks.append(finder.looks.copy())
    assert looks[0] == [0, 1]  # as soon as they are seen
    assert looks[LOOK_EVERY] == [0] and looks[LOOK_EVERY + 1] == [1]  # then never two in a frame
    assert [len(one) for one in looks].count(0) == len(looks) - 5


def blurred() -> npt.NDArray[np.uint8]:
    """A picture (300, 300) that looks alike nowhere."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


@pytest.mark.parametrize(("share", "searches"), [(0.3, 1), (0.5, 2)])
def test_a_face_is_followed_over_a_third_of_its_side(share: float, searches: int) -> None:
    picture = blurred()
    tracker = FaceTracker(Told(), 12)
    tracker.update(picture)
    faces = tracker.update(np.roll(picture, round(60 * share), axis=0))  # of the smaller one's side
    assert tracker.searches == searches
    if searches == 1:
        assert abs(faces[1].box.top - 20 - 60 * share) <= 2


def test_a_face_that_only_its_likeness_shows_is_let_go_at_the_third_search_without_it() -> None:
    picture = blurred()
    tracker = FaceTracker(Told(finds=1), 2)
    assert [len(tracker.update(picture)) for _ in range(8)] == [2, 2, 2, 2, 2, 2, 0, 0]


def test_now_and_then_all_faces_are_searched_for() -> None:
    finder = Told()
    tracker, frame = FaceTracker(finder), np.full((300, 300), 90, np.uint8)
    for _ in range(2 * ALL_EVERY):
        tracker.update(frame)
    everywhere = [index for index, smallest in enumerate(finder.followed) if smallest is None]
    assert everywhere == [0, ALL_EVERY - 1, 2 * ALL_EVERY - 1]
    assert {smallest for smallest in finder.followed if smallest is not None} == {60}


def test_a_lost_face_keeps_no_picture() -> None:
    tracker = FaceTracker(yunet())
    tracker.update(swaying()[0])
    tracker.update(hidden(1)[0])
    (track,) = tracker._lost
    assert track.found_in.shape == (40, 40)
