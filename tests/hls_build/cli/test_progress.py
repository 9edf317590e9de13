# SPDX-License-Identifier: Apache-2.0
"""Progress is drawn by rich where it is installed, and ends full."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr

import pytest

from board.progress import bars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("fails", "at_the_end"), [(False, "1/1"), (True, "1/4")])
def test_bars_end_full_unless_something_fails(fails: bool, at_the_end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stderr(Terminal()) as shown:
        try:
            with bars("faces", stay=True) as step:
                step("dataflow", 1, 4, "conv4")
                if fails:
                    raise ValueError
        except ValueError:
            pass
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).replace("\r", "\n").strip().split("\n")[-1]
    assert re.match(rf"dataflow ━+ {at_the_end} faces", last) if not fails else f"{at_the_end} faces" in last
