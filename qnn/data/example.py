# SPDX-License-Identifier: Apache-2.0
"""The face that needs no dataset: scikit-image's astronaut, public domain, and seeded variations of it."""

import math

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from board.faces.crop import SIDE_PX, Box, cut_face, to_input
from board.faces.find import find_face
from qnn.data.finder import finder


def example_picture() -> npt.NDArray[np.uint8]:
    """The astronaut's portrait, RGB uint8 of shape (512, 512, 3)."""
    return skimage.data.astronaut()


def example_faces(count: int = 1, seed: int = 0, colour: str = "grey", margin: float = 0.0) -> npt.NDArray[np.uint8]:
    """The example face, then variations of it: mirrored, turned, shifted, scaled, lighter and darker.

    Args:
        count: How many faces; the first is the picture's face as it is.
        seed: Draws the variations.
        colour: The contract's colour rule, "grey" or "rgb".
        margin: The contract's crop margin.

    Returns:
        uint8 of shape (count, 48, 48, 3).
    """
    if count < 1:
        raise ValueError(f"need a count of at least 1, got {count}")
    picture = example_picture()
    face = find_face(picture, finder().search_still)
    assert face is not None, "the astronaut has a face"
    rng = np.random.default_rng(seed)
    faces = [cut_face(picture, face.box, margin, colour, face.roll_deg)]
    faces += [to_input(_vary(picture, face.box, margin, rng), colour) for _ in range(count - 1)]
    return np.stack(faces)


def _vary(picture: npt.NDArray[np.uint8], box: Box, margin: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One variation (48, 48, 3) of the face in a box."""
    side = box.side * (1 + 2 * margin) * rng.uniform(0.9, 1.15)
    turn = math.radians(rng.uniform(-15, 15))
    flip = rng.choice([-1, 1])
    centre = np.array([box.left, box.top]) + box.side / 2 + rng.uniform(-0.08, 0.08, 2) * box.side
    contrast, brightness = rng.uniform(0.7, 1.3), rng.uniform(-40, 40)
    # from the face's pixels to the picture's: about the centre, turned, scaled, mirrored
    linear = side / SIDE_PX * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear[:, 0] *= flip
    offset = centre - linear @ np.full(2, (SIDE_PX - 1) / 2)
    face = cv2.warpAffine(
        picture,
        np.column_stack([linear, offset]),
        (SIDE_PX, SIDE_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.clip((face - 128.0) * contrast + 128 + brightness, 0, 255).astype(np.uint8)
