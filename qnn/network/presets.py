# SPDX-License-Identifier: Apache-2.0
"""Presets: how many bits each part of a quantized network has, an entry of presets.toml each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType

import tomllib

from board.core.reading import read_text

FILE = Path(__file__).with_name("presets.toml")
REMEDY = "restore the file"

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
"""Where the checkpoints lie that come with this repository."""

FLOAT = "float"
"""What stands for a preset where the network is not quantized."""

FEWEST_BITS, MOST_BITS = 2, 8
DIVISORS = (1, 2, 4, 8)
"""What every width can be divided by."""


@dataclass(frozen=True)
class Preset:
    """Bits per part of the network.

    Attributes:
        weight_bits: Weights of conv2 to conv5.
        activation_bits: Activations between layers.
        head_bits: Weights of fc1 and fc2, which hold 1.11 M of 1.45 M weights.
        first_bits: Weights of conv1, which meets 8-bit pixels.
        attention_bits: Weights, hidden units and feature maps inside attention.
        descriptor_bits: Pooled descriptors; four bits would flatten the mean.
        output_bits: Weights of fc3.
        divisor: Of every width, where nothing else is said (Architecture.divisor).
    """

    weight_bits: int
    activation_bits: int
    head_bits: int = 2
    first_bits: int = 8
    attention_bits: int = 4
    descriptor_bits: int = 8
    output_bits: int = 4
    divisor: int = 1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "divisor" and not (type(value) is int and FEWEST_BITS <= value <= MOST_BITS):
                raise ValueError(f"need {name} from {FEWEST_BITS} to {MOST_BITS}, got {value!r}")
        if self.divisor not in DIVISORS:
            raise ValueError(f"need divisor {', '.join(map(str, DIVISORS))}, got {self.divisor!r}")


def shipped_checkpoint(name: str) -> Path:
    """The checkpoint of a name, a preset's or such as `w4a4-paper`, that comes with this repository."""
    return CHECKPOINTS / f"{name}.safetensors"


def preset_checkpoint(preset: str) -> Path:
    """The checkpoint of a preset that comes with this repository.

    Raises:
        ValueError: None does.
    """
    path = shipped_checkpoint(preset)
    if not path.is_file():
        raise ValueError(
            f"no weights of preset {preset} come with AUFlow: train some with `auflow train --preset {preset}` and name"
            " them with --checkpoint"
        )
    return path


def checkpoint_of(text: str, folder: Path = Path()) -> Path:
    """The checkpoint that a text means: a name of those of this repository, else a file as seen from a folder."""
    shipped = shipped_checkpoint(text)
    return shipped if Path(text).name == text and shipped.is_file() else folder / text


def text_of(checkpoint: Path, folder: Path | None = None) -> str:
    """What `checkpoint_of` takes: a name for a checkpoint of this repository, else where the file lies.

    Args:
        checkpoint: A .safetensors file.
        folder: Of the file that is to tell it, whence the path then goes, so that it names none of this computer's
            folders; None gives the whole path.
    """
    path = checkpoint.resolve()
    if path.parent == CHECKPOINTS.resolve():
        return path.stem
    return str(path) if folder is None else os.path.relpath(path, folder.resolve())


def load(path: Path = FILE) -> Mapping[str, Preset]:
    """Read presets by name, in the order of the file.

    Raises:
        ValueError: No TOML, an unknown or missing key, or bits out of range.
    """
    try:
        content = tomllib.loads(read_text(path, "presets", REMEDY))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"presets must be TOML, got {error} in {path}: {REMEDY}") from None
    return MappingProxyType({name: _preset(name, entry, path) for name, entry in content.items()})


def _preset(name: str, entry: object, path: Path) -> Preset:
    """One entry."""
    known = [field.name for field in fields(Preset)]
    if not isinstance(entry, dict) or not set(entry) <= set(known):
        raise ValueError(f"a preset has keys {', '.join(known)}, got {name} = {entry} in {path}: {REMEDY}")
    try:
        return Preset(**entry)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error} for {name} in {path}: {REMEDY}") from None


PRESETS = load()


def check(name: str) -> None:
    """Refuse what is neither FLOAT nor a preset.

    Raises:
        ValueError: An unknown preset.
    """
    if name not in (FLOAT, *PRESETS):
        raise ValueError(f"unknown preset {name!r}: use one of {', '.join((FLOAT, *PRESETS))}")


def common_divisor(names: Sequence[str]) -> int:
    """The divisor of the widths that some presets have in common; FLOAT goes with any.

    Raises:
        ValueError: An unknown preset, or presets of different widths.
    """
    for name in names:
        check(name)
    found = {PRESETS[name].divisor for name in names if name != FLOAT}
    if len(found) > 1:
        raise ValueError(f"presets of one run must share their widths, got {', '.join(names)}: give one --divisor")
    return found.pop() if found else 1
