# SPDX-License-Identifier: Apache-2.0
"""Rendered faces that come with the program: 20 made-up people without an AU and with each of the thirteen alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from board.core.reading import read_arrays

if TYPE_CHECKING:  # its import takes a board's time
    import numpy as np
    import numpy.typing as npt

FILE = Path(__file__).parent / "data" / "rendered_faces.npz"


@dataclass(frozen=True)
class RenderedFaces:
    """N faces, those of one person side by side, the first of each without an AU.

    Attributes:
        pixels: uint8 (N, 48, 48), grey.
        weights: AU weights 0..1, float32 (N, AUs).
        aus: FACS numbers of their columns: the thirteen, and 10, 14 and 25.
        identity: Who is shown, int32 (N,), from 0 on.
    """

    pixels: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]
    aus: tuple[int, ...]
    identity: npt.NDArray[np.int32]


def rendered_faces() -> RenderedFaces:
    """Read them.

    Raises:
        ValueError: The installation is broken.
    """
    arrays = read_arrays(FILE, "the program's rendered faces", "install it again")
    return RenderedFaces(arrays["pixels"], arrays["weights"], tuple(arrays["aus"].tolist()), arrays["identity"])
