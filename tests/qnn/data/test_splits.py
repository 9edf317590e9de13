# SPDX-License-Identifier: Apache-2.0
"""The splits of a training run share no face: neither as rows nor as copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emotion_faces import write_split

from qnn.data.splits import Division, load_splits

TRAIN, VALID, COPIES = 42, 21, 3


def test_no_face_is_both_learned_and_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUFLOW_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(1).integers(0, 256, (TRAIN + VALID - COPIES, 48, 48), dtype=np.uint8)
    write_split(tmp_path, "Train", pixels[:TRAIN])
    write_split(tmp_path, "Valid", np.concatenate([pixels[TRAIN:], pixels[:COPIES]]))
    splits = load_splits(Division("ferplus", tmp_path), share=0.2)
    parts = [{face.tobytes() for face in part.pixels} for part in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == TRAIN + VALID - COPIES
    assert splits.origin["copies_left_out"] == COPIES
    sizes = dict(zip(("train", "validation", "test"), map(len, parts), strict=True))
    assert splits.origin["faces"] == sizes
