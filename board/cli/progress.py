# SPDX-License-Identifier: Apache-2.0
"""Progress on standard error: by rich where it is installed, else by tqdm, which PYNQ images bring, else none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Show(Protocol):
    """Moves a bar."""

    def __call__(self, title: str, done: int, total: int | None, note: str = "") -> None:
        """Open the bar of a title or move it.

        Args:
            title: Which bar.
            done: How much of it is done by now.
            total: All of it, None where nobody knows.
            note: Shown behind it, such as what is in work.
        """


@contextmanager
def bars(unit: str, stay: bool = False) -> Iterator[Show]:
    """Any number of bars, one below the other; a terminal sees them, a file or a pipe does not.

    At the end of the block all bars are full: a total that was guessed too high becomes what was done. An error leaves
    them as they are.

    Args:
        unit: What is counted, such as "frames".
        stay: Leave the bars on the screen.
    """
    opened = _open(unit, stay) if sys.stderr.isatty() else None
    if opened is None:
        yield lambda title, done, total, note="": None
        return
    show, close = opened
    seen: dict[str, int] = {}

    def remembered(title: str, done: int, total: int | None, note: str = "") -> None:
        seen[title] = done
        show(title, done, total, note)

    try:
        yield remembered
        for title, done in seen.items():
            show(title, done, done)
    finally:
        close()


@contextmanager
def bar(title: str, total: int | None, unit: str = "") -> Iterator[Callable[[int], None]]:
    """One bar, and the call that moves it on by a number; see `bars`."""
    done = 0
    with bars(unit) as show:

        def step(count: int) -> None:
            nonlocal done
            done += count
            show(title, done, total)

        show(title, 0, total)
        yield step


def _open(unit: str, stay: bool) -> tuple[Show, Callable[[], None]] | None:
    """How bars are shown and how they are closed, by what is installed."""
    try:
        return _by_rich(unit, stay)
    except ImportError:
        pass
    try:
        return _by_tqdm(unit, stay)
    except ImportError:
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
        TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    progress = Progress(*columns, console=Console(stderr=True), transient=not stay)
    tasks = {}
    progress.start()

    def show(title: str, done: int, total: int | None, note: str = "") -> None:
        if title not in tasks:
            tasks[title] = progress.add_task(title, total=total, note=note)
        progress.update(tasks[title], completed=done, total=total, note=note)

    return show, progress.stop


def _by_tqdm(unit: str, stay: bool) -> tuple[Show, Callable[[], None]]:
    from tqdm import tqdm

    shown: dict[str, tqdm] = {}

    def show(title: str, done: int, total: int | None, note: str = "") -> None:
        if title not in shown:
            shown[title] = tqdm(desc=title, total=total, unit=f" {unit}", leave=stay, position=len(shown))
        shown[title].total = total
        shown[title].set_postfix_str(note, refresh=False)
        shown[title].update(done - shown[title].n)

    def close() -> None:
        for one in shown.values():
            one.refresh()
            one.close()

    return show, close
