# SPDX-License-Identifier: Apache-2.0
"""Progress on standard error: by rich where it is installed, else by tqdm, which PYNQ images bring, else none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Step(Protocol):
    """Moves one of several bars on."""

    def __call__(self, title: str, count: int, total: int | None, note: str = "", /) -> None:
        """Move the bar of a title on, or open it.

        Args:
            title: Which bar.
            count: How much was done since the last call.
            total: How much there is to do, None where nobody knows.
            note: Shown behind the bar, such as what is in work.
        """


@contextmanager
def bars(unit: str, stay: bool = False) -> Iterator[Step]:
    """Any number of bars, one below the other; a terminal sees them, a file or a pipe does not.

    Bars end full: at the end of the block, a total that was guessed too high becomes what was done. An error leaves
    them as they are.

    Args:
        unit: What is counted, such as "frames".
        stay: Leave the bars on the screen.
    """
    opened = _open(unit, stay) if sys.stderr.isatty() else None
    if opened is None:
        yield lambda title, count, total, note="": None
        return
    show, close = opened
    done: dict[str, int] = {}

    def step(title: str, count: int, total: int | None, note: str = "", /) -> None:
        done[title] = done.get(title, 0) + count
        show(title, done[title], total, note)

    try:
        yield step
        for title, count in done.items():
            show(title, count, count, "")
    finally:
        close()


@contextmanager
def bar(title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """One bar, and the call that moves it on by a number; see `bars`."""
    with bars(unit) as step:
        step(title, 0, total)
        yield lambda count: step(title, count, total)


@contextmanager
def counter(title: str, unit: str) -> Iterator[Callable[[int], None]]:
    """A running count, whose end nobody knows, and the call that tells how far it is; see `bars`."""
    told = 0
    with bars(unit) as step:

        def count(reached: int) -> None:
            nonlocal told
            step(title, reached - told, None)
            told = reached

        yield count


Show = Callable[[str, int, int | None, str], None]
"""Draws the bar of a title: done, total, note."""


def _open(unit: str, stay: bool) -> tuple[Show, Callable[[], None]] | None:
    """How bars are drawn and how they are closed, by what is installed."""
    for kind in (_by_rich, _by_tqdm):
        try:
            return kind(unit, stay)
        except ImportError:
            pass
    return None


def _by_rich(unit: str, stay: bool) -> tuple[Show, Callable[[], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    progress = Progress(*columns, console=Console(stderr=True), transient=not stay)
    tasks = {}
    progress.start()

    def show(title: str, done: int, total: int | None, note: str) -> None:
        if title not in tasks:
            tasks[title] = progress.add_task(title, total=total, note=note)
        progress.update(tasks[title], completed=done, total=total, note=note)

    return show, progress.stop


def _by_tqdm(unit: str, stay: bool) -> tuple[Show, Callable[[], None]]:
    from tqdm import tqdm

    drawn: dict[str, tqdm] = {}

    def show(title: str, done: int, total: int | None, note: str) -> None:
        if title not in drawn:
            drawn[title] = tqdm(desc=title, total=total, unit=f" {unit}", leave=stay, position=len(drawn))
        one = drawn[title]
        one.total = total
        one.set_postfix_str(note, refresh=False)
        one.update(done - one.n)

    def close() -> None:
        for one in drawn.values():
            one.refresh()
            one.close()

    return show, close
