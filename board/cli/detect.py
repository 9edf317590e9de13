# SPDX-License-Identifier: Apache-2.0
"""`auflow detect`: faces and their action units in pictures, videos and cameras."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from board.cli.command import USE, Command
from board.cli.options import Weights, add_deploy, add_executor, add_finder, deployment, finder, integer
from board.progress import bar


def command(weights: Weights | None) -> Command:
    """The command; `weights` makes a deployment where the user names none."""
    return Command(
        "detect",
        USE,
        "Find faces and their action units (AUs) in pictures, a video or a camera.",
        lambda parser: _arguments(parser, weights),
        lambda options: _run(options, weights),
        (
            "auflow detect photo.jpg",
            "auflow detect clip.mp4 --out aus.csv --annotate seen.mp4",
            "auflow detect /dev/video0 --out aus.csv     # until Ctrl-C",
        ),
        "Every frame and face makes a row: where the face is, the probability of each AU, whether it is present, and"
        " the nearest emotion. A frame without a face, or one that cannot be read, has its row too.",
        "the same command goes on with --resume, if it has --out",
    )


def _arguments(parser: argparse.ArgumentParser, weights: Weights | None) -> None:
    parser.add_argument(
        "input", metavar="INPUT", help="picture, folder, video, .npy, .npz, or camera such as /dev/video0"
    )
    add_deploy(parser, weights)
    add_executor(parser)
    add_finder(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="F",
        help="write the rows here: .csv with OpenFace's columns, or .jsonl (default: a line for each face on the"
        " terminal)",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="F",
        help="draw boxes and AU bars into a video (.mp4, .avi), a picture (.png, .jpg) or a folder of pictures",
    )
    parser.add_argument("--attention", action="store_true", help="add where the network looked")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where an interrupted run of this command stopped; needs --out, and no annotated video",
    )
    parser.add_argument("--max-faces", type=integer(1), default=8, metavar="N", help="most faces of a frame")
    parser.add_argument(
        "--search-every",
        type=integer(1),
        metavar="N",
        help="frames of a video from one search of the whole picture for faces to the next; between them faces are"
        " followed (default: 1 with yunet, 12 with haar)",
    )


def _run(options: argparse.Namespace, weights: Weights | None) -> int:
    from board.detector import AUDetector
    from board.outputs import open_outputs
    from board.pipeline import Pipeline
    from board.sources.open_source import open_source

    deployed = deployment(options.deploy, weights)
    for written in (options.out, options.annotate):
        if written is not None and written.resolve() == Path(options.input).resolve():
            raise ValueError(f"an output must not be the input, got {written} for both: name another")
    source = open_source(options.input)
    with AUDetector(deployed, options.executor, finder(options, deployed)) as detector:
        searched = detector.finder.description
        print(f"{deployed.manifest.name} on {detector.executor.description}, faces by {searched}", file=sys.stderr)
        outputs, start = open_outputs(options.out, options.annotate, detector.contract, source, options.resume)
        pipeline = Pipeline(
            detector,
            source,
            outputs,
            attention=options.attention,
            search_every=options.search_every,
            max_faces=options.max_faces,
            start=start,
        )
        with bar("detecting", None if source.count is None else source.count - start, "frames") as step:
            summary = pipeline.run(lambda frames: step(1))
    found = ", ".join(f"{count:,} {status}" for status, count in sorted(summary.observations.items())) or "none"
    dropped = f", {summary.dropped} dropped" if source.live else ""
    frames = "1 frame" if summary.frames == 1 else f"{summary.frames:,} frames"
    print(f"{frames}{dropped}, {summary.fps:.1f} per second; observations: {found}", file=sys.stderr)
    if summary.interrupted and not source.live:  # a camera has no other end
        raise KeyboardInterrupt
    return 0
