# SPDX-License-Identifier: Apache-2.0
"""Read faces from a picture, a folder of pictures or a numpy file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from board.core.arrays import Pixels
from board.faces.crop import SIDE_PX, cut_face, to_input
from board.faces.find import Face, Search, find_face
from board.sources.array import ARRAYS, read_array
from board.sources.folder import pictures_in
from board.sources.pictures import read_picture


def load_faces(
    path: Path,
    search: Search,
    count: int | None = None,
    colour: str = "grey",
    margin: float = 0.0,
    upright: bool = True,
) -> Pixels:
    """Read faces as the accelerator takes them.

    A picture of 48x48 pixels is taken for a face; in a larger one the largest face is found and cut.

    Args:
        path: A picture; a folder, whose pictures are read in the order of their names; or an .npy or .npz
            file that holds one uint8 array of shape (N, 48, 48) or (N, 48, 48, 3), colours in the order RGB.
        search: How a picture is searched, such as a finder's `search_still`.
        count: How many faces to read, the first ones; all where it is None.
        colour: The contract's colour rule, "grey" or "rgb".
        margin: The contract's crop margin; applies where a face is cut out.
        upright: Whether the contract turns faces upright; applies there too.

    Returns:
        uint8 of shape (N, 48, 48, 3).

    Raises:
        ValueError: The path is missing, cannot be read, holds no face or too few of them.
    """
    if count is not None and count < 1:
        raise ValueError(f"need a count of at least 1, got {count}")
    if path.is_dir():
        faces = np.stack([_from_picture(file, search, colour, margin, upright) for file in pictures_in(path)[:count]])
    elif not path.exists():
        raise ValueError(f"faces come from a picture, a folder or a numpy file, got {path}, which is missing")
    elif path.suffix.lower() in ARRAYS:
        faces = np.stack([to_input(face, colour) for face in _read_faces(path)[:count]])
    else:
        faces = _from_picture(path, search, colour, margin, upright)[np.newaxis]
    if count is not None and len(faces) < count:
        raise ValueError(f"need {count} faces, got {len(faces)} from {path}: ask for fewer or name more")
    return faces


def locate_face(path: Path, search: Search) -> tuple[Pixels, Face]:
    """Read a picture file and find its face by a search, such as a finder's `search_still`.

    Returns:
        The picture, RGB uint8 of shape (H, W, 3), and its largest face by the picture rule.

    Raises:
        ValueError: The picture cannot be read, is too small or shows no face.
    """
    picture = read_picture(path)
    height, width = picture.shape[:2]
    if min(height, width) < SIDE_PX:
        raise ValueError(f"a picture must have at least 48x48 pixels, got {width}x{height} in {path}")
    face = find_face(picture, search)
    if face is None:
        raise ValueError(f"a picture must show a face, found none in {path}: use another or crop it to 48x48")
    return picture, face


def _from_picture(path: Path, search: Search, colour: str, margin: float, upright: bool) -> Pixels:
    """The face (48, 48, 3) of one picture file."""
    picture, face = locate_face(path, search)
    return cut_face(picture, face.box, margin, colour, face.roll_deg if upright else 0.0)


def _read_faces(path: Path) -> Pixels:
    """The array (N, 48, 48) or (N, 48, 48, 3) of a numpy file."""
    faces = read_array(path)
    if faces.dtype != np.uint8 or faces.ndim == 0 or faces.shape[1:] not in ((48, 48), (48, 48, 3)):
        raise ValueError(
            f"faces must be uint8 of shape (N, 48, 48) or (N, 48, 48, 3), got {faces.dtype} {faces.shape} in {path}"
        )
    if len(faces) == 0:
        raise ValueError(f"faces must be at least one, got none in {path}")
    return faces
