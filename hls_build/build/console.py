# SPDX-License-Identifier: Apache-2.0
"""What a person reads of a build: tables and progress on the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.table import Table

from board.core.contract import Contract
from board.core.facs import EMOTIONS
from board.parity import Parity, Progress
from board.progress import bars
from hls_build.build_folder import BuildFolder
from hls_build.config.board import Board
from hls_build.cost.resources import LABELS, Resources


def action_units(contract: Contract, accumulators: np.ndarray) -> Table:
    """The AUs and the emotion of one face, accumulators of shape (1, outputs)."""
    (face,) = contract.outputs(accumulators)
    table = Table("action unit", title="Action units of the first face")
    for column in ("accumulator", "logit", "probability"):
        table.add_column(column, justify="right")
    table.add_column("present")
    aus = len(contract.action_units)
    rows = zip(
        contract.action_units, face.accumulators[:aus], face.logits, face.probabilities, face.occurrence, strict=True
    )
    for unit, accumulator, logit, probability, present in rows:
        name = unit.name + unit.mark
        table.add_row(name, str(accumulator), f"{logit:.3f}", f"{probability:.3f}", "yes" if present else "")
    if face.emotion_logits is not None and face.emotion_probabilities is not None:
        table.add_section()
        shares = zip(EMOTIONS, face.accumulators[aus:], face.emotion_logits, face.emotion_probabilities, strict=True)
        for name, accumulator, logit, share in shares:
            likeliest = "likeliest" if name == face.emotion else ""
            table.add_row(name, str(accumulator), f"{logit:.3f}", f"{share:.3f}", likeliest)
    table.caption = contract.remark or None
    return table


def speed(figures: dict[str, Any], clock_mhz: float) -> Table:
    """Cycles of a simulated run and what they mean at the configured clock."""
    table = Table("measure", title=f"{figures['frames']} frames through the RTL, cycle by cycle", show_header=False)
    table.add_column(justify="right")
    table.add_row("first result", f"{figures['first_out_cycles']:,} cycles")
    table.add_row("slowest layer", f"{figures['slowest_layer_cycles']:,} cycles")
    interval = figures["interval_cycles"]
    if interval is not None:
        table.add_row(
            "interval", f"{interval:,} cycles ({interval / figures['slowest_layer_cycles']:.4f} of the slowest layer's)"
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
    needed = Resources.from_json(estimate["total"])
    for name, share in needed.shares(board.budget).items():
        used, held = getattr(needed, name), getattr(board.budget, name)
        table.add_row(LABELS[name], f"{used:,}", f"{held:,}", f"{share:.0%}")
    shell = board.allowance(estimate["shell"]).as_json()
    allowed = ", ".join(f"{LABELS[name]} {count:,}" for name, count in shell.items() if count)
    table.caption = f"besides, shell {estimate['shell']}: {allowed}"
    return table


def parity(found: Parity) -> Table:
    """One row per executor."""
    table = Table("executor", title=f"Equality with {found.executors[0].executor}")
    for column in ("faces", "differ", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("what it is")
    for one in found.executors:
        asked = (str(one.faces), str(one.mismatches), f"{one.seconds:.1f}") if one.faces else ("", "", "")
        table.add_row(one.executor, *asked, one.description)
    if found.difference is not None:
        table.caption = str(found.difference)
    return table


def next_steps(folder: BuildFolder) -> str:
    """What a person can do with a finished build, a command a line."""
    root, deploy = (shlex.quote(str(place)) for place in (folder.root, folder.deploy))
    commands = {
        f"auflow detect PICTURE --deploy {deploy}": "action units of your own pictures, videos or camera",
        f"auflow parity --build {root} --faces PATH --count 20": "the same proof with your own faces",
        f"auflow report --build {root}": "one page about this accelerator",
    }
    return "\n".join(["Try next:", *(f"  {command}\n      {about}" for command, about in commands.items())])


def after_compiling(folder: BuildFolder) -> str:
    """What a person can do with a compiled model, a command a line."""
    root, deploy = (shlex.quote(str(place)) for place in (folder.root, folder.deploy))
    commands = {
        f"auflow parity --build {root} --faces FRAMES.npy --count 20": "the same proof with your own frames",
        f"auflow parity --deploy {deploy}": "all executors of the deployment, an emulated board among them",
        f"auflow synth --build {root}": "what Yosys counts of its resources",
    }
    return "\n".join(["Try next:", *(f"  {command}\n      {about}" for command, about in commands.items())])


def stopped(step: str, command: Sequence[str]) -> str:
    """What a person reads of a build that was to end after a step, with the command that goes on."""
    return f"Stopped after {step}. Go on with: {shlex.join(command)}"


@contextmanager
def ladder() -> Iterator[tuple[Progress, Callable[[int], None]]]:
    """A bar per executor, full when it has done all that it is asked for, and the cycles of one that simulates.

    Yields:
        What board.parity.compare calls, and what takes the cycles of the executor in work.
    """
    with bars("frames", stay=True) as step:
        at_work = ("", 0)

        def faces(executor: str, done: int, asked: int) -> None:
            nonlocal at_work
            at_work = executor, asked
            step(executor, done, asked)

        yield faces, lambda count: step(at_work[0], 0, at_work[1], f"{count:,} cycles")
