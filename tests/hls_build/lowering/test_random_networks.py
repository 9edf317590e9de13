# SPDX-License-Identifier: Apache-2.0
"""Random QONNX networks mean to the compiler what they mean to qonnx's executor, or are refused in a sentence."""

from typing import Any

import numpy as np
import pytest
from random_qonnx import random_model
from random_verdicts import judge

from hls_build.lowering import activation_thresholds, scalars

SEEDS = range(120)


def test_random_networks_are_exact_or_refused() -> None:
    found = [judge(random_model(seed), seed) for seed in SEEDS]
    wrong = [f"seed {seed}: {each.said}" for seed, each in zip(SEEDS, found, strict=True) if each.kind == "wrong"]
    assert not wrong, "\n".join(wrong)
    exact = sum(each.kind == "exact" for each in found)
    assert exact > len(SEEDS) // 3, "a generator whose networks are refused shows nothing"


def test_a_wrong_integer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = activation_thresholds.find

    def shifted(*given: Any) -> tuple[np.ndarray, np.ndarray]:
        falling, thresholds = right(*given)
        return falling, thresholds + 40

    monkeypatch.setattr(scalars, "find", shifted)
    found = [judge(random_model(seed), seed) for seed in SEEDS[:12]]
    assert any(each.kind == "wrong" and each.said.startswith("lowering differs") for each in found)
