# SPDX-License-Identifier: Apache-2.0
"""Crop margin of a dataset: how tightly its pictures frame faces, in terms of the squares of the face finder."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from qnn.data.finder import finder

ENLARGED_PX = 192
"""Side that a face is enlarged to: what is small is found less often."""
AROUND_PX = ENLARGED_PX // 2
"""Of repeated edge on each side, so that a box may be larger than the picture."""


def margins(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Crop margin that turns the square found about each face into its picture.

    Args:
        faces: uint8 of shape (N, 48, 48) or (N, 48, 48, 3).

    Returns:
        Shares of the square's side, of shape (M,): one for each of the M faces that are found.
    """
    found: list[float] = []
    for face in faces:
        large = cv2.resize(face, (ENLARGED_PX, ENLARGED_PX), interpolation=cv2.INTER_CUBIC)
        largest_first = finder().search_still(
            np.asarray(cv2.copyMakeBorder(large, *(AROUND_PX,) * 4, cv2.BORDER_REPLICATE), np.uint8)
        )
        found += [(ENLARGED_PX / one.box.side - 1) / 2 for one in largest_first[:1]]
    return np.array(found, dtype=np.float64)
