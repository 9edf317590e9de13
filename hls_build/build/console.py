# SPDX-License-Identifier: Apache-2.0
"""What a person reads of a build: tables and progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from board.core.contract import Contract
from hls_build.config.build_config import Board
from hls_build.parity.ladder import Parity


def action_units(contract: Contract, accumulators: np.ndarray) -> Table:
    """The AUs of one face, accumulators of shape (1, AUs)."""
    outputs = contract.outputs(accumulators)
    table = Table("action unit", title="Action units of the first face")
    for column in ("accumulator", "logit", "probability"):
        table.add_column(column, justify="right")
    table.add_column("present")
    rows = zip(
        contract.au_names,
        accumulators[0],
        outputs.logits[0],
        outputs.probabilities[0],
        outputs.occurrence[0],
        strict=True,
    )
    for name, accumulator, logit, probability, present in rows:
        table.add_row(name, str(accumulator), f"{logit:.3f}", f"{probability:.3f}", "yes" if present else "")
    return table


def speed(figures: dict[str, Any], clock_mhz: float) -> Table:
    """Cycles of a simulated run and what they mean at the configured clock."""
    table = Table("measure", title=f"{figures['frames']} frames, cycle by cycle", show_header=False)
    table.add_column(justify="right")
    table.add_row("first result", f"{figures['first_out_cycles']:,} cycles")
    table.add_row("slowest layer", f"{figures['slowest_layer_cycles']:,} cycles")
    interval = figures["interval_cycles"]
    if interval is not None:
        table.add_row(
            "interval", f"{interval:,} cycles ({interval / figures['slowest_layer_cycles']:.4f} of the slowest)"
        )
        table.add_row(f"at {clock_mhz:g} MHz", f"{clock_mhz * 1e6 / interval:.1f} frames/s")
    table.add_row("latency", f"{figures['first_out_cycles'] / clock_mhz / 1000:.2f} ms")
    table.add_row("simulated", f"{figures['sim_cycles_per_second']:,} cycles/s, {figures['seconds_per_frame']} s/frame")
    return table


def resources(estimate: dict[str, Any], board: Board) -> Table:
    """The estimate against the board's budget."""
    table = Table("resource", title=f"Estimate for {board.name} ({board.part})")
    for column in ("needed", "available", "share"):
        table.add_column(column, justify="right")
    for name, available in (("lut", board.lut), ("ff", board.ff), ("bram36", board.bram36), ("dsp", board.dsp)):
        needed = estimate["total"].get(name)
        if needed is not None:
            table.add_row(name.upper(), f"{needed:,g}", f"{available:,}", f"{needed / available:.0%}")
    return table


def parity(found: Parity) -> Table:
    """One row per rung."""
    table = Table("rung", title="Equality with the Brevitas model")
    for column in ("faces", "mismatches", "seconds"):
        table.add_column(column, justify="right")
    for rung in found.rungs:
        table.add_row(rung.name, str(rung.faces), str(rung.mismatches), f"{rung.seconds:.1f}")
    if found.difference is not None:
        table.caption = str(found.difference)
    return table


@contextmanager
def rungs(console: Console, faces: int) -> Iterator[Callable[[str, int], None]]:
    """A bar per rung, as the rungs report faces."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, Any] = {}

        def report(rung: str, done: int) -> None:
            if rung not in tasks:
                tasks[rung] = progress.add_task(rung, total=faces)
            progress.update(tasks[rung], completed=done)

        yield report


@contextmanager
def cycles(console: Console) -> Iterator[Callable[[int], None]]:
    """A running count of simulated cycles."""
    columns = (TextColumn("  simulating"), TextColumn("{task.completed:,} cycles"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count)
