# SPDX-License-Identifier: Apache-2.0
"""Read faces from a picture, a folder of pictures or a numpy file."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from board.faces.find import SIDE_PX, Box, cut_face, find_face, to_input

PICTURES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
ARRAYS = (".npy", ".npz")


def load_faces(path: Path, count: int | None = None, colour: str = "grey", margin: float = 0.0) -> np.ndarray:
    """Read faces as the accelerator takes them.

    A picture of 48x48 pixels is taken for a face; in a larger one the largest frontal face is found and cut.

    Args:
        path: A picture; a folder, whose pictures are read in the order of their names; or an .npy or .npz
            file that holds one uint8 array of shape (N, 48, 48) or (N, 48, 48, 3), colours in the order RGB.
        count: How many faces to read, the first ones; all where it is None.
        colour: The contract's colour rule, "grey" or "rgb".
        margin: The contract's crop margin; applies where a face is cut out.

    Returns:
        uint8 of shape (N, 48, 48, 3).

    Raises:
        ValueError: The path is missing, cannot be read, holds no face or too few of them.
    """
    if count is not None and count < 1:
        raise ValueError(f"need a count of at least 1, got {count}")
    if path.is_dir():
        faces = _from_folder(path, count, colour, margin)
    elif not path.exists():
        raise ValueError(f"faces come from a picture, a folder or a numpy file, got {path}, which is missing")
    elif path.suffix.lower() in ARRAYS:
        faces = np.stack([to_input(face, colour) for face in _read_array(path)[:count]])
    else:
        faces = _from_picture(path, colour, margin)[np.newaxis]
    if count is not None and len(faces) < count:
        raise ValueError(f"need {count} faces, got {len(faces)} from {path}: ask for fewer or name more")
    return faces


def read_picture(path: Path) -> np.ndarray:
    """Read a picture file as RGB, uint8 of shape (H, W, 3), or say why that fails."""
    content = path.read_bytes()
    if not content:
        raise ValueError(f"a picture must hold data, got the empty file {path}: copy it again")
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV takes
        raise ValueError(f"a picture must be one that OpenCV takes, got {path}, which is too large") from None
    if picture is None:
        raise ValueError(f"a picture must be a file OpenCV reads, got {path}: save it as PNG or JPEG")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def locate_face(path: Path) -> tuple[np.ndarray, Box]:
    """Read a picture file and find its face.

    Returns:
        The picture, RGB uint8 of shape (H, W, 3), and its largest frontal face: all of it where it has 48x48 pixels.

    Raises:
        ValueError: The picture cannot be read, is too small or shows no face.
    """
    picture = read_picture(path)
    height, width = picture.shape[:2]
    if (height, width) == (SIDE_PX, SIDE_PX):
        return picture, Box(0, 0, SIDE_PX)
    if min(height, width) < SIDE_PX:
        raise ValueError(f"a picture must have at least 48x48 pixels, got {width}x{height} in {path}")
    box = find_face(picture) or find_face(picture, scale=1.0)  # the full size finds what the half overlooks
    if box is None:
        raise ValueError(f"a picture must show a frontal face, found none in {path}: use another or crop it to 48x48")
    return picture, box


def _from_picture(path: Path, colour: str, margin: float) -> np.ndarray:
    """The face (48, 48, 3) of one picture file."""
    picture, box = locate_face(path)
    return to_input(picture, colour) if len(picture) == SIDE_PX else cut_face(picture, box, margin, colour)


def _from_folder(path: Path, count: int | None, colour: str, margin: float) -> np.ndarray:
    """Faces (N, 48, 48, 3) of the first pictures of a folder."""
    names = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)[:count]
    if not names:
        raise ValueError(f"a folder of faces must hold pictures ({', '.join(PICTURES)}), found none in {path}")
    return np.stack([_from_picture(name, colour, margin) for name in names])


def _read_array(path: Path) -> np.ndarray:
    """The array (N, 48, 48) or (N, 48, 48, 3) of a numpy file."""
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, BadZipFile):
        raise ValueError(f"a numpy file must hold a plain array, got {path}, which cannot be read") from None
    if not isinstance(loaded, np.ndarray):
        with loaded:
            if len(loaded.files) != 1:
                raise ValueError(
                    f"an .npz of faces must hold one array, got {len(loaded.files)}"
                    f" ({', '.join(loaded.files)}) in {path}: save the faces alone"
                )
            loaded = loaded[loaded.files[0]]
    if loaded.dtype != np.uint8 or loaded.ndim == 0 or loaded.shape[1:] not in ((48, 48), (48, 48, 3)):
        raise ValueError(
            f"faces must be uint8 of shape (N, 48, 48) or (N, 48, 48, 3), got {loaded.dtype} {loaded.shape} in {path}"
        )
    if len(loaded) == 0:
        raise ValueError(f"faces must be at least one, got none in {path}")
    return loaded
