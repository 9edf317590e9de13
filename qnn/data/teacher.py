# SPDX-License-Identifier: Apache-2.0
"""The teacher: MediaPipe's face landmarker, which sees blendshapes and landmarks in prepared faces.

MediaPipe and its model are no part of this program: the package is optional, the model a file that its user names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from board.core.arrays import Pixels
from board.core.files import sha256
from board.core.reading import read_bytes
from qnn.data.dataset import log
from qnn.data.example import example_picture

MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
"""Of the face_landmarker.task that Google publishes, 3,758,596 bytes, with which the figures were measured."""
LARGEST_MODEL_BYTES = 64 << 20
INSTALL = "pip install --no-deps mediapipe==1.2.3 certifi"
"""With its dependencies, pip would put another OpenCV in the place of this program's."""

BLENDSHAPES: tuple[str, ...] = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""ARKit's, in the order of the model's outputs. The model gives 0 for cheekSquint and noseSneer, whatever it sees."""

SCALE, AROUND_PX = 5, 12
"""Enlargement of a face, and how much of its repeated edge is put around it before: a bare face of 48x48 pixels is
found less often."""
CONFIDENCE = 0.2
RULE = f"cubic {SCALE}, replicated {AROUND_PX}, confidence {CONFIDENCE}, brows from the eyes' middle"
"""How a face is shown to the model."""

INNER_BROW, OUTER_BROW = (55, 285, 107, 336), (70, 300, 63, 293, 46, 276)
EYE_CORNERS = ((33, 133), (263, 362))
"""Outer and inner corner of both eyes; all numbers are of MediaPipe's 478 landmarks."""


class Seen(NamedTuple):
    """What the model sees in one picture: blendshapes float32 (52,), landmarks float32 (478, 2) as shares of it."""

    blendshapes: npt.NDArray[np.float32]
    landmarks: npt.NDArray[np.float32]


class Landmarker(Protocol):
    """Looks at pictures."""

    def __call__(self, picture: Pixels) -> Seen | None:
        """What it sees in an RGB picture (H, W, 3), None where it finds no face."""

    def close(self) -> None:
        """End it."""


def model_digest(model: Path) -> str:
    """The sha256 of a model's file; a warning names it where it is not the one that is known.

    Raises:
        ValueError: The file is missing or cannot be read.
    """
    digest = sha256(read_bytes(model, "the teacher's model", "name face_landmarker.task", LARGEST_MODEL_BYTES))
    if digest != MODEL_SHA256:
        log.warning("%s has sha256 %s, the known face_landmarker.task has %s", model, digest, MODEL_SHA256)
    return digest


class MediaPipe:
    """MediaPipe's landmarker with a model.

    Args:
        model: Its file.

    Raises:
        RuntimeError: MediaPipe is not installed.
        ValueError: The file is no face landmarker with these blendshapes.
    """

    def __init__(self, model: Path) -> None:
        try:
            import mediapipe as mp
            from mediapipe.tasks.python import vision
            from mediapipe.tasks.python.core.base_options import BaseOptions
        except ImportError as error:
            raise RuntimeError(f"labels need MediaPipe, which is not installed ({error}): {INSTALL}") from None
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            output_face_blendshapes=True,
            num_faces=1,
            min_face_detection_confidence=CONFIDENCE,
            min_face_presence_confidence=CONFIDENCE,
        )
        self._image = lambda picture: mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(picture))
        try:
            with _silent():  # the first face has TensorFlow Lite tell how it is run
                self._detector = vision.FaceLandmarker.create_from_options(options)
                known = self(example_picture())
        except (RuntimeError, ValueError, OSError) as error:
            said = " ".join(str(error).split())[:200]
            raise ValueError(f"the teacher's model must be a face landmarker, got {model}: {said}") from None
        if known is None:
            self.close()
            raise ValueError(f"the teacher's model must find the face in a portrait, got {model}, which finds none")

    def __call__(self, picture: Pixels) -> Seen | None:
        """See `Landmarker`."""
        result = self._detector.detect(self._image(picture))
        if not result.face_blendshapes:
            return None
        shapes = {shape.category_name: shape.score for shape in result.face_blendshapes[0]}
        if tuple(shapes) != BLENDSHAPES:
            raise ValueError(f"its outputs must be ARKit's 52 blendshapes, got {len(shapes)}: {', '.join(shapes)}")
        points = [(point.x, point.y) for point in result.face_landmarks[0]]
        return Seen(np.array(list(shapes.values()), np.float32), np.array(points, np.float32))

    def close(self) -> None:
        """End it; at the program's end it would complain."""
        self._detector.close()


def enlarged(face: Pixels) -> Pixels:
    """A prepared face (48, 48) or (48, 48, 3) as the teacher sees it, RGB (360, 360, 3)."""
    large = cv2.resize(face, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, *(SCALE * AROUND_PX,) * 4, cv2.BORDER_REPLICATE)
    return np.asarray(framed if framed.ndim == 3 else cv2.cvtColor(framed, cv2.COLOR_GRAY2RGB), np.uint8)


def brow_heights(landmarks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Heights (2,) of inner and outer brows over the line through the eyes, by the distance of their outer corners.

    Args:
        landmarks: (478, 2), x to the right and y down in one unit.
    """
    across = landmarks[EYE_CORNERS[1][0]] - landmarks[EYE_CORNERS[0][0]]
    distance = np.linalg.norm(across)
    up = np.array([across[1], -across[0]]) / distance
    middle = landmarks[[*EYE_CORNERS[0], *EYE_CORNERS[1]]].mean(0)
    heights = [(landmarks[list(points)].mean(0) - middle) @ up / distance for points in (INNER_BROW, OUTER_BROW)]
    return np.array(heights, np.float32)


@contextmanager
def _silent() -> Iterator[None]:
    """Without what libraries write to the standard error of the process by themselves."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
