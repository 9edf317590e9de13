# SPDX-License-Identifier: Apache-2.0
"""What one build is told: preset, board, clock and the folding of every layer, from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import tomllib

HERE = Path(__file__).resolve().parent
CONFIGS = HERE / "builds"
"""Where the checked-in builds lie."""

RAM_STYLES = ("auto", "block", "distributed")
"""Ultra RAM is none of them: on UltraScale+ it starts empty (AMD UG573), so it cannot hold weights that come with the
bitstream, and only weights are large here."""


@dataclass(frozen=True)
class Board:
    """A board and what its device holds.

    Attributes:
        name: As PYNQ and FINN+ call it.
        part: FPGA part.
        lut: Look-up tables.
        ff: Flip-flops.
        bram36: Block RAMs of 36 kbit.
        uram: Ultra RAMs.
        dsp: DSP slices.
        clock_mhz: Clock of an accelerator, where a build names none.
        shell_lut: Of those, what the shell around the accelerator takes: DMA, interconnect, resets.
        shell_ff: The same.
        shell_bram36: The same.
    """

    name: str
    part: str
    lut: int
    ff: int
    bram36: int
    uram: int
    dsp: int
    clock_mhz: float
    shell_lut: int
    shell_ff: int
    shell_bram36: int


@dataclass(frozen=True)
class Folding:
    """How much of one layer works at once; what is None follows from the neighbours.

    Attributes:
        pe: Channels per cycle at the layer's output; outputs per cycle of a convolution or dense layer.
        simd: Inputs per cycle of a convolution or dense layer.
        window_simd: Channels per cycle of a convolution's padding and sliding window.
        ram_style: Memory of weights or thresholds: block RAM, LUTs, or whichever wastes less.
        window_ram_style: Memory of a sliding window.
        pumped: Whether a multiplier's DSPs run at twice the clock, so that half of them do.
        fifo_depths: Beats of the FIFO before each input, in the order of inputs; 0 leaves it out.
        window_fifo_depth: Beats of the FIFO between a sliding window and its multiplier; 0 leaves it out.
    """

    pe: int | None = None
    simd: int | None = None
    window_simd: int | None = None
    ram_style: str = "auto"
    window_ram_style: str = "auto"
    pumped: bool = False
    fifo_depths: tuple[int, ...] | None = None
    window_fifo_depth: int | None = None

    def __post_init__(self) -> None:
        for key in ("pe", "simd", "window_simd"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"need {key} >= 1, got {value}")
        for key in ("ram_style", "window_ram_style"):
            if getattr(self, key) not in RAM_STYLES:
                raise ValueError(f"need {key} to be one of {', '.join(RAM_STYLES)}, got {getattr(self, key)!r}")
        depths = [("fifo_depths", depth) for depth in self.fifo_depths or ()]
        for key, depth in [*depths, ("window_fifo_depth", self.window_fifo_depth or 0)]:
            if depth < 0 or depth == 1:
                raise ValueError(f"need {key} of 0 or at least 2 beats, got {depth}")


@dataclass(frozen=True)
class BuildConfig:
    """One build.

    Attributes:
        name: Of the build and of its folder.
        preset: Widths of the network, one of qnn's presets or `tiny`.
        board: Where it shall run.
        clock_mhz: Clock of the accelerator; a file that names none takes the board's.
        checkpoint: Weights, relative to the file's folder; None takes the one in the repository.
        folding: By layer; a layer without an entry gets defaults.
    """

    name: str
    preset: str
    board: Board
    clock_mhz: float
    checkpoint: str | None = None
    folding: Mapping[str, Folding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or any(not (c.isalnum() or c in "._-") for c in self.name):
            raise ValueError(f"need a name of letters, digits, '.', '_' and '-', got {self.name!r}")
        if not self.clock_mhz > 0:
            raise ValueError(f"need clock_mhz > 0, got {self.clock_mhz}")

    @property
    def clk_period_ns(self) -> float:
        """Clock period."""
        return 1000 / self.clock_mhz


def boards() -> dict[str, Board]:
    """Every known board by its name."""
    table = tomllib.loads((HERE / "boards.toml").read_text())
    return {name: Board(name=name, **values) for name, values in table.items()}


def board(name: str) -> Board:
    """The board of a name.

    Raises:
        ValueError: There is none.
    """
    known = boards()
    if name not in known:
        raise ValueError(f"need a board out of {', '.join(known)}, got {name!r}")
    return known[name]


def load(path: Path) -> BuildConfig:
    """Read a build.

    Raises:
        ValueError: The file is missing or no TOML, or a key is unknown, missing or has a bad value.
    """
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"a build needs its configuration, got none at {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"a build's configuration must be TOML, got {error} in {path}") from None
    try:
        return _parse(content)
    except ValueError as error:
        raise ValueError(f"{error} (in {path})") from None


def _parse(content: dict[str, Any]) -> BuildConfig:
    folding = _typed(dict, content.get("folding", {}), "folding")
    values = dict(content)
    values["folding"] = {layer: _layer(layer, entry) for layer, entry in folding.items()}
    if "board" in values:
        values["board"] = board(_typed(str, values["board"], "board"))
        values.setdefault("clock_mhz", values["board"].clock_mhz)
    return BuildConfig(**_checked(BuildConfig, values, "a build"))


def _layer(layer: str, entry: Any) -> Folding:
    values = dict(_typed(dict, entry, f"folding.{layer}"))
    if isinstance(values.get("fifo_depths"), list):
        values["fifo_depths"] = tuple(values["fifo_depths"])
    try:
        return Folding(**_checked(Folding, values, f"folding.{layer}"))
    except ValueError as error:
        raise ValueError(f"layer {layer}: {error}") from None


def _checked(cls: Any, values: dict[str, Any], where: str) -> dict[str, Any]:
    """Values that a dataclass takes, each of its type."""
    hints = get_type_hints(cls)
    if unknown := sorted(set(values) - set(hints)):
        raise ValueError(f"{where} has only the keys {', '.join(hints)}, got {unknown[0]!r}")
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [key for key in required if key not in values]:
        raise ValueError(f"{where} must have the key {missing[0]!r}, got none")
    for key, value in values.items():
        if not _fits(value, hints[key]):
            raise ValueError(f"{where} needs {key} of type {hints[key]}, got {value!r}")
    return values


def _fits(value: Any, hint: Any) -> bool:
    """Whether a TOML value is of an annotated type; an integer is a float too, a boolean is neither."""
    if isinstance(hint, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    origin = get_origin(hint)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(entry, int) for entry in value)
    if origin is not None:
        return isinstance(value, dict)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)


def _typed(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be of type {kind.__name__}, got {value!r}")
    return value
