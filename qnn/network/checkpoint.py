# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: safetensors for the numbers, a JSON card beside them for what they are; never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from board.core.decoding import BY_EMOTION, DECODINGS, INDEPENDENT
from board.core.facs import AUS
from board.faces.find import COLOURS
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import PRESETS
from qnn.network.quantized import QuantCbamCnn

FORMAT = "auflow-checkpoint-1"
FLOAT = "float"
"""The preset name of float checkpoints."""

SHIPPED = Path(__file__).parents[1] / "checkpoints"


@dataclass(frozen=True)
class Card:
    """What a checkpoint is.

    Attributes:
        preset: `float` or a name of PRESETS.
        architecture: Geometry of the network.
        aus: FACS numbers in the order of the outputs.
        training: Data and its terms, recipe, seed.
        metrics: Figures with what they were measured on.
        colour: The colour rule of its faces, "grey" or "rgb", see board.faces.find.to_input.
        crop_margin: Share of the face's side that its crops add on each side, see board.faces.find.cut_face.
        thresholds: Decision threshold of each AU, a probability; empty where all are 0.5.
        decoding: How probabilities come from logits, see board.core.decoding.
    """

    preset: str
    architecture: Architecture
    aus: tuple[int, ...] = AUS
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    colour: str = "grey"
    crop_margin: float = 0.0
    thresholds: tuple[float, ...] = ()
    decoding: str = INDEPENDENT

    def __post_init__(self) -> None:
        if self.colour not in COLOURS:
            raise ValueError(f"colour must be one of {', '.join(COLOURS)}, got {self.colour!r}")
        if self.decoding not in DECODINGS:
            raise ValueError(f"decoding must be one of {', '.join(DECODINGS)}, got {self.decoding!r}")
        if self.decoding == BY_EMOTION and self.aus != AUS:
            raise ValueError(f"decoding {self.decoding!r} needs the AUs of Table 2 in their order, got {self.aus}")
        if self.thresholds and len(self.thresholds) != len(self.aus):
            raise ValueError(f"need one threshold for each of {len(self.aus)} AUs, got {len(self.thresholds)}")
        for threshold in self.thresholds:
            if not (isinstance(threshold, float) and 0 < threshold < 1):
                raise ValueError(f"a threshold must be a probability between 0 and 1, got {threshold!r}")

    @property
    def decision_thresholds(self) -> tuple[float, ...]:
        """One threshold for each AU."""
        return self.thresholds or (0.5,) * len(self.aus)


def build_model(card: Card) -> CbamCnn | QuantCbamCnn:
    """The network that the card describes, untrained."""
    if card.preset == FLOAT:
        return CbamCnn(card.architecture)
    if card.preset not in PRESETS:
        raise ValueError(f"unknown preset {card.preset!r}: use one of {', '.join((FLOAT, *PRESETS))}")
    return QuantCbamCnn(card.architecture, PRESETS[card.preset])


def common_divisor(presets: Sequence[str]) -> int:
    """The divisor of the widths that some presets have in common; `float` goes with any.

    Raises:
        ValueError: An unknown preset, or presets of different widths.
    """
    for name in presets:
        if name not in (FLOAT, *PRESETS):
            raise ValueError(f"unknown preset {name!r}: use one of {', '.join((FLOAT, *PRESETS))}")
    found = {PRESETS[name].divisor for name in presets if name in PRESETS}
    if len(found) > 1:
        raise ValueError(f"presets of one run must share their widths, got {', '.join(presets)}: give one --divisor")
    return found.pop() if found else 1


def card_path(path: Path) -> Path:
    """The card beside a checkpoint."""
    return path.with_suffix(".json")


def save(path: Path, model: nn.Module, card: Card) -> None:
    """Write `path` (.safetensors) and its card, each whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        save_file({name: _smallest(value).contiguous() for name, value in model.state_dict().items()}, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    write_card(path, card)


def write_card(path: Path, card: Card) -> None:
    """Write the card of the checkpoint at `path`, whole or not at all."""
    content = {"format": FORMAT, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **asdict(card)}
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(content, indent=2) + "\n")
        partial.replace(card_path(path))
    finally:
        partial.unlink(missing_ok=True)


def _smallest(value: Tensor) -> Tensor:
    """Half precision where it holds every element exactly, as it does integers times a power of two."""
    half = value.to(torch.float16)
    return half if value.dtype == torch.float32 and torch.equal(half.to(torch.float32), value) else value


def read_card(path: Path) -> Card:
    """Read the card beside a checkpoint.

    Raises:
        ValueError: No checkpoint, no card, one of another format, or numbers that are not the card's.
    """
    if not path.is_file():
        raise ValueError(f"no checkpoint at {path}: give a .safetensors file")
    try:
        content = json.loads(card_path(path).read_text())
    except FileNotFoundError:
        raise ValueError(f"checkpoint {path} lacks its card {card_path(path).name}: copy both files") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"card {card_path(path)} is not JSON: {error}") from None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f"card {card_path(path)} is not of format {FORMAT}")
    if content.pop("sha256", None) != hashlib.sha256(path.read_bytes()).hexdigest():
        raise ValueError(f"checkpoint {path} does not match its card's sha256: it is truncated or was changed")
    try:
        architecture = Architecture(**content.pop("architecture"))
        aus, thresholds = tuple(content.pop("aus")), tuple(content.pop("thresholds", ()))
        return Card(architecture=architecture, aus=aus, thresholds=thresholds, **content)
    except (KeyError, TypeError) as error:
        raise ValueError(f"card {card_path(path)} has a missing or unknown entry: {error}") from None
    except ValueError as error:
        raise ValueError(f"{error} (in card {card_path(path)})") from None


def load(path: Path, preset: str | None = None) -> tuple[CbamCnn | QuantCbamCnn, Card]:
    """Read a checkpoint and its card into a model in eval mode.

    Args:
        path: The .safetensors file; its card lies beside it.
        preset: The preset that the caller needs; None takes any.

    Raises:
        ValueError: Another preset, a truncated file, or weights that do not fit the card.
    """
    card = read_card(path)
    if preset is not None and card.preset != preset:
        raise ValueError(f"checkpoint {path} is of preset {card.preset}, need {preset}")
    model = build_model(card)
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"checkpoint {path} cannot be read: {error}") from None
    widened = {name: value.to(torch.float32) if value.is_floating_point() else value for name, value in state.items()}
    try:
        model.load_state_dict(widened)
    except RuntimeError as error:
        raise ValueError(f"checkpoint {path} does not fit its card: {' '.join(str(error).split())}") from None
    return model.eval(), card
