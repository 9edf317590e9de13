# SPDX-License-Identifier: Apache-2.0
"""Every skip says why, and scripts/test.sh shows it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SCRIPTS = TESTS.parent / "scripts"


def skips(path: Path) -> list[ast.Call]:
    """Calls of pytest.skip, and of the marks skip, skipif and xfail."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = ("pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail")
    return [call for call in calls if ast.unparse(call.func) in names]


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.relative_to(TESTS).as_posix())
def test_a_skip_has_a_reason(path: Path) -> None:
    for call in skips(path):
        reasons = [word.value for word in call.keywords if word.arg == "reason"]
        if ast.unparse(call.func) == "pytest.skip":
            reasons += call.args
        assert reasons and ast.unparse(reasons[0]) not in ("''", "None"), f"line {call.lineno}: {ast.unparse(call)}"


def test_the_runs_of_the_tests_show_the_reasons() -> None:
    runs = [line for name in ("test.sh", "armhf/guest.sh") for line in (SCRIPTS / name).read_text().splitlines()]
    runs = [line for line in runs if "-m pytest" in line and not line.startswith("#")]
    assert len(runs) == 3 and all(" -rs " in line for line in runs), runs
