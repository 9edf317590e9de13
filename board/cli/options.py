# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and the kinds of values that options take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:  # numpy takes time to import: commands do it when they run
    from board.deployment import Deployment
    from board.faces.finders.finder import Finder

Number = TypeVar("Number", int, float)
Weights = Callable[[str], Path | None]
"""Makes a deployment of the weights of a name that came with the program, "" for the usual ones, and returns its
folder; None where there are none of this name."""

EXECUTORS = ("fpga", "onnx", "numpy", "rtl")
"""Names of board.executors.EXECUTORS, whose import takes seconds on a board."""
EXECUTORS_HELP = "fpga (emulated away from a board), onnx (ONNX Runtime), numpy, rtl (simulated, seconds per face)"
FINDERS = ("yunet", "haar")
"""Names of board.faces.finders.NAMES, for the same reason."""
FACES_HELP = (
    "picture, folder of pictures, or .npy or .npz of uint8 faces, (N, 48, 48) or (N, 48, 48, 3); in a picture larger"
    " than 48x48 the face is found first"
)


class Arguments(Protocol):
    """What takes arguments: a parser, or a group of one."""

    def add_argument(self, *names: str, **settings: Any) -> argparse.Action:
        """Add an argument as argparse does."""

    def get_default(self, dest: str) -> Any:
        """The default of an option, as argparse has it."""

    def set_defaults(self, **defaults: Any) -> None:
        """Set defaults of options, as argparse does."""


def add_one_of(parser: argparse.ArgumentParser, names: Iterable[str], *flags: str, **settings: Any) -> None:
    """Add an argument that a shell completes to one of some names; what it must be is checked where it is used."""
    known = tuple(names)
    action = parser.add_argument(*flags, **{"metavar": "NAME", **settings})
    action.completer = lambda **_: known  # type: ignore[attr-defined] # argcomplete looks for it


def integer(least: int, most: int | None = None) -> Callable[[str], int]:
    """Reads a whole number of a range."""
    return lambda text: _in_range(text, int, "a whole number", least, most)


def number(least: float, most: float | None = None) -> Callable[[str], float]:
    """Reads a number of a range."""
    return lambda text: _in_range(text, float, "a number", least, most)


def _in_range(text: str, kind: type[Number], what: str, least: Number, most: Number | None) -> Number:
    """The number of a text, or why it is none that the option takes."""
    try:
        value = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"need {what}, got {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"need a finite number, got {value}")
    if value < least:
        raise argparse.ArgumentTypeError(f"need at least {least:g}, got {value}")
    if most is not None and value > most:
        raise argparse.ArgumentTypeError(f"need at most {most:g}, got {value}")
    return value


def time_s(text: str) -> float:
    """Reads a time, seconds or hh:mm:ss, as seconds."""
    from board.sources.selection import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_deploy(arguments: Arguments, weights: Weights | None) -> None:
    """Add --deploy; `deployment` opens what it names."""
    known = "the folder deploy/ that `auflow build` left, or its archive"
    if weights is None:
        metavar, default = "DIR|ZIP", "this folder"
    else:
        metavar, default = "DIR|ZIP|NAME", "this folder if it is one, else the weights in the repository"
        known += ", or a name of the weights in the repository, such as w4a4-paper"
    arguments.add_argument("--deploy", type=Path, metavar=metavar, help=f"what to run: {known} (default: {default})")


def add_trust(arguments: Arguments) -> None:
    """Add --trust."""
    arguments.add_argument(
        "--trust",
        action="store_true",
        help="run the simulated RTL even where you did not build it on this computer: it is code of who built it",
    )


def deployment(path: Path | None, weights: Weights | None, trusted: bool = False) -> Deployment:
    """The deployment that --deploy names, else the one in this folder, else one of the program's weights.

    `trusted` is what --trust says.

    Raises:
        ValueError: There is none, or it cannot be used.
    """
    from board.deployment import MANIFEST, Deployment

    if path is not None:
        named = weights(str(path)) if weights is not None and not path.exists() else None
        return Deployment(named or path, trusted)
    if Path(MANIFEST).is_file():
        return Deployment(Path("."), trusted)
    if weights is None:
        raise ValueError(
            "a deployment must be in this folder or named with --deploy, got neither: name the folder deploy/ that"
            " `auflow build` left, or its archive"
        )
    usual = weights("")
    assert usual is not None, "the program has weights"
    return Deployment(usual)


def add_executor(parser: argparse.ArgumentParser) -> None:
    """Add --executor and --trust."""
    parser.add_argument(
        "--executor",
        choices=("auto", *EXECUTORS),
        default="auto",
        metavar="NAME",
        help=f"what computes, all with the same integers: {EXECUTORS_HELP}, or auto, the fastest that is there",
    )
    add_trust(parser)


def add_finder(parser: argparse.ArgumentParser) -> None:
    """Add --finder, --min-confidence and --min-face; `finder` opens what they say."""
    parser.add_argument(
        "--finder",
        choices=("auto", *FINDERS),
        default="auto",
        metavar="NAME",
        help="what searches for faces: yunet (small faces, tilted and dark ones too), haar (frontal faces), or auto,"
        " yunet where the deployment has it",
    )
    parser.add_argument(
        "--min-confidence", type=number(0, 1), metavar="N",
        help="faces that the finder is less sure of do not count (default: 0.65 with yunet, 0 with haar)",
    )  # fmt: skip
    parser.add_argument(
        "--min-face", type=integer(1), metavar="PX",
        help="side of the smallest face in pixels of the picture; small ones make yunet slower (default: about a"
        " fifteenth of a video's width, 24 in a picture; with haar 60)",
    )  # fmt: skip


def add_tracking(parser: argparse.ArgumentParser) -> None:
    """Add --max-faces and --search-every."""
    parser.add_argument("--max-faces", type=integer(1), default=8, metavar="N", help="most faces of a frame")
    parser.add_argument(
        "--search-every",
        type=integer(1),
        metavar="N",
        help="frames of a video from one search of the whole picture for faces to the next; between them faces are"
        " followed (default: 1 with yunet, 12 with haar)",
    )


def finder(options: argparse.Namespace, deployed: Deployment) -> Finder:
    """The finder that the options of `add_finder` say.

    Raises:
        ValueError: The deployment lacks its files, or holds others.
        RuntimeError: What it needs is not installed here.
    """
    from board.faces.finders import open_finder

    return open_finder(deployed, options.finder, options.min_confidence, options.min_face)


def add_output(arguments: Arguments, flag: str, folder: bool = False, **settings: Any) -> None:
    """Add an option that names a file or folder to write to; `check_outputs` sees whether that can be done.

    Args:
        arguments: What takes it.
        flag: Such as "--json".
        folder: Whether it names a folder.
        settings: Of argparse.
    """
    action = arguments.add_argument(flag, type=Path, **{"metavar": "DIR" if folder else "FILE", **settings})
    arguments.set_defaults(outputs=(*(arguments.get_default("outputs") or ()), (action.dest, folder)))


def check_outputs(options: argparse.Namespace) -> None:
    """See before the work whether all that the options of `add_output` name can be written.

    Raises:
        RuntimeError: One cannot be.
    """
    from board.core import files

    for name, folder in getattr(options, "outputs", ()):
        if (path := getattr(options, name)) is not None:
            files.check_output(path, folder)


def add_json(arguments: Arguments) -> None:
    """Add --json; `write_json` writes it."""
    add_output(arguments, "--json", metavar="F.json", help="write the result here, for programs")


def write_json(path: Path | None, content: Any) -> None:
    """Write what --json asks for, if it does.

    Raises:
        RuntimeError: It cannot be written.
    """
    from board.core import files

    if path is not None:
        files.write_json(path, content)
