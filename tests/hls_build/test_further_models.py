# SPDX-License-Identifier: Apache-2.0
"""Small networks of the field's kinds of layer: the same integers as in qonnx on every level."""

from __future__ import annotations

from pathlib import Path

import pytest
from further_models import FURTHER
from random_verdicts import judge

from board.core.layers.threshold import Threshold
from hls_build.compiler import RULES
from hls_build.lowering.lower import lower


def test_there_are_enough_of_them() -> None:
    assert len(FURTHER) >= 40


@pytest.mark.parametrize("name", FURTHER)
def test_they_are_exact_in_software(name: str) -> None:
    found = judge(FURTHER[name](), 1)
    assert found.kind == "exact", found.said


def test_codes_of_one_bit_have_two_for_the_multiplier() -> None:
    """FINN+'s multiplier stops the simulation at one bit (random network 3006)."""
    graph = lower(FURTHER["activations of 1 bit"](), RULES)
    quantizers = [node for node in graph.nodes if isinstance(node, Threshold) and node.thresholds.shape[1] == 1]
    assert [graph.tensors[node.outputs[0]].bits for node in quantizers] == [2]


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", FURTHER)
def test_they_are_exact_in_rtl(name: str, tmp_path: Path) -> None:
    found = judge(FURTHER[name](), 1, tmp_path)
    assert found.kind == "exact", found.said
