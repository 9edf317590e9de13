# SPDX-License-Identifier: Apache-2.0
"""Recorded training steps do what plain ones do, and what they record can be recorded."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from bands import band_faces, band_splits
from short_plan import PLAN, TINY
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from qnn.network.model import CbamCnn
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn
from qnn.training import runs
from qnn.training.batches import ResidentFaces
from qnn.training.module import AuTraining
from qnn.training.recipes import change


def losses(folder: Path) -> list[float]:
    """Of each logged step, then of each epoch's validation set."""
    rows = list(csv.DictReader((folder / "logs/version_0/metrics.csv").open()))
    return [float(row[name]) for name in ("loss_step", "valid_loss") for row in rows if row[name]]


@pytest.mark.cuda
@pytest.mark.parametrize("preset", ["float", "tiny"])
def test_a_recorded_step_trains_as_a_plain_one(preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LOG_EVERY_STEPS", 1)
    plan = change(PLAN, ["epochs=2"])
    machine = runs.Machine("gpu")
    splits = band_splits(64)
    start = runs.train(["float"], TINY, splits, tmp_path / "start", plan, runs.Machine("cpu"))[0]
    recorded, plain = tmp_path / "recorded", tmp_path / "plain"
    runs.train([preset], TINY, splits, recorded, plan, machine, start)
    with monkeypatch.context() as patch:
        patch.setattr(AuTraining, "_can_record", property(lambda self: False))
        runs.train([preset], TINY, splits, plain, plan, machine, start)
    found, wanted = losses(recorded / preset), losses(plain / preset)
    assert len(found) == len(wanted) > 6
    assert len(set(found)) > 6  # each step sees its own batch
    assert found == pytest.approx(wanted, rel=1e-2)  # a GPU adds up in any order


class Crossings(TorchDispatchMode):
    """Notes what moves values between devices, which cannot be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        tensors = [value for value in (*args, result) if isinstance(value, Tensor)]
        devices = {value.device.type for value in tensors if value.ndim}
        if len(devices) > 1:
            self.found.append(str(function))
        return result


@pytest.mark.parametrize("preset", ["float", "w4a4"])
def test_a_step_neither_looks_at_values_nor_moves_them(preset: str) -> None:
    """On torch's device without values, where looking at one is an error, as on a GPU that records."""
    recipe = PLAN.floating if preset == "float" else PLAN.quantized
    faces = ResidentFaces(band_faces(16), recipe)
    teacher = CbamCnn(TINY)
    model = teacher if preset == "float" else QuantCbamCnn(TINY, PRESETS[preset])
    module = AuTraining(model, recipe, faces, faces, [] if preset == "float" else [teacher])
    if isinstance(model, QuantCbamCnn):
        module.calibrate(torch.device("cpu"))
    module.setup("fit")
    for part in (module, *module.teachers):
        part.to("meta")
    inputs = torch.empty(4, 3, 48, 48), torch.empty(4, 13), torch.empty(4, 7)
    batch = [value.to("meta") for value in inputs]
    module._with_gradients(*batch)  # constants get where the faces are
    with Crossings() as crossings:
        module._with_gradients(*batch)
    assert crossings.found == []
    assert all(p.grad is not None for p in model.parameters())
