# SPDX-License-Identifier: Apache-2.0
"""Follow faces from frame to frame, so that the slow search runs only now and then."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from board.faces.find import Box, Detection, find_faces, shared_px, to_grey

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


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame.

    Attributes:
        face_id: The same from frame to frame, from 0.
        box: Where it is.
        confidence: The detection's, times how well the likeness matches in a frame that was not searched.
    """

    face_id: int
    box: Box
    confidence: float


@dataclass
class _Track:
    face_id: int
    box: Box
    confidence: float
    likeness: np.ndarray  # (TEMPLATE_PX, TEMPLATE_PX)
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
        scale: Of the search, see board.faces.find.find_faces.
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

    def update(self, picture: np.ndarray) -> list[TrackedFace]:
        """Faces of the next frame, uint8 grey (H, W) or RGB (H, W, 3), the largest first."""
        grey = to_grey(picture)
        for track in self._lost:
            track.lost += 1
        self._lost = [track for track in self._lost if track.lost <= MEMORY_FRAMES]
        seen = {track.face_id: _follow(grey, track) for track in self._tracks}
        if self._until_search == 0 or not seen or None in seen.values():
            self._search(grey, seen)
            self._until_search = self._search_every
        else:
            for track in self._tracks:
                track.box, track.confidence = self._moved(track, seen)
        self._until_search -= 1
        self._tracks.sort(key=lambda track: (-track.box.side, track.face_id))
        return [TrackedFace(track.face_id, track.box, track.confidence) for track in self._tracks[: self._max_faces]]

    def _search(self, grey: np.ndarray, seen: dict[int, tuple[Box, float] | None]) -> None:
        """Search the whole picture; what was found goes to the tracks that it overlaps most, then to new ones."""
        self.searches += 1
        found = find_faces(grey, self._scale)
        left = list(self._tracks)
        kept = []
        for detection in found:
            places = [(overlap(detection.box, self._place(track, seen)), track) for track in left]
            best = max(places, key=lambda place: place[0], default=(0.0, None))
            if best[1] is not None and best[0] >= SAME:
                left.remove(best[1])
                kept.append(self._renew(best[1].face_id, detection, grey))
            else:
                kept.append(self._renew(self._remembered(detection.box, grey), detection, grey))
        for track in left:
            if seen[track.face_id] is not None and track.misses < MAX_MISSES:
                track.box, track.confidence = self._moved(track, seen)
                track.misses += 1
                kept.append(track)
            else:
                self._lost.append(track)
        self._tracks = kept

    def _remembered(self, box: Box, grey: np.ndarray) -> int:
        """Number of the lost face that was here and looked like this; a new one where there was none."""
        likeness = _likeness(grey, box)
        for track in reversed(self._lost):  # the latest first
            if overlap(box, track.box) >= SAME and _correlation(likeness, track.likeness) >= KNOWN:
                self._lost.remove(track)
                return track.face_id
        self._next_id += 1
        return self._next_id - 1

    @staticmethod
    def _renew(face_id: int, detection: Detection, grey: np.ndarray) -> _Track:
        return _Track(face_id, detection.box, detection.confidence, _likeness(grey, detection.box))

    @staticmethod
    def _place(track: _Track, seen: dict[int, tuple[Box, float] | None]) -> Box:
        match = seen[track.face_id]
        return track.box if match is None else match[0]

    @staticmethod
    def _moved(track: _Track, seen: dict[int, tuple[Box, float] | None]) -> tuple[Box, float]:
        match = seen[track.face_id]
        assert match is not None, "a lost face leads to a search"
        return match[0], track.confidence * match[1]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = shared_px(one, other)
    return shared / (one.side**2 + other.side**2 - shared)


def _likeness(grey: np.ndarray, box: Box) -> np.ndarray:
    """A face scaled to TEMPLATE_PX."""
    crop = grey[max(0, box.top) : box.top + box.side, max(0, box.left) : box.left + box.side]
    return cv2.resize(crop, (TEMPLATE_PX, TEMPLATE_PX), interpolation=cv2.INTER_AREA)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of two likenesses, at most 1; not a number where one is plain."""
    return float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0])


def _follow(grey: np.ndarray, track: _Track) -> tuple[Box, float] | None:
    """Where a face went and how well it matches, None where it is not near its last place."""
    box = track.box
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
    return Box(left + round(x / scale), top + round(y / scale), box.side), float(min(score, 1.0))
