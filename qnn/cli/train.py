# SPDX-License-Identifier: Apache-2.0
"""`auflow train`: checkpoints from a dataset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.command import TRAIN, Command
from board.cli.options import add_one_of, add_output, integer
from qnn.cli.options import (
    TEST_SPLIT_HELP,
    add_architecture,
    add_beside,
    add_data,
    add_division,
    add_machine,
    add_recipe,
    beside,
    division,
    named_checkpoint,
)

if TYPE_CHECKING:  # these take time to import: the command does it when it runs
    from rich.table import Table


def _arguments(parser: argparse.ArgumentParser) -> None:
    from qnn.network.presets import FLOAT, PRESETS

    add_data(parser, "ferplus", Path("ferplus"))
    add_beside(parser)
    add_output(
        parser,
        "--run",
        folder=True,
        default=Path("runs/ferplus"),
        help="folder of this run; an interrupted run goes on where it was",
    )
    add_one_of(
        parser,
        (FLOAT, *PRESETS),
        "--preset",
        action="append",
        help=f"what to train, may be given several times: {FLOAT}, or a quantized network: {', '.join(PRESETS)}"
        f" (default: {FLOAT})",
    )
    add_recipe(parser)
    parser.add_argument("--show-recipe", action="store_true", help="print the recipe, as changed, and stop")
    add_architecture(parser, None, " (default: the preset's)")
    add_division(parser, TEST_SPLIT_HELP)
    parser.add_argument(
        "--start",
        type=named_checkpoint,
        metavar="F.safetensors|NAME",
        help="float checkpoint to quantize, or a name such as float-paper; --preset float trains it on (default: train"
        " one first)",
    )
    parser.add_argument(
        "--start-quantized",
        type=named_checkpoint,
        metavar="F.safetensors|NAME",
        help="quantized checkpoint to start from, of more bits, or of the same, whose quantizers' scales come along;"
        " the float network, of --start or trained first, stays the teacher",
    )
    parser.add_argument(
        "--teacher",
        type=named_checkpoint,
        action="append",
        default=[],
        metavar="F.safetensors|NAME",
        help="float checkpoint to distil from, several by the mean of those who know an answer; takes"
        " --set distillation_weight=W (default: the float network, for those quantized from it)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the split, initial weights, order and augmentation"
    )
    add_machine(parser)
    parser.add_argument(
        "--devices", type=integer(1), default=1, metavar="N", help="GPUs, or processes on the CPU, of each machine"
    )
    parser.add_argument(
        "--num-nodes",
        type=integer(1),
        default=1,
        metavar="N",
        help="machines; start the same command on each (Lightning's DDP)",
    )


def _run(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from board.cli.console import PlainConsole
    from board.core.facs import EMOTIONS
    from qnn.data.splits import load_mixed, load_splits
    from qnn.network import presets as known
    from qnn.network.model import Architecture
    from qnn.training import runs
    from qnn.training.distributed import is_first
    from qnn.training.recipes import change, plan_named

    plan = change(plan_named(options.recipe), [f"seed={options.seed}", *options.changes])
    if options.show_recipe:
        print(json.dumps({"float": asdict(plan.floating), "quantized": asdict(plan.quantized)}, indent=2))
        return 0
    presets = options.preset or [known.FLOAT]
    usual = known.common_divisor(presets)
    own = plan.floating.emotion_outputs
    if not own and (options.also or options.soft_labels):
        raise ValueError(f"--also and --soft-labels are for recipe aus, got {options.recipe}")
    machine = runs.Machine(options.accelerator, options.devices, options.num_nodes, options.precision)
    divided = division(options, options.seed)
    if own:
        splits = load_mixed(divided, plan.floating.held_out, beside(options), options.soft_labels)
    else:
        splits = load_splits(divided, plan.floating.held_out)
    architecture = Architecture(
        len(splits.train.aus),
        not options.no_attention,
        options.divisor or usual,
        emotions=len(EMOTIONS) if own else 0,
    )
    done = runs.train(
        presets,
        architecture,
        splits,
        options.run,
        plan,
        machine,
        options.start,
        options.start_quantized,
        options.teacher,
    )
    if is_first():
        console = PlainConsole()
        console.print(_results(done))
        console.print(f"{options.run}: {', '.join(path.name for path in done)}", soft_wrap=True)
    return 0


def _results(paths: list[Path]) -> Table:
    """Metrics of the finished checkpoints."""
    from rich.table import Table

    from qnn.network import checkpoint

    result = Table(title="measured on the test set", title_justify="left")
    result.add_column("metric")
    cards = [checkpoint.read_card(path) for path in paths]
    for path in paths:
        result.add_column(path.stem, justify="right")
    for name, value in cards[0].metrics.items():
        if isinstance(value, int | float):
            result.add_row(name, *[str(card.metrics[name]) for card in cards])
    return result


COMMAND = Command(
    "train",
    TRAIN,
    "Train the float network on a dataset, then each quantized network (QAT) from it.",
    _arguments,
    _run,
    (
        "auflow train --data ferplus --root FERPLUS --run runs/quarter --divisor 4 --preset w4a4",
        "auflow train --root FERPLUS --run runs/two --preset w2a2 --start FLOAT --start-quantized W4A4",
        "auflow train --recipe aus --root FERPLUS --labels all --soft-labels LABELS.npz"
        " --also rendered:0.5=RENDERED --run runs/aus --preset w4a4 --start FLOAT",
        "auflow train --show-recipe --recipe paper",
    ),
    "Leaves RUN/float.safetensors, RUN/w4a4.safetensors ... with their cards, and in RUN/<preset>/ logs, TensorBoard"
    ' events and curves.png. `auflow build --config F.toml` with `checkpoint = "PATH"` in the file builds from one.',
    "the same command goes on where it was",
)
