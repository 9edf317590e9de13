# SPDX-License-Identifier: Apache-2.0
"""What a console shows is what the text says: no markup of a stranger, nothing that steers the terminal."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("rich")

from rich.table import Table

from board.cli.console import PlainConsole


def test_names_are_shown_as_they_are() -> None:
    """`[/x]` in a name once ended the program, and ESC cleared the screen."""
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=True, width=200, color_system=None)
    console.print("runs/[/x][red]: \x1b[2J\x07 :smile:\nsecond line")
    table = Table("a\x1bb")
    table.add_row("[bold]\x1b]0;title\x07")
    console.print(table)
    shown = file.getvalue()
    assert "runs/[/x][red]: \\x1b[2J\\x07 :smile:\nsecond line" in shown
    assert "a\\x1bb" in shown and "[bold]\\x1b]0;title\\x07" in shown
    assert "\x1b]" not in shown and "\x07" not in shown
