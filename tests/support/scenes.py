# SPDX-License-Identifier: Apache-2.0
"""Pictures and videos of one real face: the public-domain astronaut, from scikit-image or from a deployment."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from board.bench import SwayingVideo
from board.sources.pictures import read_picture


@cache
def astronaut() -> np.ndarray:
    """RGB uint8 (512, 512, 3); skips the test where no such picture is."""
    if importlib.util.find_spec("skimage") is not None:
        import skimage.data

        return skimage.data.astronaut()
    if "AUFLOW_DEPLOY" in os.environ:
        return read_picture(Path(os.environ["AUFLOW_DEPLOY"]) / "example.jpg")
    pytest.skip("needs scikit-image, or a deployment in AUFLOW_DEPLOY")


@cache
def swaying(frames: int = 40) -> np.ndarray:
    """A video of the astronaut, uint8 (frames, 480, 640, 3)."""
    return np.stack([SwayingVideo(astronaut(), frames).picture(index) for index in range(frames)])
