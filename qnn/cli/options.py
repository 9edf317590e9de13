# SPDX-License-Identifier: Apache-2.0
"""Options that several commands of the network share; names of presets and datasets come from where they are kept."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.options import add_one_of, integer

if TYPE_CHECKING:  # it takes time to import: commands do it when they run
    from qnn.data.mixing import Beside
    from qnn.data.splits import Division

TEST_SPLIT_HELP = "with --protocol official: the dataset's set to test on (default: the first after training)"


def add_checkpoint(parser: argparse.ArgumentParser, what: str = "checkpoint", default: str = "") -> None:
    """Add --checkpoint, required where no default is told."""
    told = f" (default: {default})" if default else ""
    parser.add_argument(
        "--checkpoint",
        type=named_checkpoint,
        required=not default,
        metavar="F.safetensors|NAME",
        help=f"{what}: its weights, with the card (.json) beside them, or a name of those in the repository, such as"
        f" w4a4-paper{told}",
    )


def named_checkpoint(text: str) -> Path:
    """A checkpoint's file, told by its path or by a name of those in the repository."""
    from qnn.network.presets import checkpoint_of

    return checkpoint_of(text)


def add_data(
    parser: argparse.ArgumentParser, name: str | None = None, root: Path | None = None, required: bool = True
) -> None:
    """Add --data and --root, required where no default is given, unless other faces can stand for them."""
    from qnn.data.datasets import NAMES

    needed = required and name is None
    add_one_of(parser, NAMES, "--data", default=name, required=needed, help=f"dataset: {', '.join(NAMES)}")
    parser.add_argument(
        "--root",
        type=Path,
        default=root,
        required=required and root is None,
        metavar="DIR",
        help="the dataset's folder, in its official layout; `auflow data check` tells whether it is",
    )


def need_data(options: argparse.Namespace) -> None:
    """Refuse options without --data and --root, where `add_data` did not require them.

    Raises:
        ValueError: One is missing.
    """
    if options.data is None or options.root is None:
        raise ValueError("without --aus, --data and --root are needed: name a dataset and its folder")


def add_beside(parser: argparse.ArgumentParser) -> None:
    """Add --also and --soft-labels."""
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="NAME[:SHARE]=DIR",
        help="with --recipe aus: a dataset to train on beside --data, may be given several times, and its share of each"
        " batch (default: an equal part); an AU that it does not label counts nothing on its faces",
    )
    parser.add_argument(
        "--soft-labels",
        type=Path,
        metavar="F.npz",
        help="with --recipe aus: strengths of AUs, by `auflow label`, for datasets that tell emotions but no AUs",
    )


def beside(options: argparse.Namespace) -> list[Beside]:
    """What --also says.

    Raises:
        ValueError: Not of that form, or an unknown dataset.
    """
    from qnn.data.datasets import find
    from qnn.data.mixing import Beside

    found = []
    for text in options.also:
        name, given, root = text.partition("=")
        name, colon, share = name.partition(":")
        if not (name and given and root):
            raise ValueError(f"--also must be NAME=DIR or NAME:SHARE=DIR, got {text!r}")
        try:
            part = float(share) if colon else 1 / (1 + len(options.also))
        except ValueError:
            raise ValueError(f"a share in --also must be a number, such as 0.375, got {text!r}") from None
        found.append(Beside(find(name).name, Path(root), part))
    return found


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add --labels."""
    from qnn.data.datasets import NAMES, find

    datasets = [find(name) for name in NAMES]
    paper = datasets[0].label_rules[0]
    rules = dict.fromkeys(rule for dataset in datasets for rule in dataset.label_rules if rule != paper)
    titles = {rule: [dataset.title for dataset in datasets if rule in dataset.label_rules] for rule in rules}
    others = " or ".join(f"{rule} ({', '.join(of_rule)})" for rule, of_rule in titles.items())
    add_one_of(
        parser,
        (paper, *rules),
        "--labels",
        default=paper,
        metavar="RULE",
        help=f"how labels are read: {paper}, as the paper reads them, or {others}",
    )


def add_division(parser: argparse.ArgumentParser, split_help: str = "") -> None:
    """Add how a dataset is divided and read: --split where it has a help, --protocol, --fold and --labels.

    `division` makes one of them, of --data and of --root.
    """
    from qnn.data.protocols import FOLDS, PROTOCOLS, VALIDATION_SHARE

    parser.set_defaults(split=None)
    if split_help:
        parser.add_argument("--split", metavar="NAME", help=split_help)
    official, paper, subjects = PROTOCOLS
    add_one_of(
        parser,
        PROTOCOLS,
        "--protocol",
        help=f"how faces are split into training and test set: {official}, as the dataset comes; {paper}, tested on"
        f" {VALIDATION_SHARE:.0%}% of each emotion; {subjects}, {FOLDS} subject-exclusive folds (default: the"
        " dataset's usual one)",
    )
    parser.add_argument(
        "--fold",
        type=integer(0),
        default=0,
        metavar="N",
        help=f"with --protocol {subjects}: the fold to test on, 0 to {FOLDS - 1}",
    )
    add_labels(parser)


def division(options: argparse.Namespace, seed: int) -> Division:
    """What --data, --root and the options of `add_division` say.

    Raises:
        ValueError: An unknown dataset.
    """
    from qnn.data.splits import Division

    return Division(
        options.data, options.root, options.protocol or "", options.split or "", options.fold, options.labels, seed
    )


def add_architecture(parser: argparse.ArgumentParser, divisor: int | None, default: str = "") -> None:
    """Add --divisor and --no-attention."""
    parser.add_argument(
        "--divisor",
        type=int,
        default=divisor,
        metavar="N",
        help=f"divide every width of the network by 1, 2, 4 or 8{default}",
    )
    parser.add_argument("--no-attention", action="store_true", help="leave the two CBAM blocks out")


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add --recipe and --set."""
    add_one_of(
        parser,
        ("modern", "aus", "paper"),
        "--recipe",
        default="modern",
        help="how it is trained: modern; aus, for action units by themselves and emotion outputs beside them; or"
        " paper, as the paper's section III.D does, 700 epochs",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="NAME=VALUE",
        help="change the recipe, as often as needed: epochs=8 for both stages, float.epochs=8 or"
        " quantized.learning_rate=5e-4 for one, augmentation.mix_up=0.2; `auflow train --show-recipe` prints all names",
    )


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add --accelerator and --precision."""
    parser.add_argument("--accelerator", default="auto", metavar="NAME", help="auto, cpu or gpu")
    parser.add_argument("--precision", default="32-true", choices=("32-true", "16-mixed", "bf16-mixed"),
                        help="of convolutions; a processor without AVX-512 or AMX has 32-true alone")  # fmt: skip
