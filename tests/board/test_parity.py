# SPDX-License-Identifier: Apache-2.0
"""Parity on a deployment counts every wrong integer, names the first, and says why a backend cannot run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from packages import faces, small_graph, write_package

from board import executors, parity
from board.core.facs import AU_NAMES
from board.deployment import Deployment


class Wrong:
    """The right integers but for two."""

    name = "onnx"
    description = "wrong on purpose"

    def accumulators(self, x: np.ndarray) -> np.ndarray:
        out = small_graph().run(x).reshape(len(x), -1).astype(np.int64)
        out[1, 4] += 1
        out[2, 0] -= 1
        return out

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(write_package(tmp_path / "deploy"))


def test_the_reference_equals_itself_and_what_is_missing_is_said(deployment: Deployment) -> None:
    seen: list[tuple[str, int]] = []
    found = {
        one.backend: one
        for one in parity.compare(
            deployment, faces(40), names=("numpy", "rtl"), progress=lambda name, done: seen.append((name, done))
        )
    }
    assert found["numpy"].mismatches == 0 and found["numpy"].faces == 40
    assert seen == [("numpy", 16), ("numpy", 16), ("numpy", 8)]
    assert found["rtl"].faces == 0 and found["rtl"].description.startswith("deployment ")


def test_wrong_integers_are_counted_and_the_first_is_named(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(executors.EXECUTORS, "onnx", lambda deployment: Wrong())
    (found,) = parity.compare(deployment, faces(5), names=("onnx",))
    right = int(small_graph().run(faces(5)).reshape(5, -1)[1, 4])
    assert found.mismatches == 2
    assert found.difference == f"onnx differs at face 1, {AU_NAMES[4]}: got {right + 1}, need {right}"


def test_limits_shorten_a_slow_backend(deployment: Deployment) -> None:
    found = parity.compare(deployment, faces(5), {"numpy": 2, "rtl": 0}, ("numpy", "rtl"))
    assert [one.faces for one in found] == [2, 0]
    assert found[1].description == "not asked"


def test_an_unknown_backend_is_named(deployment: Deployment) -> None:
    with pytest.raises(ValueError, match="a backend must be one of fpga, onnx, numpy, rtl, got 'gpu'"):
        parity.compare(deployment, faces(1), names=("gpu",))
