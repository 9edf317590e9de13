# SPDX-License-Identifier: Apache-2.0
"""Every mutant can still be planted, is Python, and names tests that are there."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from mutants import ROOT, Mutant, mutants

MUTANTS = mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.says)
def test_it_can_be_planted(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    copy.write_text((ROOT / mutant.file).read_text())
    before = mutant.plant(tmp_path)
    assert ast.dump(ast.parse(copy.read_text())) != ast.dump(ast.parse(before)), "it changes nothing"
    assert all((ROOT / name).exists() for name in mutant.tests if name.startswith("tests/"))


def test_there_are_sixty_over_the_three_packages() -> None:
    packages = Counter(mutant.file.partition("/")[0] for mutant in MUTANTS)
    assert packages.keys() == {"board", "qnn", "hls_build"} and packages.total() >= 60
    assert sum(bool(mutant.survives) for mutant in MUTANTS) <= 3
