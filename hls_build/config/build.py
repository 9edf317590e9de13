# SPDX-License-Identifier: Apache-2.0
"""What one build is told: preset, board, clock and the folding of every layer, from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from board.core.reading import parsing
from hls_build.config.board import Board, check_clock, load_board
from hls_build.config.folding import DRAM, Folding
from hls_build.config.parsing import REMEDY, parse, read_toml, typed
from hls_build.config.shells import FINN_SHELL, LEAN_SHELL, OWN_SHELL, SHELLS

BUILDS = Path(__file__).resolve().parent / "builds"
"""Where the checked-in builds lie."""
MODEL_PRESET = "model"
"""Preset of a build whose network is a user's own model, of `auflow compile`."""


@dataclass(frozen=True)
class BuildConfig:
    """One build.

    Attributes:
        name: Of the build and of its folder.
        preset: Widths of the network, one of qnn's presets or `tiny`; MODEL_PRESET of a user's own model.
        board: Where it shall run.
        clock_mhz: Clock of the accelerator; a file that names none takes the board's.
        checkpoint: Weights, relative to the file's folder, or a name of those in the repository; None takes those of
            the preset there.
        folding: By layer; a layer without an entry gets defaults.
        attention: Whether the first spatial gate's codes follow the accumulators in the output frame.
        shell: One of hls_build.config.shells, round the accelerator in the Vivado project.
    """

    name: str
    preset: str
    board: Board
    clock_mhz: float
    checkpoint: str | None = None
    folding: Mapping[str, Folding] = field(default_factory=dict)
    attention: bool = False
    shell: str = FINN_SHELL

    def __post_init__(self) -> None:
        if not self.name or any(not (c.isalnum() or c in "._-") for c in self.name):
            raise ValueError(f"need a name of letters, digits, '.', '_' and '-', got {self.name!r}")
        check_clock(self.clock_mhz)
        if self.shell not in SHELLS:
            raise ValueError(f"need shell to be one of {', '.join(SHELLS)}, got {self.shell!r}")
        if self.shell == FINN_SHELL and any(layer.weights == DRAM for layer in self.folding.values()):
            raise ValueError(
                f"weights from DRAM need shell = {OWN_SHELL!r} or {LEAN_SHELL!r}, which read them, got {self.shell!r}"
            )

    @property
    def clk_period_ns(self) -> float:
        """Clock period."""
        return 1000 / self.clock_mhz


def load_build(path: Path) -> BuildConfig:
    """Read a build.

    Raises:
        ValueError: The file is missing or no TOML, or a key is unknown, missing or has a bad value.
    """
    content = read_toml(path, "a build")
    with parsing(path, "a build", REMEDY):
        return _parse(content)


def _parse(content: dict[str, Any]) -> BuildConfig:
    layers = typed(dict, content.pop("folding", {}), "folding").items()
    known: dict[str, Any] = {"folding": {name: parse(Folding, entry, f"folding.{name}") for name, entry in layers}}
    if "board" in content:
        known["board"] = load_board(typed(str, content.pop("board"), "board"))
        content.setdefault("clock_mhz", known["board"].clock_mhz)
    return parse(BuildConfig, content, "a build", **known)
