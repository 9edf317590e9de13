# SPDX-License-Identifier: Apache-2.0
"""Augmentation: each change moves what it should, by as much as it may."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from qnn.training.augmentation import Augmentation

STILL = Augmentation(rotation_deg=0, shear=0, zoom=0, mirror=False)


def ramps(count: int) -> Tensor:
    """Faces whose first plane holds each pixel's column and whose second its row, from the centre: (B, 2, 48, 48)."""
    row, column = torch.meshgrid(torch.arange(48.0) - 23.5, torch.arange(48.0) - 23.5, indexing="ij")
    return torch.stack([column, row]).expand(count, 2, 48, 48)


def linear_maps(augmentation: Augmentation, count: int = 400) -> Tensor:
    """Each face's matrix (B, 2, 2) from the columns and rows of the result to those of the source."""
    torch.manual_seed(0)
    centre = augmentation.warp(ramps(count))[:, :, 20:28, 20:28]
    along_column = (centre[:, :, :, 1:] - centre[:, :, :, :-1]).mean((2, 3))
    along_row = (centre[:, :, 1:] - centre[:, :, :-1]).mean((2, 3))
    return torch.stack([along_column, along_row], 2)


def test_nothing_changes_without_ranges() -> None:
    faces = torch.rand(4, 1, 48, 48) * 255
    torch.testing.assert_close(STILL.warp(faces), faces, rtol=0, atol=1e-3)
    assert STILL.blend(faces)[0] is faces


def test_mirroring_turns_half_of_the_faces() -> None:
    signs = linear_maps(Augmentation(0, 0, 0))[:, 0, 0].round().int().tolist()
    assert set(signs) == {-1, 1}
    assert 150 < signs.count(1) < 250


def test_rotation_stays_in_its_range() -> None:
    maps = linear_maps(Augmentation(rotation_deg=30, shear=0, zoom=0, mirror=False))
    angles = torch.atan2(maps[:, 1, 0], maps[:, 0, 0]).rad2deg()
    assert 25 < angles.max() <= 30.01
    assert -30.01 <= angles.min() < -25
    torch.testing.assert_close(torch.linalg.det(maps), torch.ones(len(maps)), rtol=0, atol=1e-3)


def test_zoom_scales_each_axis_in_its_range() -> None:
    maps = linear_maps(Augmentation(rotation_deg=0, shear=0, zoom=0.3, mirror=False))
    for axis in range(2):
        scales = maps[:, axis, axis]
        assert 0.699 < scales.min() < 0.72
        assert 1.28 < scales.max() < 1.301
    assert (maps[:, 0, 0] - maps[:, 1, 1]).abs().max() > 0.3


def test_shear_slants_one_axis() -> None:
    maps = linear_maps(Augmentation(rotation_deg=0, shear=0.3, zoom=0, mirror=False))
    torch.testing.assert_close(maps[:, 0, 0], torch.ones(len(maps)), rtol=0, atol=1e-3)
    assert maps[:, 1, 0].abs().max() < 1e-3
    slants = torch.asin(-maps[:, 0, 1].clamp(-1, 1))
    assert 0.27 < slants.max() <= 0.301


def test_shift_moves_by_a_share_of_the_side() -> None:
    torch.manual_seed(0)
    moved = Augmentation(0, 0, 0, shift=0.1, mirror=False).warp(ramps(300))[:, :, 24, 24] - 0.5
    assert 4.3 < moved.abs().max() <= 4.81
    assert moved.mean().abs() < 0.5


def test_beyond_the_edge_the_edge_repeats() -> None:
    bright = torch.full((50, 1, 48, 48), 200.0)
    assert Augmentation().warp(bright).min() > 199.9


def test_a_rectangle_is_erased_in_the_faces_mean() -> None:
    torch.manual_seed(0)
    faces = torch.rand(300, 1, 48, 48) * 255
    shaded = Augmentation(erase=0.5).shade(faces)
    hidden = shaded != faces
    assert torch.equal(shaded, torch.where(hidden, faces.mean((1, 2, 3), keepdim=True), faces))
    rows, columns = hidden.any(3).sum(2)[:, 0], hidden.any(2).sum(2)[:, 0]
    assert torch.equal(hidden.sum((1, 2, 3)), rows * columns)  # a rectangle
    assert 20 <= rows.max() <= 25 and 20 <= columns.max() <= 25
    assert float(rows.float().mean()) == pytest.approx(12 * 0.875, rel=0.1)  # some of it lies outside


def test_light_changes_contrast_and_brightness() -> None:
    torch.manual_seed(0)
    faces = 127.5 + 20 * torch.randn(500, 1, 48, 48)
    lit = Augmentation(light=0.2).shade(faces)
    contrast = lit.std((1, 2, 3)) / faces.std((1, 2, 3))
    shift = lit.mean((1, 2, 3)) - faces.mean((1, 2, 3))
    for changed, least, most in ((contrast, 0.8, 1.2), (shift, -25.5, 25.5)):
        room = (most - least) / 40
        assert least - room < changed.min() < least + room and most - room < changed.max() < most + room
    assert abs(torch.corrcoef(torch.stack([contrast, shift]))[0, 1]) < 0.15


def test_light_stays_within_what_pixels_hold() -> None:
    lit = Augmentation(light=0.5).shade(torch.linspace(0, 255, 48 * 48).reshape(1, 1, 48, 48).expand(100, 1, 48, 48))
    assert lit.min() == 0 and lit.max() == 255


def test_mix_up_blends_pixels_and_labels_of_a_pair_alike() -> None:
    torch.manual_seed(0)
    faces = torch.arange(8.0)[:, None, None, None].expand(8, 1, 48, 48)
    labels = torch.arange(8.0)[:, None]
    mixed, targets = Augmentation(mix_up=0.4).blend(faces, labels)
    torch.testing.assert_close(mixed[:, 0, 0, 0], targets[:, 0])
    pairs = targets[:, 0].reshape(4, 2)
    torch.testing.assert_close(pairs.sum(1), labels.reshape(4, 2).sum(1))
    assert (pairs - labels.reshape(4, 2)).abs().max() > 0.01


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    torch.manual_seed(0)
    shares = Augmentation(mix_up=alpha)._shares(torch.zeros(4000, 1))
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)


def test_an_odd_batch_keeps_its_last_face() -> None:
    faces = torch.rand(3, 1, 4, 4)
    (mixed,) = Augmentation(mix_up=1.0).blend(faces)
    assert torch.equal(mixed[2], faces[2])


@pytest.mark.parametrize(("name", "value"), [("zoom", 1.0), ("rotation_deg", -1.0), ("mix_up", -0.1), ("light", 1.5)])
def test_a_range_that_cannot_be_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"need .*{name}.*got {value}"):
        Augmentation(**{name: value})  # type: ignore[arg-type]


def test_the_defaults_are_the_papers() -> None:
    paper = Augmentation()
    assert (paper.rotation_deg, paper.shear, paper.zoom, paper.mirror) == (30, 0.3, 0.3, True)
    assert paper.mix_up == paper.shift == paper.erase == paper.light == 0
