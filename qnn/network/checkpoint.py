# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: safetensors for the numbers, a JSON card beside them for what they are; never a pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialized
from torch import Tensor, nn

from board.core.contract import COLOURS
from board.core.decoding import BY_EMOTION, DECODINGS, INDEPENDENT, VALIDITIES, validity_of
from board.core.facs import AUS
from board.core.files import sha256, write_bytes, write_json
from board.core.reading import is_number, parsing, read_json, typed
from qnn.network.model import Architecture, CbamCnn
from qnn.network.presets import FLOAT, PRESETS, check
from qnn.network.quantized import QuantCbamCnn

FORMAT = "auflow-checkpoint-1"
REMEDY = "copy both files"
"""For a checkpoint or a card that is broken."""


@dataclass(frozen=True)
class Card:
    """What a checkpoint is.

    Attributes:
        preset: `float` or a name of PRESETS.
        architecture: Geometry of the network.
        aus: FACS numbers in the order of the outputs; those of the emotions follow where the architecture has some.
        training: Data and its terms, recipe, seed.
        metrics: Metrics with what they were measured on.
        colour: The colour rule of its faces, "grey" or "rgb", see board.faces.crop.to_input.
        crop_margin: Share of the face's side that its crops add on each side, see board.faces.crop.framed.
        thresholds: Decision threshold of each AU, a probability; empty where all are 0.5.
        decoding: How probabilities come from logits, see board.core.decoding.
        calibration: Slope, above 0, and offset of each output: probabilities are those of slope * logit + offset;
            empty where they are those of the logits.
        validity: What each AU's output learned from, of board.core.decoding.VALIDITIES; empty where nobody wrote it
            down.
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
    calibration: tuple[tuple[float, float], ...] = ()
    validity: tuple[str, ...] = ()

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
        if self.decoding == BY_EMOTION and self.architecture.emotions:
            raise ValueError(f"decoding {self.decoding!r} is for networks without outputs for emotions, got some")
        if self.calibration and len(self.calibration) != self.outputs:
            raise ValueError(f"need one calibration for each of {self.outputs} outputs, got {len(self.calibration)}")
        for pair in self.calibration:
            if not (len(pair) == 2 and all(map(is_number, pair)) and pair[0] > 0):
                raise ValueError(f"a calibration must be a slope above 0 and an offset, got {pair!r}")
        if self.validity and len(self.validity) != len(self.aus):
            raise ValueError(f"need one validity for each of {len(self.aus)} AUs, got {len(self.validity)}")
        for validity in self.validity:
            if validity not in VALIDITIES:
                raise ValueError(f"a validity must be one of {', '.join(VALIDITIES[:-1])} or empty, got {validity!r}")

    @property
    def outputs(self) -> int:
        """How many the network has: those of the AUs, then those of the emotions."""
        return len(self.aus) + self.architecture.emotions

    @property
    def slopes_and_shifts(self) -> tuple[tuple[float, float], ...]:
        """The calibration of each output, as board.core.decoding.decode takes it."""
        return self.calibration or ((1.0, 0.0),) * self.outputs

    @property
    def validities(self) -> tuple[str, ...]:
        """One of board.core.decoding.VALIDITIES for each AU."""
        return validity_of(self.validity, len(self.aus), self.decoding)

    @property
    def decision_thresholds(self) -> tuple[float, ...]:
        """One threshold for each AU."""
        return self.thresholds or (0.5,) * len(self.aus)


def build_model(card: Card) -> CbamCnn | QuantCbamCnn:
    """The network that the card describes, untrained."""
    check(card.preset)
    if card.preset == FLOAT:
        return CbamCnn(card.architecture)
    return QuantCbamCnn(card.architecture, PRESETS[card.preset])


def card_path(path: Path) -> Path:
    """The card beside a checkpoint."""
    return path.with_suffix(".json")


def save(path: Path, model: nn.Module, card: Card) -> None:
    """Write `path` (.safetensors) and its card, each whole or not at all.

    Raises:
        RuntimeError: One cannot be written.
    """
    write_bytes(path, serialized({name: _smallest(value).contiguous() for name, value in model.state_dict().items()}))
    write_card(path, card)


def write_card(path: Path, card: Card) -> None:
    """Write the card of the checkpoint at `path`, whole or not at all."""
    write_json(card_path(path), {"format": FORMAT, "sha256": sha256(path), **asdict(card)})


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
    content = read_json(card_path(path), f"the card of {path.name}", REMEDY)
    with parsing(card_path(path), f"the card of {path.name}", REMEDY):
        if (found := typed(dict, content, "a card").pop("format", None)) != FORMAT:
            raise ValueError(f"a card must have format {FORMAT}, got {found!r}")
    if content.pop("sha256", None) != (actual := sha256(path)):
        raise ValueError(
            f"a checkpoint must have its card's sha256, got {actual[:12]}... of {path}, which is truncated or was"
            f" changed: {REMEDY}"
        )
    with parsing(card_path(path), f"the card of {path.name}", REMEDY):
        architecture = Architecture(**content.pop("architecture"))
        lists: dict[str, Any] = {key: tuple(content.pop(key, ())) for key in ("aus", "thresholds", "validity")}
        calibration = tuple(tuple(pair) for pair in content.pop("calibration", ()))
        return Card(architecture=architecture, calibration=calibration, **lists, **content)


def _check_finite(name: str, value: Tensor, path: Path) -> None:
    """Refuse weights that training has blown up, and a batch norm whose variance is none."""
    if not torch.isfinite(value).all():
        odd = value[~torch.isfinite(value)].ravel()[0].item()
        raise ValueError(f"weights must be finite, got {odd} in {name} of checkpoint {path}: train again")
    if name.endswith("running_var") and (value < 0).any():
        raise ValueError(
            f"a variance must not be negative, got {value.min().item():g} in {name} of checkpoint {path}: train again"
        )


def load(path: Path, preset: str | None = None) -> tuple[CbamCnn | QuantCbamCnn, Card]:
    """Read a checkpoint and its card into a model in eval mode.

    Args:
        path: The .safetensors file; its card lies beside it.
        preset: The preset that the caller needs; None takes any.

    Raises:
        ValueError: Another preset, a truncated file, weights that do not fit the card, or that are not finite.
    """
    card = read_card(path)
    if preset is not None and card.preset != preset:
        raise ValueError(f"checkpoint {path} is of preset {card.preset}, need {preset}")
    with parsing(card_path(path), f"the card of {path.name}", REMEDY):
        model = build_model(card)
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"a checkpoint must be whole safetensors, got {error} in {path}: {REMEDY}") from None
    for name, value in state.items():
        if value.is_floating_point():
            _check_finite(name, value, path)
    widened = {name: value.to(torch.float32) if value.is_floating_point() else value for name, value in state.items()}
    try:
        model.load_state_dict(widened)
    except RuntimeError as error:
        said = " ".join(str(error).split())
        raise ValueError(f"a checkpoint must fit its card, got {said} in {path}: {REMEDY}") from None
    return model.eval(), card
