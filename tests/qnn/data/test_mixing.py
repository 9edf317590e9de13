# SPDX-License-Identifier: Apache-2.0
"""Mixed datasets: one order of AUs, unknown where nobody saw them, and parts that say whose rows are whose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import teachers
from bands import band_faces

from board.core.facs import AUS
from qnn.data import splits
from qnn.data.faces import Faces
from qnn.data.mixing import Beside, aligned, follow_from_emotion, grey, joined
from qnn.data.soft_labels import apply
from qnn.data.splits import Division, Splits, load_mixed

CODED = (1, 4, 10, 12)


def coded_faces(count: int) -> Faces:
    """Coloured faces whose AUs are not Table 2's."""
    faces = teachers.unlabelled(np.repeat(teachers.faces(count)[..., np.newaxis], 3, 3), CODED)
    return replace(faces, labels=np.tile(np.array([1, 0, 1, np.nan], np.float32), (count, 1)))


def test_labels_go_to_their_aus() -> None:
    found = aligned(coded_faces(2))
    assert found.aus == AUS
    assert found.labels[0, AUS.index(1)] == 1 and found.labels[0, AUS.index(4)] == 0
    assert np.isnan(found.labels[0]).sum() == 11  # AU10 has no place; AU12 is unknown


def test_aus_of_an_emotions_label_are_told_from_coded_ones() -> None:
    faces = band_faces(8)
    unsure = replace(
        faces,
        emotions=np.where(np.arange(8) < 2, -1, faces.emotions),
        labels=np.where(np.arange(8)[:, None] < 2, np.nan, faces.labels).astype(np.float32),
    )
    assert follow_from_emotion(faces) and follow_from_emotion(unsure)
    assert not follow_from_emotion(replace(faces, labels=1 - faces.labels))
    assert not follow_from_emotion(coded_faces(2))


def test_grey_is_the_accelerators() -> None:
    coloured = coded_faces(3)
    assert np.array_equal(grey(coloured).pixels, coloured.pixels[..., 0])  # grey in three channels stays as it is
    assert grey(grey(coloured)).pixels.shape == (3, 48, 48)
    assert len(joined([grey(aligned(coloured)), band_faces(2)])) == 5


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> dict[str, Faces]:
    """What each dataset holds: twelve faces, of which four each train, validate and test."""
    emotional = replace(band_faces(12), pixels=teachers.faces(12))
    made = replace(coded_faces(12), labels=np.full((12, len(CODED)), 0.7, np.float32))
    held = {"ferplus": emotional, "bp4d": coded_faces(12), "disfa": made}

    def read(division: Division, share: float) -> Splits:
        faces = held[division.name]
        train, validation, test = (faces.take(np.arange(12) // 4 == third) for third in range(3))
        colour = "grey" if faces.pixels.ndim == 3 else "rgb"
        return Splits(train, validation, test, colour, 0.1, {"data": division.name, "terms": "none"})

    monkeypatch.setattr(splits, "load_splits", read)
    return held


def test_each_dataset_keeps_its_rows_and_its_labels(alone: dict[str, Faces], tmp_path: Path) -> None:
    teachers.soft_labels().save(tmp_path / "labels.npz")
    beside = [Beside("bp4d", Path(), 0.25), Beside("disfa", Path(), 0.25)]
    found = load_mixed(Division("ferplus", Path()), 0.1, beside, tmp_path / "labels.npz")
    assert [(part.name, part.faces, part.share) for part in found.parts] == [
        ("ferplus", 4, 0.5), ("bp4d", 4, 0.25), ("disfa", 4, 0.25)
    ]  # fmt: skip
    assert (found.colour, found.crop_margin, found.train.pixels.shape) == ("grey", 0.1, (12, 48, 48))
    assert np.array_equal(found.test.pixels[4:8], alone["bp4d"].pixels[8:, :, :, 0])
    labels = found.train.labels
    assert np.isnan(labels[0]).all()  # the teacher found nothing
    assert np.isfinite(labels[1:4]).sum() == 33  # and never tells AU6 and AU9
    soft = apply(aligned(alone["ferplus"].take(np.arange(4))), teachers.soft_labels())
    np.testing.assert_array_equal(labels[:4], soft.labels)
    assert labels[4:8, AUS.index(1)].tolist() == [1] * 4
    assert labels[8:, AUS.index(12)].tolist() == pytest.approx([0.7] * 4)
    assert dict(zip(AUS, found.validity, strict=True))[1] == "coded"
    assert dict(zip(AUS, found.validity, strict=True))[2] == ""
    assert found.origin["soft_labels"] and [one["data"] for one in found.origin["beside"]] == ["bp4d", "disfa"]


def test_rendered_faces_are_no_coded_ones(alone: dict[str, Faces], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "RENDERED_FACES", "disfa")
    found = load_mixed(Division("ferplus", Path()), 0.1, [Beside("disfa", Path(), 0.5)])
    assert dict(zip(AUS, found.validity, strict=True))[12] == "rendered"
    assert np.isnan(found.train.labels[:4]).all()  # no soft labels: Table 2 is no substitute
    twice = load_mixed(Division("ferplus", Path()), 0.1, [Beside("disfa", Path(), 0.2), Beside("disfa", Path(), 0.3)])
    assert twice.validity == found.validity, "two sets of rendered faces tell no more than one"


@pytest.mark.usefixtures("alone")
def test_what_cannot_be_mixed_is_named() -> None:
    with pytest.raises(ValueError, match="ferplus tells emotions, not AUs: give --soft-labels, or --also"):
        load_mixed(Division("ferplus", Path()), 0.1)
    two = [Beside("bp4d", Path(), 0.6), Beside("disfa", Path(), 0.5)]
    with pytest.raises(ValueError, match=r"beside ferplus must leave it some, got 1\.1"):
        load_mixed(Division("ferplus", Path()), 0.1, two)
    with pytest.raises(ValueError, match="share of each batch must be between 0 and 1, got 0"):
        Beside("bp4d", Path(), 0.0)
