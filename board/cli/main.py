# SPDX-License-Identifier: Apache-2.0
"""The commands `auflow detect`, `auflow parity` and `auflow bench`, on a board and on any other computer."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from board.deployment import MANIFEST, Deployment
from board.executors import AUTO, CHOICES, EXECUTORS
from board.faces.track import SEARCH_EVERY

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
SLOW_FACES = 4
"""Faces that `parity` asks of simulated hardware, where each takes seconds."""


def detect(options: argparse.Namespace, deployment: Deployment) -> int:
    """Find faces and their action units in pictures, a video or a camera."""
    from board.detector import AUDetector
    from board.outputs import open_outputs
    from board.pipeline import Pipeline
    from board.sources.open_source import open_source

    for written in (options.out, options.annotate):
        if written is not None and written.resolve() == Path(options.input).resolve():
            raise ValueError(f"an output must not be the input, got {written} for both: name another")
    source = open_source(options.input)
    with AUDetector(deployment, options.executor) as detector:
        print(f"{detector.deployment.manifest.name} on {detector.backend.description}", file=sys.stderr)
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
        with _bar("frames", None if source.count is None else source.count - start) as step:
            summary = pipeline.run(lambda frames: step(1))
    found = ", ".join(f"{count} {status}" for status, count in sorted(summary.observations.items())) or "none"
    dropped = f", {summary.dropped} dropped" if source.live else ""
    print(f"{summary.frames} frames{dropped}, {summary.fps:.1f} per second; observations: {found}", file=sys.stderr)
    if summary.interrupted and not source.live:
        print("auflow: interrupted; the same command goes on with --resume", file=sys.stderr)
        return INTERRUPTED
    return 0


def parity(options: argparse.Namespace, deployment: Deployment) -> int:
    """Compare the integers of every backend that runs here with the reference, by ==."""
    from board.faces.load import load_faces
    from board.parity import compare

    rule = deployment.contract.input
    if options.faces is None:
        faces = np.random.default_rng(0).integers(0, 256, (options.count, *rule.shape), dtype=np.uint8)
        print(f"{options.count} frames of noise, seed 0; --faces names real ones", file=sys.stderr)
    else:
        faces = load_faces(options.faces, options.count, rule.colour, rule.crop_margin)
    slow = {"rtl": options.rtl_count, "fpga": options.rtl_count} if options.rtl_count is not None else {}
    with _bar("faces", None) as step:
        found = compare(deployment, faces, slow, options.executors or tuple(EXECUTORS), lambda name, done: step(done))
    for one in found:
        verdict = f"{one.mismatches} of {one.faces} differ, {one.seconds:.2f} s" if one.faces else "not run"
        print(f"{one.backend:<10} {verdict:<28} {one.description}")
    _write_json(options.json, {"name": deployment.manifest.name, "backends": [one.as_json() for one in found]})
    differences = [one.difference for one in found if one.difference]
    for difference in differences:
        print(f"auflow: parity failed: {difference}", file=sys.stderr)
    return 1 if differences else 0


def bench(options: argparse.Namespace, deployment: Deployment) -> int:
    """Measure every stage alone and all together: frames per second and latency."""
    from board.bench import measure, plot
    from board.detector import AUDetector

    with AUDetector(deployment, options.executor) as detector:
        found = measure(detector, options.frames, lambda stage: print(f"measuring {stage}", file=sys.stderr))
    print(f"{found.backend}: {found.description}; {found.machine}")
    print(f"{'':<20}{'frames/s':>10}{'p50 ms':>10}{'p90 ms':>10}{'p99 ms':>10}")
    content = found.as_json()
    rows = {name: (stage.frames_per_second, stage.latency_ms) for name, stage in found.alone.items()}
    for name in ("pipeline", "live"):
        rows[name] = (content[name]["fps"], content[name]["latency_ms"])
    for name, (rate, latency) in rows.items():
        print(f"{name.replace('_', ' '):<20}{rate:>10,.1f}" + "".join(f"{value:>10.2f}" for value in latency.values()))
    print(
        f"the pipeline does {found.share_of_slowest:.2f} of its slowest stage alone;"
        f" {found.live.dropped} of {found.frames} live frames were dropped"
    )
    _write_json(options.json, content)
    if options.plot is not None:
        plot(found, options.plot)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace, Deployment], int]] = {
    "detect": detect, "parity": parity, "bench": bench
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="auflow", description="Facial action units on a small FPGA.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made: dict[str, argparse.ArgumentParser] = {}
    for name, function in COMMANDS.items():
        about = str(function.__doc__)
        made[name] = commands.add_parser(name, help=about, description=about)
        made[name].add_argument(
            "--deploy", type=Path, metavar="DIR|ZIP",
            help="deployment that `auflow build` left [default: this folder if it is one, else the weights that came"
            " with the program]",
        )  # fmt: skip
    for name in ("detect", "bench"):
        made[name].add_argument(
            "--executor", choices=CHOICES, default=AUTO,
            help="what computes: fpga (emulated away from a board), onnx, reference (numpy) or sim (RTL, seconds per"
            " face); all give the same integers [default: the fastest that is there]",
        )  # fmt: skip
    _detect_options(made["detect"])
    one = made["parity"]
    one.add_argument("--faces", type=Path, metavar="PATH", help="picture, folder of pictures, .npy or .npz of faces")
    one.add_argument("--count", type=_positive, default=100, metavar="N", help="faces in software [default: 100]")
    one.add_argument(
        "--rtl-count", type=_count, default=SLOW_FACES, metavar="N",
        help=f"faces, at most, on fpga and sim [default: {SLOW_FACES}]",
    )  # fmt: skip
    one.add_argument("--executors", nargs="+", choices=tuple(EXECUTORS), help="which to compare [default: all]")
    one.add_argument("--json", type=Path, metavar="F", help="write the result here")
    one = made["bench"]
    one.add_argument("--frames", type=_positive, default=300, metavar="N", help="length of the film [default: 300]")
    one.add_argument("--json", type=Path, metavar="F", help="write the figures here")
    one.add_argument("--plot", type=Path, metavar="F.png", help="draw the figures here")
    return top


def _detect_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("input", metavar="INPUT", help="picture, folder, video, .npy, or a camera such as /dev/video0")
    one.add_argument(
        "--out", type=Path, metavar="F",
        help="rows here: .csv with OpenFace's columns, or .jsonl [default: a line for each face on the terminal]",
    )  # fmt: skip
    one.add_argument(
        "--annotate",
        type=Path,
        metavar="F",
        help="pictures with boxes and AU bars: .mp4, a picture's name, or a folder",
    )
    one.add_argument("--attention", action="store_true", help="add where the network looked")
    one.add_argument("--resume", action="store_true", help="go on where an interrupted run of this command stopped")
    one.add_argument("--max-faces", type=_positive, default=8, metavar="N", help="most faces of a frame [default: 8]")
    one.add_argument(
        "--search-every", type=_positive, default=SEARCH_EVERY, metavar="N",
        help="frames of a video from one search of the whole picture to the next; between them faces are"
        " followed [default: %(default)s]",
    )  # fmt: skip


def run(arguments: Sequence[str], weights: Callable[[], Path] | None = None) -> int:
    """Do one command.

    Args:
        arguments: Its name and options.
        weights: Makes a deployment of the weights that came with the program; None where none did.

    Returns:
        The exit status.

    Raises:
        ValueError: Something that the user gave cannot be.
        RuntimeError: A device, a tool or the disk fails.
    """
    logging.basicConfig(format="auflow: %(message)s", level=logging.WARNING)
    options = parser().parse_args(arguments)
    return COMMANDS[options.command](options, _deployment(options.deploy, weights))


def main() -> None:
    """The program on a board; what goes wrong is one sentence and a non-zero status."""
    try:
        sys.exit(run(sys.argv[1:]))
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"auflow: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _deployment(path: Path | None, weights: Callable[[], Path] | None) -> Deployment:
    if path is not None:
        return Deployment(path)
    if Path(MANIFEST).is_file():
        return Deployment(Path("."))
    if weights is None:
        raise ValueError(
            "a deployment must be in this folder or named with --deploy, got neither: name the folder deploy/ that"
            " `auflow build` left, or its archive"
        )
    return Deployment(weights())


@contextmanager
def _bar(unit: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar and the call that moves it; nothing is drawn where tqdm, which pynq brings, is missing."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda done: None
        return
    with tqdm(total=total, unit=f" {unit}", disable=None, leave=False) as bar:
        yield lambda done: bar.update(done)


def _positive(text: str) -> int:
    if (value := _count(text)) < 1:
        raise argparse.ArgumentTypeError(f"need at least 1, got {value}")
    return value


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"need a whole number, got {text!r}") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"need at least 0, got {value}")
    return value


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(content, indent=2) + "\n")
