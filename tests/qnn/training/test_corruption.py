# SPDX-License-Identifier: Apache-2.0
"""Corruptions: each does to a face what its name says, in its range."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from qnn.training import corruption
from qnn.training.augmentation import CORRUPTIONS, Augmentation


def smooth_faces(count: int) -> Tensor:
    """Large blobs of grey, (B, 1, 48, 48)."""
    rng = np.random.default_rng(0)
    blobs = [cv2.resize(rng.uniform(20, 235, (6, 6)), (48, 48), interpolation=cv2.INTER_CUBIC) for _ in range(count)]
    return torch.from_numpy(np.stack(blobs).clip(0, 255).round()).float()[:, None]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_noise_is_normal_and_of_many_strengths() -> None:
    added = corruption.noisy(torch.full((400, 1, 48, 48), 127.5)) - 127.5
    spread = added.std((1, 2, 3))
    assert 3 < spread.min() < 5 and 23 < spread.max() < 26
    shape = added / spread[:, None, None, None]
    assert float((shape.abs() < 1).float().mean()) == pytest.approx(0.683, abs=0.005)
    assert float(shape.mean()) == pytest.approx(0, abs=0.01)
    rows = shape[:, 0].reshape(400, -1)
    assert float((rows[:, :1152] * rows[:, 1152:]).mean()) == pytest.approx(0, abs=0.01)


def test_blur_is_opencvs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruption, "BLUR_SD_PX", (1.3, 1.3))
    faces = torch.rand(2, 1, 48, 48) * 255
    wanted = [cv2.GaussianBlur(face.numpy(), (13, 13), 1.3, borderType=cv2.BORDER_REPLICATE) for face in faces[:, 0]]
    np.testing.assert_allclose(corruption.blurred(faces)[:, 0], np.stack(wanted), atol=1e-2)


@pytest.mark.parametrize("quality", [10, 40])
def test_compression_is_nearly_that_of_a_jpeg_file(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruption, "JPEG_QUALITY", (quality, quality))
    faces = smooth_faces(4) + 20 * torch.randn(4, 1, 48, 48)
    faces = faces.round().clamp(0, 255)
    found = corruption.compressed(faces)[:, 0].numpy()
    for ours, face in zip(found, faces[:, 0].numpy().astype(np.uint8), strict=True):
        _, file = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        theirs = decoded.astype(float)
        assert np.abs(ours - theirs).mean() < 1 < np.abs(face - theirs).mean()


def test_coarse_faces_have_few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruption, "COARSE_PX", (12,))
    faces = torch.rand(3, 1, 48, 48) * 255
    means = corruption.coarse(faces)[..., 1::4, 1::4]
    assert means.shape == (3, 1, 12, 12)
    fine = faces.unflatten(-1, (12, 4)).unflatten(-3, (12, 4)).mean((-1, -3))
    assert float(torch.corrcoef(torch.stack([means.flatten(), fine.flatten()]))[0, 1]) > 0.8
    assert corruption.coarse(faces).std() < 0.5 * faces.std()


def test_dim_faces_are_darker_and_keep_their_order() -> None:
    ramp = torch.linspace(0, 255, 48).expand(300, 1, 48, 48)
    dark = corruption.dim(ramp)
    brightest = dark.amax((1, 2, 3)) / 255
    assert 0.15 <= brightest.min() < 0.18 and 0.76 < brightest.max() <= 0.8
    assert (dark.diff(dim=-1) >= 0).all()


def test_one_side_is_covered_by_one_grey_up_to_half() -> None:
    faces = torch.rand(400, 1, 48, 48) * 255
    found = corruption.covered(faces)
    hidden = found != faces
    shares = hidden.float().mean((1, 2, 3))
    assert 0.14 <= shares.min() < 0.18 and 0.46 < shares.max() <= 0.5
    edges = [hidden[:, 0, :, 0], hidden[:, 0, :, -1], hidden[:, 0, 0], hidden[:, 0, -1]]
    whole = torch.stack([edge.all(1) for edge in edges], 1)
    assert (whole.sum(1) == 1).all() and (whole.sum(0) > 60).all()
    assert len(found[0][hidden[0]].unique()) == 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_befalls_its_share_of_the_faces(name: str) -> None:
    faces = torch.rand(600, 1, 48, 48) * 200 + 20
    changed = Augmentation(**{name: 0.2}).corrupt(faces)  # type: ignore[arg-type]
    share = (changed != faces).any(1).any(1).any(1).float().mean()
    assert float(share) == pytest.approx(0.2, abs=0.05)
    assert changed.min() >= 0 and changed.max() <= 255
    assert Augmentation().corrupt(faces) is faces
