# SPDX-License-Identifier: Apache-2.0
"""The program around all commands: what they return, what it says when they fail, and what it imports."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Ran, run_cli

from board import __version__
from board.cli import command, options
from board.cli.command import Command


def program(run: Callable[[argparse.Namespace], int], goes_on: str = "") -> tuple[Command, ...]:
    """`fly --high N`, and the group `data` with `check`."""

    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--high", type=options.integer(1, 9), default=3, metavar="N", help="how high")

    def unasked(parser: argparse.ArgumentParser) -> None:
        raise AssertionError("options of a command that nobody asked for")

    return (
        Command("fly", "Use it", "Fly.", arguments, run, ("auflow fly --high 9",), goes_on=goes_on),
        Command(
            "data check", "Train it", "Check.", arguments, lambda options: 10 * options.high, ("auflow data check",)
        ),
        Command("walk", "Use it", "Walk.", unasked, run, ("auflow walk",)),
    )


def ran(commands: tuple[Command, ...], *words: object) -> Ran:
    return run_cli(*words, program=lambda given: command.main(commands, given))


def test_a_command_returns_its_status() -> None:
    commands = program(lambda options: options.high)
    assert ran(commands, "fly") == (3, "", "")
    assert ran(commands, "fly", "--high", 7).status == 7
    assert ran(commands, "data", "check", "--high", 4).status == 40


@pytest.mark.parametrize("error", [ValueError, RuntimeError, OSError, ConnectionResetError])
def test_an_error_is_one_sentence(error: type[Exception]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise error("need a wing,\n  got none")

    assert ran(program(fail), "fly") == (1, "", "auflow: need a wing, got none\n")


def test_our_own_bugs_are_a_sentence_that_names_their_log() -> None:
    def fail(_: argparse.Namespace) -> int:
        raise KeyError("wing")

    told = ran(program(fail), "fly")
    found = re.fullmatch(
        r"auflow: a fault of the program itself, KeyError \('wing'\): please report it with (.*)\n", told.stderr
    )
    assert told.status == 1 and found is not None, told.stderr
    log = Path(found[1])
    assert "in fail" in log.read_text()
    log.unlink()


def test_a_missing_package_is_left_to_the_program() -> None:
    def fail(_: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'wing'", name="wing")

    with pytest.raises(ModuleNotFoundError):
        ran(program(fail), "fly")


@pytest.mark.parametrize(
    ("goes_on", "said"), [("", "interrupted"), ("go on with --resume", "interrupted; go on with --resume")]
)
def test_ctrl_c_says_how_to_go_on(goes_on: str, said: str) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    assert ran(program(interrupt, goes_on), "fly") == (130, "", f"auflow: {said}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("swim",), "argument COMMAND: invalid choice: 'swim'"),
        (("fly", "--hi", 3), "unrecognized arguments: --hi 3"),  # an abbreviation may mean another option tomorrow
        (("fly", "--high", 0), "argument --high: need at least 1, got 0"),
        (("fly", "--high", 10), "argument --high: need at most 9, got 10"),
        (("fly", "--high", "up"), "argument --high: need a whole number, got 'up'"),
        (("data",), "the following arguments are required: COMMAND"),
        (("fly", "--\x1b[31m.jpg"), r"unrecognized arguments: --\x1b[31m.jpg"),
    ],
)
def test_a_usage_error_is_status_2(words: tuple[object, ...], said: str) -> None:
    found = ran(program(lambda _: 0), *words)
    assert (found.status, found.stdout) == (2, "") and said in found.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nan", "need a finite number, got nan"),
        ("inf", "need a finite number, got inf"),
        ("-1", "need at least 0"),
        ("x", "need a number, got 'x'"),
    ],
)
def test_a_number_is_of_its_range(text: str, said: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        options.number(0, 1)(text)
    assert options.number(0, 1)("0.5") == 0.5


def test_without_a_command_all_are_listed() -> None:
    found = ran(program(lambda _: 0))
    assert (found.status, found.stdout) == (2, "")
    listed = found.stderr.partition("Use it:")[2]
    words = ["fly", "Fly.", "walk", "Walk.", "Train", "it:", "data", "check", "Check."]
    assert listed.split()[: len(words)] == words
    assert found.stderr == ran(program(lambda _: 0), "--help").stdout


def test_help_shows_defaults_and_examples() -> None:
    found = ran(program(lambda _: 0), "fly", "--help")
    assert (found.status, found.stderr) == (0, "")
    assert "--high N    how high (default: 3)" in found.stdout
    assert found.stdout.endswith("examples:\n  auflow fly --high 9\n")


def test_warnings_are_told_and_progress_is_not() -> None:
    def warn(_: argparse.Namespace) -> int:
        log = logging.getLogger("auflow.wings")
        log.setLevel(logging.INFO)
        log.info("flapping")
        log.warning("one is broken")
        return 0

    for _ in range(2):  # once each
        assert ran(program(warn), "fly").stderr == "auflow: one is broken\n"
    assert not logging.getLogger("auflow").handlers


def test_the_version_is_told() -> None:
    assert ran(program(lambda _: 0), "--version") == (0, f"auflow {__version__}\n", "")
