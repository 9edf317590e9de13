# SPDX-License-Identifier: Apache-2.0
"""`auflow fifos`: FIFOs no deeper than they need to be."""

from __future__ import annotations

import argparse
from pathlib import Path

from board.cli.command import BUILD, Command
from board.cli.options import add_json, add_output, integer, write_json


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, metavar="F.toml", help="build whose FIFOs are to be sized"
    )
    add_output(parser, "--out", required=True, metavar="F.toml", help="write the build with its new depths here")
    parser.add_argument("--frames", type=integer(3), default=5, metavar="N", help="faces to simulate at full rate")
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    import tempfile
    from dataclasses import replace

    from board.cli.console import PlainConsole
    from board.core import files
    from hls_build.build.shipped import checkpoint_of, integer_graph
    from hls_build.config.build import load_build
    from hls_build.folding import fifos as sizing
    from hls_build.folding import results
    from qnn.data.example import example_faces
    from qnn.network.presets import text_of

    config = options.config
    build = load_build(config)
    checkpoint = checkpoint_of(config, build)
    console = PlainConsole()
    with tempfile.TemporaryDirectory() as folder:
        faces = example_faces(options.frames)
        found = sizing.size(integer_graph(checkpoint, build.attention), build, faces, Path(folder), console.print)
    console.print(results.fifo_table(found))
    comment = f"{config.name} with FIFOs of auflow fifos, {found.interval_cycles:,} cycles per frame at full rate"
    sized = replace(found.config, checkpoint=text_of(checkpoint)) if build.checkpoint else found.config
    files.write_text(options.out, results.toml(sized, comment))
    write_json(options.json, {**vars(found), "config": str(options.out)})
    return 0


COMMAND = Command(
    "fifos",
    BUILD,
    "Make a build's FIFOs no deeper than full rate needs, by simulation.",
    _arguments,
    _run,
    ("auflow fifos --config my.toml --out sized.toml",),
    "Simulates the build twice, cycle by cycle: with the depths that rules give and pixels coming at its own rate, then"
    " with what that showed, at full rate and with random stalls. Between `auflow fold` and `auflow build`.",
)
