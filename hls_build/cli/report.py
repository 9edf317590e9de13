# SPDX-License-Identifier: Apache-2.0
"""`auflow report`: one page about a build."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import BUILD, Command
from board.cli.options import add_output, add_trust
from board.progress import counter
from hls_build.cli.options import add_build


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_build(parser)
    parser.add_argument(
        "--without",
        type=Path,
        metavar="DIR",
        help="the same build of a network without attention, to show what attention costs",
    )
    add_output(parser, "--out", folder=True, help="folder to write to (default: report/ of the build)")
    add_trust(parser)


def _run(options: argparse.Namespace) -> int:
    from board.cli.console import PlainConsole
    from board.core.files import check_output
    from hls_build.build_folder import BuildFolder
    from hls_build.report import facts, page

    folder = BuildFolder(options.build)
    if options.out is None or not folder.timeline.is_file():  # which stays with the build
        check_output(folder.report, folder=True)
    found = facts.read(options.build)
    plain = facts.read(options.without) if options.without is not None else None
    with counter("simulating", "cycles") as progress:
        written = page.write(found, plain, options.out or found.folder.report, progress, options.trust)
    PlainConsole().print(f"{written[0]}: {found.name}, and {len(written) - 1} files beside it", soft_wrap=True)
    return 0


COMMAND = Command(
    "report",
    BUILD,
    "Write one page about a build: speed, timeline, stalls, FIFOs, resources, accuracy.",
    _arguments,
    _run,
    ("auflow report --build build/pynq-z2_w4a4", "auflow report --build build/with --without build/plain"),
    "index.html needs no other file; its pictures lie beside it as PNG, its layers as CSV. The first report of a build"
    " simulates a few frames.",
)
