# SPDX-License-Identifier: Apache-2.0
"""The commands `auflow train` and `auflow study`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from qnn.cli.options import Data, Fold, Labels, Protocol, Root

Part = Annotated[
    str | None,
    typer.Option("--split", help="Official split that is the test set. [default: the first after training]"),
]
RecipeName = Annotated[str, typer.Option("--recipe", help="modern, or paper: its section III.D, 700 epochs.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change the recipe: epochs=8 in both stages, float.epochs=8 or quantized.learning_rate=5e-4 in one,"
        " augmentation.mix_up=0.2. `--show-recipe` prints all names.",
        metavar="NAME=VALUE",
    ),
]
Accelerator = Annotated[str, typer.Option(help="auto, cpu or gpu.")]
Devices = Annotated[int, typer.Option(min=1, help="GPUs, or processes on the CPU, per node.")]
Nodes = Annotated[int, typer.Option(min=1, help="Machines; start the same command on each (Lightning's DDP).")]
Precision = Annotated[str, typer.Option(help="32-true, 16-mixed or bf16-mixed.")]
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (train, study):
        app.command()(command)


def train(
    data: Data = "ferplus",
    root: Root = Path("ferplus"),
    run: Annotated[Path, typer.Option(help="Folder of this run; an interrupted run goes on where it was.")] = Path(
        "runs/ferplus"
    ),
    preset: Annotated[
        list[str] | None, typer.Option(help="float, or quantized presets such as w4a4; may be given several times.")
    ] = None,
    recipe: RecipeName = "modern",
    changes: Settings = None,
    divisor: Annotated[int | None, typer.Option(help="Divide every width by 1, 2, 4 or 8.")] = None,
    attention: Annotated[bool, typer.Option("--attention/--no-attention", help="With the two CBAM blocks.")] = True,
    protocol: Protocol = None,
    part: Part = None,
    fold: Fold = 0,
    labels: Labels = "paper",
    start: Annotated[
        Path | None,
        typer.Option(help="Float checkpoint to quantize; --preset float trains it on. [default: train one first]"),
    ] = None,
    twin: Annotated[
        Path | None,
        typer.Option(
            help="Trained network of more bits to start from: few bits gain by it. The float network stays the teacher."
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="Float checkpoint that teaches; several teach by their mean. Takes --set distillation_weight=W."
            " [default: a quantized network's float start]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split, initial weights, order and augmentation.")] = 0,
    accelerator: Accelerator = "auto",
    devices: Devices = 1,
    num_nodes: Nodes = 1,
    precision: Precision = "32-true",
    show_recipe: Annotated[bool, typer.Option("--show-recipe", help="Print the recipe and stop.")] = False,
) -> None:
    """Train the float network, then each quantized preset from it.

    Leaves RUN/float.safetensors, RUN/w4a4.safetensors ... with their cards, and logs, TensorBoard events and
    curves.png beside them in RUN/<preset>/. The same command goes on after an interruption, to the same weights.

    Example: auflow train --data ferplus --root FERPLUS --run runs/quarter --divisor 4 --preset w4a4
    """
    from dataclasses import asdict

    from qnn.data.splits import load_splits
    from qnn.network import presets as known
    from qnn.network.model import Architecture
    from qnn.training import runs
    from qnn.training.distributed import is_first
    from qnn.training.recipes import change, plan_named

    plan = change(plan_named(recipe), [f"seed={seed}", *(changes or [])])
    if show_recipe:
        print(json.dumps({"float": asdict(plan.floating), "quantized": asdict(plan.quantized)}, indent=2))
        return
    presets = preset or [known.FLOAT]
    usual = known.common_divisor(presets)
    splits = load_splits(data, root, protocol, part, fold, labels, plan.floating.held_out, seed)
    machine = runs.Machine(accelerator, devices, num_nodes, precision)
    architecture = Architecture(len(splits.train.aus), attention, divisor or usual)
    try:
        done = runs.train(presets, architecture, splits, run, plan, machine, start, twin, teacher or ())
    except KeyboardInterrupt:
        Console(stderr=True).print("auflow: interrupted; the same command goes on where it was")
        raise typer.Exit(INTERRUPTED) from None
    if is_first():
        Console().print(_results(done))
        Console().print(f"{run}: {', '.join(path.name for path in done)}", soft_wrap=True)


def study(
    data: Data = "ferplus",
    root: Root = Path("ferplus"),
    out: Annotated[Path, typer.Option(help="Folder of the study; an interrupted study goes on where it was.")] = Path(
        "runs/study"
    ),
    which: Annotated[
        list[str] | None,
        typer.Option("--only", help="attention, losses, head, bits or qat; once for each. [default: all]"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Trainings of each variant. [default: 3 for attention, else 1]")
    ] = None,
    divisor: Annotated[int, typer.Option(help="Divide every width by 1, 2, 4 or 8.")] = 4,
    recipe: RecipeName = "modern",
    changes: Settings = None,
    protocol: Protocol = None,
    part: Part = None,
    fold: Fold = 0,
    labels: Labels = "paper",
    accelerator: Accelerator = "auto",
    precision: Precision = "32-true",
) -> None:
    """Train with and without attention, with each loss, head and bit width, and write what that makes.

    Leaves OUT/study.csv, study.json, study.md and one picture for each study. Variants that share a float network
    train it once.
    """
    from qnn.data.splits import load_splits
    from qnn.studies.plot import plot
    from qnn.studies.study import STUDIES, run_study, table
    from qnn.training import runs
    from qnn.training.recipes import change, plan_named

    plan = change(plan_named(recipe), changes or [])
    console = Console()
    try:
        rows = run_study(
            which or list(STUDIES),
            lambda seed: load_splits(data, root, protocol, part, fold, labels, plan.floating.held_out, seed),
            out,
            divisor,
            seeds,
            plan,
            runs.Machine(accelerator, precision=precision),
            report=lambda line: console.rule(line, align="left"),
        )
    except KeyboardInterrupt:
        Console(stderr=True).print("auflow: interrupted; the same command goes on where it was")
        raise typer.Exit(INTERRUPTED) from None
    pictures = plot(rows, out)
    console.print(Markdown(table(rows)))
    console.print(f"{out / 'study.md'}, study.csv, study.json, {', '.join(path.name for path in pictures)}")


def _results(paths: list[Path]) -> Table:
    """Figures of the finished checkpoints."""
    from qnn.network import checkpoint

    result = Table(title="measured on the test set", title_justify="left")
    result.add_column("figure")
    cards = [checkpoint.read_card(path) for path in paths]
    for path in paths:
        result.add_column(path.stem, justify="right")
    for name, value in cards[0].metrics.items():
        if isinstance(value, int | float):
            result.add_row(name, *[str(card.metrics[name]) for card in cards])
    return result
