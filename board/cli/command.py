# SPDX-License-Identifier: Apache-2.0
"""What a command of `auflow` is, and the program around all of them: help, completion, errors, exit statuses."""

from __future__ import annotations

import argparse
import errno
import io
import logging
import os
import shutil
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from board import __version__
from board.cli.options import check_outputs
from board.core.files import REMEDIES, cache_folder
from board.core.text import printable

PROGRAM = "auflow"
ABOUT = "Facial action units on a small FPGA."
START = "To begin with: `auflow detect photo.jpg`."
USE, BUILD, TRAIN, STUDY = "Use it", "Build it", "Train it", "Study it"
"""Tasks, the headings of `auflow --help`."""
FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit statuses: after an error or a difference; after a usage error, as argparse has it; after Ctrl-C, as shells have
it."""
LONGEST = 1000
"""Characters of an error's sentence."""
SPACE_BYTES = 1 << 20
"""A disk with less is full."""
LISTED = r"(?m)^ *(?P<args>[a-z]+( [a-z]+)?)  "
"""A command's name in `auflow --help`, for colours."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: Its word after `auflow`; of two words, as "data check", the first is shared by several commands.
        task: Heading that `auflow --help` lists it under.
        help: What it does, one sentence.
        arguments: Adds its options to a parser; called only when they are needed, so it may import.
        run: Does it and returns the exit status.
        examples: Command lines.
        details: What else its --help tells, in paragraphs.
        goes_on: How it goes on after Ctrl-C, such as "the same command goes on with --resume"; empty where it cannot.
    """

    name: str
    task: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    examples: tuple[str, ...]
    details: str = ""
    goes_on: str = ""


def main(commands: Sequence[Command], words: Sequence[str] | None = None) -> int:
    """Run the command that a command line asks for.

    Args:
        commands: All there are.
        words: The command line after the program's name; None takes the process's.

    Returns:
        The exit status: 0; FAILED after an error, which is one sentence on standard error, and where nobody reads
        standard output any more; INTERRUPTED after Ctrl-C.

    Raises:
        SystemExit: After --help, --version or a completion (0), or a usage error (MISUSED).
    """
    words = sys.argv[1:] if words is None else words
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may take fewer characters than names have
        sys.stdout.reconfigure(errors="backslashreplace")
    command = asked(commands, words)
    try:
        parsed = parser(commands, words)
        if "_ARGCOMPLETE" in os.environ:
            _complete(parsed)
        if not words:
            parsed.print_help(sys.stderr)
            return MISUSED
        options = parsed.parse_args(words)
        assert command is not None, "argparse refuses a command line without a command"
        check_outputs(options)
        with _warnings_shown():
            status = command.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, RuntimeError, OSError) as error:
        print(f"{PROGRAM}: {sentence(error)}", file=sys.stderr)
        return FAILED
    except ModuleNotFoundError:  # which `board.cli.program` explains
        raise
    except Exception as error:  # ours to mend: no reader or tool may raise anything else
        print(f"{PROGRAM}: {_fault(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        goes_on = f"; {command.goes_on}" if command is not None and command.goes_on else ""
        print(f"{PROGRAM}: interrupted{goes_on}", file=sys.stderr)
        return INTERRUPTED


def sentence(error: Exception) -> str:
    """What an error says, on one line of bounded length that a terminal can show.

    One of the system, which says a number, becomes what could not be used and why.
    """
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        named = error.filename2 or error.filename or _full(error) or "a file"  # of a copy, the second is where to
        if isinstance(named, bytes):
            named = os.fsdecode(named)
        remedy = REMEDIES.get(error.errno or 0, "mend its permissions, or name another")
        said = f"cannot use {named}: {error.strerror}: {remedy}"
    words = printable(" ".join(said.split()))
    return words if len(words) <= LONGEST else f"{words[: LONGEST // 2]} … {words[-LONGEST // 2 :]}"


def _full(error: OSError) -> str:
    """Where there is no space left, as an error says that does not say where; empty where it is of another kind."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    places = {"the working folder": Path(), "the cache": cache_folder(""), "the folder for temporary files": None}
    full = []
    for name, place in places.items():
        with suppress(OSError):
            found = Path(tempfile.gettempdir()) if place is None else place.absolute()
            there = next(one for one in (found, *found.parents) if one.exists())
            if shutil.disk_usage(there).free < SPACE_BYTES:
                full.append(f"{name}, {found}")
    return " and ".join(full) or "the disk that was written to"


def _fault(error: Exception) -> str:
    """A sentence about a fault of the program, whose traceback is kept."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix=f"{PROGRAM}-fault-", suffix=".log", delete=False) as log:
            log.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        kept = f"please report it with {log.name}"
    except OSError:
        kept = "please report it"
    return f"a fault of the program itself, {type(error).__name__} ({sentence(error)}): {kept}"


def asked(commands: Sequence[Command], words: Sequence[str]) -> Command | None:
    """The command that a command line names, None where it names none."""
    named = [word for word in words if not word.startswith("-")]
    return next((one for one in commands if named[: len(one.name.split())] == one.name.split()), None)


def parser(commands: Sequence[Command], words: Sequence[str]) -> argparse.ArgumentParser:
    """The program's parser, with the options of the one command that `words` or a shell's completion asks for."""
    if "_ARGCOMPLETE" in os.environ:
        words = os.environ.get("COMP_LINE", "").split()[int(os.environ["_ARGCOMPLETE"]) :]
    chosen = asked(commands, words)
    style = _formatter()
    top = _Parser(
        PROGRAM,
        f"{PROGRAM} [-h] [--version] COMMAND ...",
        ABOUT,
        _paragraphs(f"`{PROGRAM} COMMAND --help` tells the options of a command and shows examples. {START}"),
        formatter_class=style,
        allow_abbrev=False,
    )
    top.add_argument(
        "--version", action="version", version=f"{PROGRAM} {__version__}", help="show the program's version and exit"
    )
    for task in dict.fromkeys(command.task for command in commands):
        top.add_argument_group(task, _listing([command for command in commands if command.task == task]))
    branches: dict[str, Any] = {"": _branch(top, PROGRAM)}
    for command in commands:
        group, _, word = command.name.rpartition(" ")
        if group not in branches:
            of_group = [one for one in commands if one.name.startswith(f"{group} ")]
            shared = branches[""].add_parser(
                group,
                help=of_group[0].help,
                usage=f"{PROGRAM} {group} [-h] COMMAND ...",
                description=_listing(of_group),
                formatter_class=style,
                allow_abbrev=False,
            )
            branches[group] = _branch(shared, f"{PROGRAM} {group}")
        leaf = branches[group].add_parser(
            word,
            help=command.help,
            description=_paragraphs(f"{command.help}\n\n{command.details}") if command is chosen else None,
            epilog="\n".join(["examples:", *(f"  {line}" for line in command.examples)]),
            formatter_class=style,
            allow_abbrev=False,
        )
        if command is chosen:
            command.arguments(leaf)
    return top


class _Parser(argparse.ArgumentParser):
    """Names in its errors cannot steer a terminal: a shell's * may take one for an option."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps lines as they are written; tells what is required and what is taken where nothing is given."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if action.required and action.option_strings:
            return f"{text} (required)"
        if isinstance(action.default, bool) or action.default in (None, [], argparse.SUPPRESS):
            return text
        if isinstance(action.default, tuple):
            return f"{text} (default: {' '.join(map(str, action.default))})"
        return f"{text} (default: %(default)s)"


def _formatter() -> type[argparse.HelpFormatter]:
    """In colours on a terminal, where rich-argparse is installed."""
    if not sys.stdout.isatty():
        return _Help
    try:
        from rich_argparse import RawDescriptionRichHelpFormatter
    except ImportError:
        return _Help

    class Coloured(_Help, RawDescriptionRichHelpFormatter):
        group_name_formatter = str
        highlights: ClassVar = [*RawDescriptionRichHelpFormatter.highlights, LISTED]
        help_markup = text_markup = False

    return Coloured


def _branch(parser: argparse.ArgumentParser, prog: str) -> Any:
    """Where commands are added; `_listing` shows them, by task."""
    return parser.add_subparsers(dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS, prog=prog)


def _listing(commands: Sequence[Command]) -> str:
    """A line or two for each command."""
    return "\n".join(
        textwrap.fill(command.help, _width(), initial_indent=f"{command.name:<12}", subsequent_indent=12 * " ")
        for command in commands
    )


def _paragraphs(text: str) -> str:
    return "\n\n".join(textwrap.fill(part, _width()) for part in text.strip().split("\n\n"))


def _width() -> int:
    """Columns of a help text, as argparse has it, less the indent of a group."""
    return shutil.get_terminal_size().columns - 4


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks how a command line goes on, and exit."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser, always_complete_options="long")


class _Printable(logging.Formatter):
    """Messages may hold names, and names anything."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


@contextmanager
def _warnings_shown() -> Iterator[None]:
    """What the program logs as a warning or worse is told on standard error meanwhile."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Printable(f"{PROGRAM}: %(message)s"))
    log = logging.getLogger(PROGRAM)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
