# SPDX-License-Identifier: Apache-2.0
"""FINN+'s RTL nodes on our engine: the page's table has all of them, and says what becomes of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from finn.core.onnx_exec import execute_onnx
from finn_nodes import (
    CASES,
    CONTAINERS,
    PAGE,
    bound,
    by_itself,
    expected_of,
    feed_of,
    lacking,
    listed,
    model_of,
    nodes,
    stitched,
)
from finn_nodes import row as row_of

ROWS = listed(PAGE.read_text())


def test_the_page_lists_every_node_that_finn_registers() -> None:
    assert [line.split("`")[1] for line in ROWS] == nodes()
    assert {*CASES, *CONTAINERS} == set(nodes()), "a node of FINN+ has no case"


@pytest.mark.verilator
@pytest.mark.parametrize("prepare", [by_itself, stitched])
def test_a_small_node_equals_python(prepare, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with bound(tmp_path):
        answer = execute_onnx(
            prepare(model_of("ElementwiseAdd_rtl"), CASES["ElementwiseAdd_rtl"].part), feed_of("ElementwiseAdd_rtl")
        )
        np.testing.assert_array_equal(answer["y"], expected_of("ElementwiseAdd_rtl"))


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("`")[1])
def test_the_page_says_what_becomes_of_it(row: str) -> None:
    """`PYTHONPATH=.:tests/support .venv/bin/python tests/support/finn_nodes.py --page` writes the table."""
    assert row_of(row.split("`")[1]) == row


def test_an_error_becomes_one_clause() -> None:
    said = (
        "Verilator refused module 'node'\n%Warning-X: /a/b.sv:1:2: dull\n%Error: /a/pad1d.sv:114:23: No | such thing\n"
    )
    assert lacking(RuntimeError(said)) == r"Verilator refuses pad1d.sv: No \| such thing"
    assert lacking(RuntimeError("a\n  sentence")) == "a sentence"
