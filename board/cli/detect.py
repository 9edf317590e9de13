# SPDX-License-Identifier: Apache-2.0
"""`auflow detect`: faces and their action units in pictures, videos and cameras."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from board.cli.command import USE, Command
from board.cli.options import (
    Weights,
    add_deploy,
    add_executor,
    add_finder,
    add_tracking,
    deployment,
    finder,
    integer,
    time_s,
)
from board.core.text import printable
from board.progress import bar

if TYPE_CHECKING:  # OpenCV takes time to import: commands do it when they run
    from board.deployment import Deployment
    from board.detector import AUDetector
    from board.outputs import RunOutputs
    from board.sources.frame import Source
    from board.summary import Summary

PLACES = ("command", "inputs", "recursive", "deploy", "executor", "out", "annotate", "resume")
"""Options that leave every row as it is."""


def command(weights: Weights | None) -> Command:
    """The command; `weights` makes a deployment where the user names none."""
    return Command(
        "detect",
        USE,
        "Find faces and their action units (AUs) in pictures, videos or a camera.",
        lambda parser: add_arguments(parser, weights),
        lambda options: run(options, weights),
        (
            "auflow detect photo.jpg",
            "auflow detect clip.mp4 --out aus.csv --annotate seen.mp4",
            "auflow detect a.mp4 b.mp4 pictures/ --out all.csv         # one table, `source` says which input",
            "auflow detect videos/ --recursive --out rows/ --annotate seen/     # files for each input",
            "auflow detect long.mp4 --start 60 --end 90 --every 5 --out aus.jsonl",
            "auflow detect long.mp4 --out aus.csv --resume             # after Ctrl-C, a crash, a power cut",
            "auflow detect /dev/video0 --out aus.csv                   # until Ctrl-C",
            "auflow detect -- -odd-name-.mp4                           # a name that begins with -",
        ),
        "Every frame and face makes a row: where the face is, the probability of each AU and whether it is present, the"
        " emotion and the probability of each. A frame without a face, or one that cannot be read, has its row"
        " too; its `status` says so. Frames are counted and timed within their input.\n\n"
        "While rows are written they lie in F.partial, with a record of what makes them beside it, and nobody else may"
        " write F. --resume ends in the very rows of a run that nobody stopped, so it takes the same inputs, options"
        " and network and refuses others. It decodes a video from the beginning and finds the faces again, which takes"
        " as long as before; the network does not run again.",
        "the same command goes on with --resume, if it has --out",
    )


def add_arguments(parser: argparse.ArgumentParser, weights: Weights | None) -> None:
    """Add the options."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="picture, folder, video, .npy, .npz, or camera such as /dev/video0; several are read one after the other",
    )
    parser.add_argument("--recursive", action="store_true", help="read the folders in a folder too")
    add_deploy(parser, weights)
    add_executor(parser)
    add_finder(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="F|DIR",
        help="write the rows here: .csv with OpenFace's columns, .jsonl with all that is known, or a folder for one"
        " .csv of each input (default: a line for each face on the terminal)",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="F|DIR",
        help="draw boxes and AU bars into a video (.mp4, .avi; with the sound, where ffmpeg is installed), a picture"
        " (.png, .jpg) or a folder of pictures; of several inputs into a folder of videos and pictures",
    )
    parser.add_argument("--attention", action="store_true", help="add where the network looked, to .jsonl and pictures")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where an interrupted run of this command stopped; needs --out, and no annotated video",
    )
    parser.add_argument("--start", type=time_s, metavar="T", help="time of each video to begin at: seconds or hh:mm:ss")
    parser.add_argument("--end", type=time_s, metavar="T", help="time of each video to end before")
    parser.add_argument(
        "--every", type=integer(1), default=1, metavar="N", help="read every Nth frame of each video only"
    )
    add_tracking(parser)


def run(options: argparse.Namespace, weights: Weights | None) -> int:
    """Detect in all that the options name."""
    if options.attention and options.annotate is None and (options.out is None or options.out.suffix != ".jsonl"):
        raise ValueError("--attention needs a place that shows it: name --out F.jsonl or --annotate F|DIR")
    deployed = deployment(options.deploy, weights, options.trust)
    return detect(options, deployed, named_sources(options, deployed))


def detect(options: argparse.Namespace, deployed: Deployment, sources: list[Source]) -> int:
    """Detect in some sources, as the options say."""
    from board.detector import AUDetector
    from board.outputs import Places, RunOutputs

    places = Places(sources, options.out, options.annotate, options.resume)
    places.check(options.inputs)
    with AUDetector(deployed, options.executor, finder(options, deployed)) as detector:
        searched = detector.finder.description
        said = f"{deployed.manifest.name} on {detector.executor.description}, faces by {searched}"
        print(printable(said), file=sys.stderr)
        with RunOutputs(places, detector.contract, deciding(options)) as outputs:
            return _read(sources, detector, outputs, options)


def named_sources(options: argparse.Namespace, deployed: Deployment) -> list[Source]:
    """What the user named; what is left out is told.

    Files are read in colours, in which the finder finds more. A camera's take a board most of its time, so they are
    decoded only where the network or a drawing takes them.
    """
    from board.sources.open_source import is_camera, open_sources

    colour = deployed.contract.input.colour
    sources = open_sources(
        options.inputs,
        recursive=options.recursive,
        colour=colour == "rgb" or options.annotate is not None or not all(map(is_camera, options.inputs)),
        start_s=options.start,
        end_s=options.end,
        every=options.every,
    )
    for source in sources:
        for sentence in source.left_out:
            print(printable(sentence), file=sys.stderr)
    return sources


def deciding(options: argparse.Namespace) -> dict[str, str | int | float | bool | None]:
    """Options that decide over rows, and the programs that compute them, by the names that a user knows them by."""
    import cv2

    from board import __version__

    given = {f"--{name.replace('_', '-')}": value for name, value in vars(options).items() if name not in PLACES}
    return {"auflow": __version__, "OpenCV": cv2.__version__, **given}


def _read(sources: list[Source], detector: AUDetector, outputs: RunOutputs, options: argparse.Namespace) -> int:
    """Read source after source; the exit status."""
    from board.pipeline import Pipeline
    from board.summary import total

    summaries: list[Summary] = []
    counts = [source.count for source in sources[outputs.first :]]
    frames = None if None in counts else sum(count or 0 for count in counts)
    with bar("detecting", frames, "frames") as step:
        for index in range(outputs.first, len(sources)):
            source, opened = sources[index], outputs.of(index)
            if opened is None:
                step(source.count or 0)
                continue
            (rows, *drawings), start = opened
            if start:
                again = ", after finding the faces of the frames before it again" if source.moving else ""
                print(printable(f"going on with frame {start + 1} of {source.name}{again}"), file=sys.stderr)
            pipeline = Pipeline(
                detector,
                source,
                [rows],
                drawings=drawings,
                attention=options.attention,
                search_every=options.search_every,
                max_faces=options.max_faces,
                start=start,
            )
            step(start)
            summaries.append(pipeline.run(lambda frames: step(1)))
            if not (start or summaries[-1].frames or summaries[-1].interrupted):
                print(printable(f"{source.name} has no frame that --start, --end and --every ask for"), file=sys.stderr)
            if summaries[-1].interrupted:
                break
    done = total(summaries)
    found = ", ".join(f"{count:,} {status}" for status, count in sorted(done.observations.items())) or "none"
    dropped = f", {done.dropped} dropped" if sources[0].live else ""
    dropped += f", {done.undrawn} not drawn" if done.undrawn else ""
    frames_done = "1 frame" if done.frames == 1 else f"{done.frames:,} frames"
    print(f"{frames_done}{dropped}, {done.fps:.1f} per second; observations: {found}", file=sys.stderr)
    if done.interrupted and not sources[0].live:  # a camera has no other end
        raise KeyboardInterrupt
    outputs.finish()
    return 0
