# SPDX-License-Identifier: Apache-2.0
"""Follow faces from frame to frame, so that the slow search runs only now and then."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.faces.crop import Box, shared_px, to_grey
from board.faces.find import Face, search_faces

SEARCH_EVERY = 12
"""Frames from one search of the whole picture to the next."""
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


@dataclass
class _Track:
    face: Face
    likeness: Pixels  # (TEMPLATE_PX, TEMPLATE_PX)
    misses: int = 0  # searches in a row
    lost: int = 0  # frames in a row


class FaceTracker:
    """Finds faces and keeps their numbers.

    The whole picture is searched every `search_every` frames, while there is no face, and whenever one is lost. In
    between each face is looked for near its last place by correlation, which takes a fraction of a millisecond. A
    picture that changes altogether matches nothing and is searched at once. A face that is hidden for a moment is not
    reported meanwhile, and has its number again when it is found in the same place. The same frames give the same
    faces.

    Args:
        search_every: Frames from one search to the next; 1 searches every frame.
        scale: Of the search, see board.faces.find.search_faces.
        max_faces: Most faces to report, the largest first.
    """

    def __init__(self, search_every: int = SEARCH_EVERY, scale: float = 0.5, max_faces: int = 8) -> None:
        if search_every < 1:
            raise ValueError(f"need search_every >= 1, got {search_every}")
        if max_faces < 1:
            raise ValueError(f"need max_faces >= 1, got {max_faces}")
        self._search_every, self._scale, self._max_faces = search_every, scale, max_faces
        self._tracks: list[_Track] = []
        self._lost: list[_Track] = []
        self._until_search = 0
        self._next_id = 0
        self.searches = 0
        """How often the whole picture was searched."""

    def update(self, picture: Pixels) -> list[Face]:
        """Faces of the next frame, uint8 grey (H, W) or RGB (H, W, 3), the largest first."""
        grey = to_grey(picture)
        for track in self._lost:
            track.lost += 1
        self._lost = [track for track in self._lost if track.lost <= MEMORY_FRAMES]
        seen = {track.face.face_id: _follow(grey, track) for track in self._tracks}
        if self._until_search == 0 or not seen or None in seen.values():
            self._search(grey, seen)
            self._until_search = self._search_every
        else:
            for track in self._tracks:
                track.face = seen[track.face.face_id] or track.face  # each was found
        self._until_search -= 1
        self._tracks.sort(key=lambda track: (-track.face.box.side, track.face.face_id))
        return [track.face for track in self._tracks[: self._max_faces]]

    def _search(self, grey: Pixels, seen: dict[int, Face | None]) -> None:
        """Search the whole picture; what was found goes to the tracks that it overlaps most, then to new ones."""
        self.searches += 1
        left = list(self._tracks)
        kept = []
        for found in search_faces(grey, self._scale):
            shares = [(overlap(found.box, (seen[track.face.face_id] or track.face).box), track) for track in left]
            share, best = max(shares, key=lambda one: one[0], default=(0.0, None))
            if best is not None and share >= SAME:
                left.remove(best)
                face_id = best.face.face_id
            else:
                face_id = self._remembered(found.box, grey)
            kept.append(_Track(replace(found, face_id=face_id), _likeness(grey, found.box)))
        for track in left:
            moved = seen[track.face.face_id]
            if moved is not None and track.misses < MAX_MISSES:
                track.face = moved
                track.misses += 1
                kept.append(track)
            else:
                self._lost.append(track)
        self._tracks = kept

    def _remembered(self, box: Box, grey: Pixels) -> int:
        """Number of the lost face that was here and looked like this; a new one where there was none."""
        likeness = _likeness(grey, box)
        for track in reversed(self._lost):  # the latest first
            if overlap(box, track.face.box) >= SAME and _correlation(likeness, track.likeness) >= KNOWN:
                self._lost.remove(track)
                return track.face.face_id
        self._next_id += 1
        return self._next_id - 1


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = shared_px(one, other)
    return shared / (one.side**2 + other.side**2 - shared)


def _likeness(grey: Pixels, box: Box) -> Pixels:
    """A face scaled to TEMPLATE_PX."""
    crop = grey[max(0, box.top) : box.top + box.side, max(0, box.left) : box.left + box.side]
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
