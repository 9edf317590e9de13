# SPDX-License-Identifier: Apache-2.0
"""YuNet, a small convolutional face detector: it finds tilted, dark and half-turned faces, and where their eyes are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.faces.crop import Box, cut_square
from board.faces.find import Face, distinct
from board.faces.finders.networks import MULTIPLE_PX, Network

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

STRIDES = (8, 16, 32)
"""Pixels from one cell to the next of the network's three grids."""
SEARCH_EVERY = 1
LEAST_CONFIDENCE = 0.65
LEAST_FACE_PX = 24
"""Half the side of the network's input: a smaller face would be mostly invented."""
STILL_PX = 640
"""Longer side that a still picture is shrunk to at most."""
SHARP = 4
"""Factor up to which a picture is shrunk by sampling, a third of the work of averaging."""
SAME = 0.3
"""Overlap, intersection over union, from which on two boxes are one face; as in OpenCV's FaceDetectorYN."""
SIDE_BY_BOX, ABOVE_MIDDLE = 1.07, 0.052
"""Side of a face's square over the geometric mean of its box's sides; how far its centre lies above the middle between
the centre of the box and that of eyes and mouth, over its side. `scripts/compare_finders.py --fit` finds 1.13 and 0.04
for FERPlus's frames; with a tighter square the shipped weights have a better F1."""
CLOSE_PX, CLOSE_FACE_PX = 192, 160
"""Sides of the close-up by which the roll is told, and of the face in it: in smaller faces YuNet's eyes hardly lean."""
LEAST_CLOSE_SCORE = 0.3
LEAST_ROLL_DEG, MOST_ROLL_DEG = 6, 60
"""Less counts as upright: half of the rolls told of upright faces lie within 4 degrees. More is not told."""

Rows: TypeAlias = "npt.NDArray[np.float32]"
"""Faces (N, 15): left, top, width and height of the box, x and y of right eye, left eye, nose and both corners of the
mouth, score."""


@dataclass(frozen=True)
class Sizes:
    """How far the frames of a video are shrunk, in pixels of the shrunk picture.

    Attributes:
        longest_px: Longer side that it has at most.
        followed_px: The same where faces are followed and are large enough.
        found_px: Side of the smallest face that is found in it.
        sure_px: Of the smallest that is found in every frame.
    """

    longest_px: int
    followed_px: int
    found_px: int
    sure_px: int


VIDEO, GREY_VIDEO = Sizes(160, 160, 12, 18), Sizes(192, 160, 18, 22)


class YuNet:
    """YuNet behind the protocol Finder.

    Its confidence is the geometric mean of the network's two scores, face or not and centred or not.

    Args:
        network: What computes it.
        least_confidence: Of the faces that are reported, 0 to 1.
        least_face_px: Side of the smallest face to report, in pixels of the picture: a search is as fine as that needs,
            but no coarser than usual. None reports what the usual search finds, from LEAST_FACE_PX on.
    """

    name = "yunet"
    search_every = SEARCH_EVERY

    def __init__(
        self, network: Network, least_confidence: float = LEAST_CONFIDENCE, least_face_px: int | None = None
    ) -> None:
        self._network, self._least_confidence, self._least_face_px = network, least_confidence, least_face_px
        self.description = f"YuNet on {network.runtime}"

    def search(self, picture: Pixels, followed_px: int | None = None) -> list[Face]:
        """See Finder; a larger input makes up for colours that are not there."""
        sizes = VIDEO if picture.ndim == 3 else GREY_VIDEO
        longest = max(picture.shape[:2])
        followed = followed_px is not None and followed_px * sizes.followed_px >= sizes.sure_px * longest
        return self._faces(self.rows(picture, sizes.followed_px if followed else sizes.longest_px))

    def search_still(self, picture: Pixels) -> list[Face]:
        """See Finder; two searches, since the one for small faces overlooks a face that fills the picture."""
        rows = self.rows(picture, VIDEO.longest_px)
        if max(picture.shape[:2]) > VIDEO.longest_px:
            rows = strongest(np.concatenate([rows, self.rows(picture, STILL_PX)]))
        return [self.with_roll(picture, face) for face in self._faces(rows)]

    def with_roll(self, picture: Pixels, face: Face) -> Face:
        """See Finder; by a close-up of the face."""
        grow = round(face.box.side * (CLOSE_PX / CLOSE_FACE_PX - 1) / 2)
        square = Box(face.box.left - grow, face.box.top - grow, face.box.side + 2 * grow)
        method = cv2.INTER_AREA if square.side > CLOSE_PX else cv2.INTER_LINEAR
        close = cv2.resize(cut_square(picture, square), (CLOSE_PX, CLOSE_PX), interpolation=method)
        rows = strongest(decoded(self._network, np.asarray(close, np.uint8), LEAST_CLOSE_SCORE))
        return replace(face, roll_deg=roll_of(rows[0]) if len(rows) else 0.0)

    def rows(self, picture: Pixels, longest_px: int) -> Rows:
        """Search a picture shrunk to a longer side of at most so many pixels."""
        factor = max(picture.shape[:2]) / longest_px
        if self._least_face_px is not None:
            factor = min(factor, self._least_face_px / (VIDEO if picture.ndim == 3 else GREY_VIDEO).found_px)
        small, factor = shrunk(picture, max(1.0, factor))
        rows = strongest(decoded(self._network, small, self._least_confidence))
        rows[:, :14] *= factor
        return rows

    def _faces(self, rows: Rows) -> list[Face]:
        least = LEAST_FACE_PX if self._least_face_px is None else self._least_face_px
        faces = [Face(0, square_of(row), min(1.0, float(row[14]))) for row in rows]
        return distinct(face for face in faces if face.box.side >= least)


def shrunk(picture: Pixels, factor: float) -> tuple[Pixels, float]:
    """A picture shrunk by about a factor, black beside and below it up to multiples of MULTIPLE_PX; the true factor."""
    height, width = (max(1, round(side / factor)) for side in picture.shape[:2])
    rows, columns = (max(2, -(-side // MULTIPLE_PX)) * MULTIPLE_PX for side in (height, width))
    padded = np.zeros((rows, columns, *picture.shape[2:]), np.uint8)
    method = cv2.INTER_LINEAR if factor <= SHARP else cv2.INTER_AREA
    padded[:height, :width] = cv2.resize(picture, (width, height), interpolation=method)
    return padded, max(picture.shape[:2]) / max(height, width)


def decoded(network: Network, picture: Pixels, least_score: float) -> Rows:
    """What the network finds in a picture that `shrunk` made or that has such sides: a row for each cell with a face.

    Each grid gives for its cells two scores, a box (centre from the cell's corner in strides, logarithm of its size in
    strides) and five points (from the corner, in strides).
    """
    blobs = network.run(picture)
    found = [np.empty((0, 15), np.float32)]
    for stride in STRIDES:
        scores = (blobs(f"cls_{stride}") * blobs(f"obj_{stride}"))[:, 0]
        cells = np.flatnonzero(scores >= least_score**2)
        if not len(cells):  # as in most grids of most frames: the rest is not even computed
            continue
        columns = picture.shape[1] // stride
        corners = np.stack([cells % columns, cells // columns], axis=1)
        box, points = blobs(f"bbox_{stride}")[cells], blobs(f"kps_{stride}")[cells]
        size = np.exp(box[:, 2:])
        places = np.hstack([corners + box[:, :2] - size / 2, size, points + np.tile(corners, 5)]) * stride
        found.append(np.hstack([places, np.sqrt(scores[cells])[:, np.newaxis]]).astype(np.float32))
    return np.concatenate(found)


def strongest(rows: Rows) -> Rows:
    """Of rows that overlap the one with the highest score, the highest first."""
    left = rows[np.argsort(-rows[:, 14], kind="stable")]
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        ends = np.minimum(left[:, :2] + left[:, 2:4], best[:2] + best[2:4])
        shared = np.maximum(ends - np.maximum(left[:, :2], best[:2]), 0).prod(axis=1)
        left = left[shared <= SAME * (left[:, 2:4].prod(axis=1) + best[2:4].prod() - shared)]
    return np.array(kept, np.float32).reshape(-1, 15)


def square_of(row: npt.NDArray[np.float32]) -> Box:
    """The square about a row's face that frames it as the Haar cascade and FERPlus do."""
    left, top, width, height = (float(value) for value in row[:4])
    eyes_and_mouth = row[4:14].reshape(5, 2)[[0, 1, 3, 4]].mean(axis=0)
    side = SIDE_BY_BOX * math.sqrt(width * height)
    centre_x = (left + width / 2 + float(eyes_and_mouth[0])) / 2
    centre_y = (top + height / 2 + float(eyes_and_mouth[1])) / 2 - ABOVE_MIDDLE * side
    return Box(round(centre_x - side / 2), round(centre_y - side / 2), round(side))


def roll_of(row: npt.NDArray[np.float32]) -> float:
    """How far the face of a close-up leans, in whole degrees: by the line of its eyes, and by that to its mouth."""
    right_eye, left_eye, _, right_mouth, left_mouth = row[4:14].reshape(5, 2).astype(np.float64)
    across, down = left_eye - right_eye, (right_mouth + left_mouth - right_eye - left_eye) / 2
    angle = math.degrees(math.atan2(across[1], across[0]) + math.atan2(-down[0], down[1])) / 2
    roll = round(max(-MOST_ROLL_DEG, min(MOST_ROLL_DEG, angle)))
    return float(roll) if abs(roll) >= LEAST_ROLL_DEG else 0.0
