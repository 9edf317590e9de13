# SPDX-License-Identifier: Apache-2.0
"""Faces of a picture: what one is, and the one rule that decides what counts as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from board.core.arrays import Pixels
from board.faces.crop import SIDE_PX, Box, check_picture, is_face, shared_px

COVERED = 0.5
"""Share of a found square, from which on a larger one that covers it makes it part of the same face."""

Search = Callable[[Pixels], "list[Face]"]
"""Finds the faces of a picture, uint8 grey (H, W) or RGB (H, W, 3), the largest first."""


@dataclass(frozen=True)
class Face:
    """A face in a picture or in a frame of a video.

    Attributes:
        face_id: From 0: in a video the same from frame to frame, in a picture its place by size, the largest first.
        box: Where it is: an upright square.
        confidence: From 0 to 1, more for more certain; what it means depends on the finder. In a frame of a video that
            was not searched, times how well the face matches its template.
        roll_deg: How far the head leans in the picture, positive clockwise, in whole degrees; 0 where it hardly does or
            the finder does not tell.
    """

    face_id: int
    box: Box
    confidence: float
    roll_deg: float = 0.0


def find_faces(picture: Pixels, search: Search) -> list[Face]:
    """The picture rule: a picture of 48x48 pixels is a face already, any other is searched.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        search: How to search: a finder's `search_still`, in a video a FaceTracker's `update`.

    Returns:
        The faces, the largest first.

    Raises:
        ValueError: The array is no picture.
    """
    check_picture(picture)
    if is_face(picture):
        return [Face(0, Box(0, 0, SIDE_PX), 1.0)]
    return search(picture)


def find_face(picture: Pixels, search: Search) -> Face | None:
    """The largest face by the picture rule, None where there is none; see `find_faces`."""
    return next(iter(find_faces(picture, search)), None)


def distinct(found: Iterable[Face]) -> list[Face]:
    """Faces numbered by size, the largest first; of squares that cover each other only the largest."""
    faces: list[Face] = []
    for face in sorted(found, key=lambda face: -face.box.side):
        if all(shared_px(face.box, larger.box) / face.box.side**2 < COVERED for larger in faces):
            faces.append(replace(face, face_id=len(faces)))
    return faces
