# SPDX-License-Identifier: Apache-2.0
"""How tightly faces are framed is measured right, and FERPlus frames them as its margin says."""

import os
from pathlib import Path

import numpy as np
import pytest

from board.faces.crop import cut_face
from qnn.data.datasets.ferplus import FerPlus
from qnn.data.example import example_picture
from qnn.data.finder import finder
from qnn.data.framing import margins
from qnn.data.loading import load


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.2])
def test_a_known_margin_is_found(margin: float) -> None:
    picture = example_picture()
    (face,) = finder().search_still(picture)
    (found,) = margins(cut_face(picture, face.box, margin)[np.newaxis])
    assert abs(found - margin) < 0.08


def test_pictures_without_a_face_count_nothing() -> None:
    assert margins(np.zeros((2, 48, 48), np.uint8)).shape == (0,)


@pytest.mark.skipif("AUFLOW_FERPLUS" not in os.environ, reason="AUFLOW_FERPLUS names no FERPlus folder")
def test_ferplus_is_framed_as_its_margin_says() -> None:
    faces = load("ferplus", Path(os.environ["AUFLOW_FERPLUS"]), splits=("valid",)).pixels[:300]
    found = margins(faces)
    assert len(found) > 150
    assert abs(np.median(found) - FerPlus.crop_margin) < 0.03
