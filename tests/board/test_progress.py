# SPDX-License-Identifier: Apache-2.0
"""Progress is drawn by tqdm where rich is missing, ends full, and is nothing without a terminal or either of them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest

from board.progress import bar, bars, counter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a board."""
    for name in ("rich", "rich.console", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)


@contextmanager
def terminal(kind: type[io.StringIO] = Terminal) -> Iterator[io.StringIO]:
    """What is drawn meanwhile."""
    with redirect_stderr(kind()) as shown:
        yield shown


def last(shown: io.StringIO, title: str) -> str:
    """How a bar was drawn last."""
    return [part for part in shown.getvalue().replace("\n", "\r").split("\r") if part.startswith(title)][-1]


def test_bars_end_full() -> None:
    """One executor is asked for four faces, one for fewer than that: neither bar stops half-way."""
    with terminal() as shown, bars("faces", stay=True) as step:
        for _ in range(2):
            step("numpy", 2, 4)
        step("rtl", 1, 4)
    for title, full in (("numpy", "4/4"), ("rtl", "1/1")):
        assert last(shown, title).startswith(f"{title}: 100%") and full in last(shown, title)


def test_an_error_leaves_bars_as_they_are() -> None:
    with terminal() as shown, pytest.raises(ValueError, match="broken"), bars("faces", stay=True) as step:
        step("rtl", 1, 4)
        raise ValueError("broken")
    assert last(shown, "rtl").startswith("rtl:  25%")


def test_a_bar_and_a_counter() -> None:
    with terminal() as shown, bar("detecting", 3, "frames") as done:
        done(1)
        done(2)
    assert "detecting:   0%" in shown.getvalue() and "3/3" in shown.getvalue()
    with terminal() as shown, counter("simulating", "cycles") as reached:
        reached(500)
        reached(900)
    assert "900/900" in shown.getvalue()


def test_a_note_is_shown() -> None:
    with terminal() as shown, pytest.raises(KeyboardInterrupt), bars("modules", stay=True) as step:
        step("synthesis", 0, 2, "conv1 to conv3")
        step("synthesis", 1, 2, "conv4")
        raise KeyboardInterrupt
    assert "conv4" in last(shown, "synthesis")


def test_nothing_is_drawn_without_a_terminal() -> None:
    with terminal(io.StringIO) as shown, bar("detecting", 3, "frames") as done:
        done(3)
    assert shown.getvalue() == ""


def test_nothing_is_drawn_where_nothing_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with terminal() as shown, bar("detecting", 3, "frames") as done:
        done(3)
    assert shown.getvalue() == ""
