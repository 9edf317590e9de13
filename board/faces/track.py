# SPDX-License-Identifier: Apache-2.0
"""Number faces from frame to frame, and follow them between the searches of a finder that is slow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.faces.crop import Box, shared_px, to_grey
from board.faces.find import Face
from board.faces.finders.finder import Finder

MAX_MISSES = 2
"""Searches in a row that may miss a face that its template still matches."""
TEMPLATE_PX = 40
"""Side that a face is scaled to for matching."""
REACH = 0.35
"""Share of its side by which a face may move from one frame to the next."""
MATCH = 0.6
"""Least correlation with its last found likeness at which a face counts as followed; another face has about 0.3."""
MEMORY_FRAMES = 25
"""Frames for which a lost face is remembered."""
KNOWN = 0.7
"""Least correlation of a found face with a remembered one that makes them the same. In portraits of five people one
person, neutral and smiling, has at least 0.83 and two people have at most 0.62."""
SAME = 0.3
"""Least overlap, intersection over union, of a found face with a followed one that makes them the same."""
ALL_EVERY = 8
"""Searches of which one looks for all faces, the others at least for those that are followed."""
LOOK_EVERY = 16
"""Frames from one look at how far a face leans to the next: it takes about as long as a search."""


@dataclass
class _Track:
    face: Face
    found_in: Pixels  # the picture; let go once its likeness is known
    found_at: Box
    misses: int = 0  # searches in a row
    lost: int = 0  # frames in a row
    until_look: int = 0  # frames, at how far it leans

    @cached_property
    def likeness(self) -> Pixels:
        """As it was last found, (TEMPLATE_PX, TEMPLATE_PX)."""
        crop = _likeness(self.found_in, self.found_at)
        self.found_in = crop
        return crop


class FaceTracker:
    """Finds faces and keeps their numbers.

    A face that is found has the number of the last frame's face that it overlaps most. One that is found where a face
    was lost a moment ago, and looks like it, has that one's number again; it is not reported meanwhile.

    A slow finder searches every `search_every` frames only, while there is no face, and whenever one is lost. In
    between each face is looked for near its last place by correlation. A picture that changes altogether matches
    nothing and is searched at once. The same frames give the same faces.

    Args:
        finder: Searches the frames.
        search_every: Frames from one search to the next; 1 searches every frame. None for what the finder is made for.
        max_faces: Most faces to report, the largest first.
    """

    def __init__(self, finder: Finder, search_every: int | None = None, max_faces: int = 8) -> None:
        search_every = finder.search_every if search_every is None else search_every
        if search_every < 1:
            raise ValueError(f"need search_every >= 1, got {search_every}")
        if max_faces < 1:
            raise ValueError(f"need max_faces >= 1, got {max_faces}")
        self._finder, self._search_every, self._max_faces = finder, search_every, max_faces
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._until_search = 0
        self._next_id = 0
        self.searches = 0
        """How often the whole picture was searched."""

    def update(self, picture: Pixels) -> list[Face]:
        """Faces of the next frame, uint8 grey (H, W) or RGB (H, W, 3), the largest first."""
        for track in self._lost:
            track.lost += 1
        self._lost = [track for track in self._lost if track.lost <= MEMORY_FRAMES]
        seen: dict[int, Face | None] = {}
        if self._search_every > 1 and self._tracks:
            grey = to_grey(picture)
            seen = {track.face.face_id: _follow(grey, track) for track in self._tracks}
        if self._until_search == 0 or not seen or None in seen.values():
            self._search(picture, seen)
            self._until_search = self._search_every
        else:
            for track in self._tracks:
                track.face = seen[track.face.face_id] or track.face  # each was found
        self._until_search -= 1
        self._tracks.sort(key=lambda track: (-track.face.box.side, track.face.face_id))
        shown = self._tracks[: self._max_faces]
        for place, track in enumerate(shown):
            if track.until_look == 0:
                track.face = self._finder.with_roll(picture, track.face)
                track.until_look = LOOK_EVERY + place  # not all in one frame again
            track.until_look -= 1
        return [track.face for track in shown]

    def _search(self, picture: Pixels, seen: dict[int, Face | None]) -> None:
        """Search the whole picture; what was found goes to the tracks that it overlaps most, then to new ones."""
        self.searches += 1
        left = list(self._tracks)
        kept = []
        for found in self._finder.search(picture, self._followed_px()):
            shares = [(overlap(found.box, (seen.get(track.face.face_id) or track.face).box), track) for track in left]
            share, best = max(shares, key=lambda one: one[0], default=(0.0, None))
            if best is not None and share >= SAME:
                left.remove(best)
            else:
                best = self._remembered(found.box, picture)
            face = replace(found, face_id=self._new_id() if best is None else best.face.face_id)
            track = _Track(face, picture, found.box)
            if best is not None:
                track.face, track.until_look = replace(face, roll_deg=best.face.roll_deg), best.until_look
            kept.append(track)
        for track in left:
            moved = seen.get(track.face.face_id)
            if moved is not None and track.misses < MAX_MISSES:
                track.face = moved
                track.misses += 1
                kept.append(track)
            else:
                track.likeness  # noqa: B018 # now, or the whole picture is kept as long as it is lost
                self._lost.append(track)
        self._tracks = kept

    def _followed_px(self) -> int | None:
        """Side of the smallest followed face; None where there is none, or all faces are to be found."""
        if self.searches % ALL_EVERY == 0:
            return None
        return min((track.face.box.side for track in self._tracks), default=None)

    def _remembered(self, box: Box, picture: Pixels) -> _Track | None:
        """The lost face that was here and looked like this."""
        near = [track for track in self._lost if overlap(box, track.face.box) >= SAME]
        if near:
            likeness = _likeness(picture, box)
            for track in reversed(near):  # the latest first
                if _correlation(likeness, track.likeness) >= KNOWN:
                    self._lost.remove(track)
                    return track
        return None

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = shared_px(one, other)
    return shared / (one.side**2 + other.side**2 - shared)


def _likeness(picture: Pixels, box: Box) -> Pixels:
    """A face in grey, scaled to TEMPLATE_PX."""
    crop = to_grey(picture[max(0, box.top) : box.top + box.side, max(0, box.left) : box.left + box.side])
    return np.asarray(cv2.resize(crop, (TEMPLATE_PX, TEMPLATE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _correlation(one: Pixels, other: Pixels) -> float:
    """Of two likenesses, at most 1; not a number where one is plain."""
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])


def _follow(grey: Pixels, track: _Track) -> Face | None:
    """The face where it went, as certain as it matches; None where it is not near its last place."""
    box = track.face.box
    reach = round(box.side * REACH)
    height, width = grey.shape
    left, top = max(0, box.left - reach), max(0, box.top - reach)
    right, bottom = min(width, box.left + box.side + reach), min(height, box.top + box.side + reach)
    scale = TEMPLATE_PX / box.side
    size = round((right - left) * scale), round((bottom - top) * scale)
    if min(size) < TEMPLATE_PX:
        return None
    window = cv2.resize(grey[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    scores = cv2.matchTemplate(window, track.likeness, cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(scores)
    if not score >= MATCH:  # a plain window scores not a number
        return None
    moved = Box(left + round(x / scale), top + round(y / scale), box.side)
    return replace(track.face, box=moved, confidence=track.face.confidence * float(min(score, 1.0)))
