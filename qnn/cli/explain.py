# SPDX-License-Identifier: Apache-2.0
"""`auflow explain`: where in a face a network sees action units."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import STUDY, Command
from board.cli.options import add_one_of, add_output, integer
from qnn.cli.options import add_checkpoint

METHODS = ("HiResCAM", "Grad-CAM")


def _arguments(parser: argparse.ArgumentParser) -> None:
    from qnn.data.datasets import NAMES

    parser.add_argument(
        "images", nargs="*", type=Path, metavar="IMAGE", help="pictures; the largest face of each is explained"
    )
    add_output(
        parser,
        "--out",
        folder=True,
        required=True,
        help="folder for heat maps and figure.png, with --data also evidence.csv",
    )
    add_one_of(
        parser,
        NAMES,
        "--data",
        help=f"instead of pictures a dataset ({', '.join(NAMES)}): the mean map of each AU over faces that show it",
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="with --data: its folder; `auflow data check` tells whether it is"
    )
    parser.add_argument("--count", type=integer(1), default=100, metavar="N", help="with --data: faces for each AU")
    add_checkpoint(parser, default="w4a4")
    parser.add_argument("--aus", metavar="12,6", help="AUs to show (default: those present, at least the 3 likeliest)")
    add_one_of(
        parser,
        METHODS,
        "--method",
        default=METHODS[0],
        help="HiResCAM, what each pixel adds to a score; or Grad-CAM, the paper's, which dense layers make vaguer",
    )
    parser.add_argument("--json", action="store_true", help="write all numbers to explanation.json in the folder, too")


def _run(options: argparse.Namespace) -> int:
    from qnn.network.presets import shipped_checkpoint

    checkpoint = options.checkpoint or shipped_checkpoint("w4a4")
    aus = None if options.aus is None else _numbers(options.aus)
    if options.data is not None and options.root is not None and not options.images:
        _explain_dataset(checkpoint, aus, options)
    elif options.images and options.data is None and options.root is None:
        _explain_pictures(checkpoint, aus, options)
    else:
        known = (("pictures", options.images), ("--data", options.data), ("--root", options.root))
        given = [name for name, value in known if value]
        raise ValueError(f"explain needs pictures, or --data with --root, got {' and '.join(given) or 'neither'}")
    return 0


def _explain_pictures(checkpoint: Path, aus: tuple[int, ...] | None, options: argparse.Namespace) -> None:
    """Heat maps over the face of each picture."""
    from board.cli.console import PlainConsole
    from board.core import files
    from board.core.text import printable
    from qnn.evaluation.measuring import load_network
    from qnn.explain import heatmaps

    network, card = load_network(checkpoint)
    explained = heatmaps.explain_pictures(network, card, options.images, aus, options.method)
    figures = heatmaps.write(explained, options.out)
    if options.json:
        files.write_json(options.out / "explanation.json", {one.name: one.explanation.to_json() for one in explained})
    console = PlainConsole()
    for one in explained:
        console.print(f"{printable(one.name)}: {one.explanation.summary()}", soft_wrap=True)
    names = ", ".join(path.name for path in figures)
    console.print(f"heat maps in {options.out}, at a glance in {names}", soft_wrap=True)


def _explain_dataset(checkpoint: Path, aus: tuple[int, ...] | None, options: argparse.Namespace) -> None:
    """Mean heat map of each AU over a dataset's faces."""
    from board.cli.console import PlainConsole
    from qnn.data.splits import Division
    from qnn.explain import evidence

    division = Division(options.data, options.root)
    found = evidence.of_dataset(checkpoint, division, options.count, aus, options.method)
    figure = evidence.write(found, options.out, options.json)
    console = PlainConsole()
    console.print(found.grid().rich())
    console.print(f"{figure} shows it", soft_wrap=True)


def _numbers(aus: str) -> tuple[int, ...]:
    """FACS numbers of a text such as 12,6."""
    try:
        return tuple(int(number) for number in aus.split(","))
    except ValueError:
        raise ValueError(f"AUs must be FACS numbers with commas between, such as 12,6, got {aus!r}") from None


COMMAND = Command(
    "explain",
    STUDY,
    "Show where in a face a network sees AUs and where its attention lies: heat maps.",
    _arguments,
    _run,
    (
        "auflow explain photo.jpg --out explained",
        "auflow explain --data ferplus --root FERPLUS --out evidence     # over many faces",
    ),
    "With --data, a table and evidence.csv say how much of the evidence of each AU lies at brow, eyes, nose, mouth and"
    " chin.",
)
