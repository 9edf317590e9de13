# SPDX-License-Identifier: Apache-2.0
"""`auflow tune`: decision thresholds of a checkpoint."""

from __future__ import annotations

import argparse

from board.cli.command import TRAIN, Command
from board.cli.options import add_one_of, number
from qnn.cli.options import add_checkpoint, add_data, add_division, division


def _arguments(parser: argparse.ArgumentParser) -> None:
    from board.core.decoding import DECODINGS

    add_checkpoint(parser)
    add_data(parser)
    parser.add_argument(
        "--share", type=float, default=0.1, metavar="X", help="share of the training faces that is the validation set"
    )
    add_division(parser)
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="draws the faces, as training with this seed holds them out"
    )
    add_one_of(
        parser,
        DECODINGS,
        "--decoding",
        help="change how probabilities come from logits: independent, each AU's from its own, or emotions, for a"
        " network that learned AUs from emotions (default: as the card says)",
    )
    parser.add_argument(
        "--coverage",
        type=number(0, 1),
        metavar="X",
        help="share of the faces that keep an emotion by Table 2, such as 0.88: those in doubt lose theirs, so that"
        " more of the others are right (default: each AU's best F1)",
    )


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core.files import check_output
    from qnn.evaluation.measuring import tune_checkpoint
    from qnn.evaluation.result_tables import tuning
    from qnn.network.checkpoint import card_path

    check_output(card_path(options.checkpoint))
    tuned = tune_checkpoint(
        options.checkpoint, division(options, options.seed), options.share, options.decoding, options.coverage
    )
    console = PlainConsole()
    console.print(tuning(tuned.before, tuned.after).rich())
    console.print(
        f"thresholds are in the card of {options.checkpoint}; export and build again to use them", soft_wrap=True
    )
    return 0


COMMAND = Command(
    "tune",
    TRAIN,
    "Tune a checkpoint's decision thresholds, one for each AU, on the validation set.",
    _arguments,
    _run,
    ("auflow tune --checkpoint runs/one/w4a4.safetensors --data ferplus --root FERPLUS",),
    "They are written into the checkpoint's card. The validation set is drawn from the training faces as training draws"
    " it; tuning reads none of the test set.",
)
