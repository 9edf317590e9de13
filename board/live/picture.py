# SPDX-License-Identifier: Apache-2.0
"""Pictures for a browser: as small as the page shows them, and a snapshot with all that is known of it."""

from __future__ import annotations

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.contract import Contract
from board.live.hub import Seen
from board.outputs.annotate import draw

QUALITY = 70
"""Of the stream's JPEGs: more takes longer to send and looks the same at this size."""
SNAPSHOT_QUALITY = 92


def to_jpeg(picture: Pixels, width: int, quality: int = QUALITY) -> bytes:
    """Encode a picture.

    Args:
        picture: uint8, grey (H, W) or RGB (H, W, 3).
        width: Most pixels across; a wider one is shrunk.
        quality: 1 to 100.
    """
    height, wide = picture.shape[:2]
    if wide > width:
        size = (width, max(1, round(height * width / wide)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if picture.ndim == 3:  # a swap of the small picture's bytes
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, "OpenCV writes JPEG"
    return content.tobytes()


def snapshot(seen: Seen, contract: Contract) -> bytes:
    """A frame in its own size with boxes and AU bars, as JPEG.

    Raises:
        ValueError: The frame has no picture.
    """
    picture = seen.frame.picture
    if picture is None:
        raise ValueError(f"a snapshot needs a picture, got none: {seen.frame.error}")
    if picture.ndim == 2:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    drawn = draw(picture, list(seen.observations), contract)
    return to_jpeg(drawn, drawn.shape[1], SNAPSHOT_QUALITY)
