# SPDX-License-Identifier: Apache-2.0
"""`auflow tune`: decision thresholds of a checkpoint."""

from __future__ import annotations

import argparse

from board.cli.command import TRAIN, Command
from board.cli.options import add_one_of, number
from qnn.cli.evaluate_aus import add_sources, open_sources
from qnn.cli.options import add_checkpoint, add_data, add_division, division, need_data


def _arguments(parser: argparse.ArgumentParser) -> None:
    from board.core.decoding import DECODINGS

    add_checkpoint(parser)
    add_data(parser, required=False)
    parser.add_argument(
        "--share",
        type=number(0.001, 0.999),
        metavar="X",
        help="share of the training faces that is the validation set (default: as training held out, by the card)",
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
    add_sources(parser)
    parser.add_argument(
        "--false-alarms",
        type=number(0.001, 0.5),
        default=0.05,
        metavar="X",
        help="with --aus: largest share of neutral faces on which an AU may be called",
    )
    parser.add_argument(
        "--any-false-alarm",
        type=number(0.001, 0.5),
        metavar="X",
        help="with --aus: largest share of calm faces on which any AU may be called: thresholds rise together where it"
        " costs least (default: each AU is bounded by itself)",
    )


def _run(options: argparse.Namespace) -> int:
    return _run_aus(options) if options.aus else _run_dataset(options)


def _run_aus(options: argparse.Namespace) -> int:
    """Tune AUs that stand for themselves."""
    from board.cli.console import PlainConsole
    from board.core.files import check_output
    from qnn.evaluation.aus import tables
    from qnn.evaluation.aus.sources import TUNING
    from qnn.evaluation.aus.tuning import tune_aus
    from qnn.network.checkpoint import card_path

    if options.rendered is None:
        raise ValueError("tuning --aus needs rendered faces, which alone show every AU: give --rendered")
    check_output(card_path(options.checkpoint))
    rendered, real = open_sources(options, TUNING)
    assert rendered is not None  # they were named
    sources = {"rendered": options.rendered.name, "data": options.data}
    tuned = tune_aus(options.checkpoint, rendered, real, options.false_alarms, sources, options.any_false_alarm)
    console = PlainConsole()
    console.print(tables.tuning(tuned).rich())
    console.print(_written(options), soft_wrap=True)
    return 0


def _run_dataset(options: argparse.Namespace) -> int:
    """Tune on the labels of a dataset."""
    from board.cli.console import PlainConsole
    from board.core.files import check_output
    from qnn.evaluation.measuring import tune_checkpoint
    from qnn.evaluation.result_tables import tuning
    from qnn.network.checkpoint import card_path

    need_data(options)
    check_output(card_path(options.checkpoint))
    tuned = tune_checkpoint(
        options.checkpoint, division(options, options.seed), options.share, options.decoding, options.coverage
    )
    console = PlainConsole()
    console.print(tuning(tuned.before, tuned.after).rich())
    console.print(_written(options), soft_wrap=True)
    return 0


def _written(options: argparse.Namespace) -> str:
    """Where the result is."""
    return f"thresholds are in the card of {options.checkpoint}; export and build again to use them"


COMMAND = Command(
    "tune",
    TRAIN,
    "Tune a checkpoint's decision thresholds, one for each AU, on the validation set.",
    _arguments,
    _run,
    (
        "auflow tune --checkpoint runs/one/w4a4.safetensors --data ferplus --root FERPLUS",
        "auflow tune --aus --checkpoint runs/one/w4a4.safetensors --rendered RENDERED --data ferplus --root FERPLUS"
        " --soft-labels labels.npz",
    ),
    "They are written into the checkpoint's card. The validation set is drawn from the training faces as training draws"
    " it; tuning reads none of the test set."
    " With --aus, for AUs that stand for themselves: each one's balanced accuracy on rendered faces and on faces that a"
    " teacher labelled, with few false alarms on neutral ones, and probabilities that are calibrated; it reads one half"
    " of both, and `auflow eval --aus` measures on the other.",
)
