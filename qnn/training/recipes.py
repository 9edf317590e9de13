# SPDX-License-Identifier: Apache-2.0
"""Recipes: how a network is trained. `paper` follows section III.D, `modern` is what measured better.

`aus` trains action units by themselves, from soft labels, rendered faces and coded datasets, with emotions beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

from board.core.decoding import DECODINGS
from qnn.training.augmentation import Augmentation
from qnn.training.losses import LOSSES


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training faces.
        batch: Faces per step, over all processes.
        learning_rate: Peak of the schedule.
        optimiser: `adam`; `adamw`, which decays the weights; `muon`, which also orthogonalises the steps of hidden
            weights (qnn.training.muon).
        matrix_rate: Muon's peak for hidden weights.
        weight_decay: Of the weights; with Adam, how the learning rate falls with the step: rate / (1 + decay * step).
        warm_up: Share of the steps in which the rate rises; but for Adam it falls along a cosine afterwards.
        loss: A name of losses.LOSSES.
        targets: `labels`, or `votes`: where AUs follow from the emotion, each by the share of votes that gives it.
        emotion_weight: Of losses.emotion_loss, where AUs follow from the emotion, or of losses.vote_loss.
        emotion_outputs: Whether emotions have outputs of their own, which the votes train; AUs learn from their labels.
        difference_weight: Of losses.difference_loss, with emotion outputs.
        decoding: How probabilities come from logits there, see board.core.decoding; elsewhere each AU's by itself.
        distillation_weight: Of what the teachers' mean logits give in place of the labels, in both losses; a quantized
            network's teacher is the float network that it starts from, where no others are named. With emotion outputs
            teachers answer once, for every face as it is, and a float network's start teaches it the emotions.
        early_rate: The learning rate of the layers up to the first attention as a share of the others', with AdamW; 0
            leaves them as they are, and a step takes a third of the time.
        views: With early_rate 0 and emotion outputs, changed copies of each face for which the layers up to conv4
            answer once, before the first epoch; they stay as they are, and steps draw from their answers. 0 for none.
        dropout: Share of the elements dropped; the paper's is 0.2. Quantization regularises enough by itself.
        pruned: Share of the weights of fc1 and fc2, least in magnitude at the start, that quantization does without.
        average: Decay of the exponential moving average of the weights, which is what is kept; 0 keeps the weights.
        augmentation: How faces are changed.
        held_out: Share of the training faces held out as validation set: it chooses the epoch and tunes thresholds.
        seed: Of initial weights, order, augmentation, dropout and the validation set.
    """

    epochs: int
    batch: int
    learning_rate: float
    optimiser: Literal["adam", "adamw", "muon"] = "muon"
    matrix_rate: float = 2e-2
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    loss: str = "plain"
    targets: Literal["labels", "votes"] = "votes"
    emotion_weight: float = 0.5
    emotion_outputs: bool = False
    difference_weight: float = 0.0
    decoding: Literal["independent", "emotions"] = "emotions"
    distillation_weight: float = 0.0
    early_rate: float = 1.0
    views: int = 0
    dropout: float = 0.2
    pruned: float = 0.0
    average: float = 0.99
    augmentation: Augmentation = field(default_factory=Augmentation)
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"a loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        choices = (
            ("optimiser", ("adam", "adamw", "muon")),
            ("targets", ("labels", "votes")),
            ("decoding", DECODINGS),
        )
        for name, allowed in choices:
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("epochs", "batch", "learning_rate", "matrix_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"need {name} > 0, got {getattr(self, name)}")
        for name in ("warm_up", "dropout", "pruned", "average", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"need 0 <= {name} < 1, got {getattr(self, name)}")
        for name in ("weight_decay", "early_rate", "emotion_weight", "difference_weight", "distillation_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"need {name} >= 0, got {getattr(self, name)}")
        if self.early_rate != 1 and self.optimiser != "adamw":
            raise ValueError(f"early_rate needs optimiser adamw, got {self.early_rate} with {self.optimiser}")
        if self.views < 0:
            raise ValueError(f"need views >= 0, got {self.views}")
        if self.views and (self.early_rate or not self.emotion_outputs or self.augmentation.mix_up):
            raise ValueError("views need early_rate 0, emotion outputs and no mix_up: set these, or views 0")


@dataclass(frozen=True)
class Plan:
    """Recipes of both stages: the float network, and a quantized network from it."""

    floating: Recipe
    quantized: Recipe


_PAPER = Recipe(
    epochs=700,
    batch=32,  # the paper names none; Keras's usual
    learning_rate=1e-4,
    optimiser="adam",
    weight_decay=1e-6,
    warm_up=0.0,
    loss="weighted",
    targets="labels",
    emotion_weight=0.0,
    decoding="independent",
    average=0.0,
)
_GENTLE = Augmentation(rotation_deg=15, shear=0.1, zoom=0.15, shift=0.05)
_LIGHT = Augmentation(rotation_deg=10, shear=0.05, zoom=0.1, shift=0.03)
"""What lets a network see by how little a brow or a lip moves."""
_AUS = Recipe(
    epochs=8,
    batch=64,
    learning_rate=3e-3,
    optimiser="adamw",
    warm_up=0.05,
    targets="labels",
    emotion_outputs=True,
    emotion_weight=0.3,
    difference_weight=0.6,
    decoding="independent",
    distillation_weight=1.0,
    dropout=0.05,
    augmentation=replace(
        _LIGHT, erase=0.1, light=0.2, noise=0.04, blur=0.04, jpeg=0.04, coarse=0.04, dim=0.04, cover=0.06
    ),
    held_out=0.05,
)

PLANS: Mapping[str, Plan] = {
    "modern": Plan(
        floating=Recipe(
            epochs=80,
            batch=64,
            learning_rate=3e-3,
            warm_up=0.02,
            augmentation=replace(_GENTLE, erase=0.5, light=0.3),
        ),
        quantized=Recipe(
            epochs=72,
            batch=64,
            learning_rate=1e-3,
            matrix_rate=5e-3,
            warm_up=0.05,
            distillation_weight=1.0,
            dropout=0.0,
            augmentation=replace(_GENTLE, erase=0.25, light=0.15),
        ),
    ),
    "paper": Plan(floating=_PAPER, quantized=_PAPER),
    "aus": Plan(
        floating=_AUS,
        quantized=replace(_AUS, learning_rate=1.5e-3, dropout=0.0),
    ),
}


def plan_named(name: str) -> Plan:
    """A plan by its name."""
    if name not in PLANS:
        raise ValueError(f"a recipe must be one of {', '.join(PLANS)}, got {name!r}")
    return PLANS[name]


def change(plan: Plan, settings: Sequence[str]) -> Plan:
    """The plan with some values replaced.

    Args:
        plan: What to start from.
        settings: Such as `epochs=8` for both stages, `quantized.loss=focal` for one, `augmentation.mix_up=0.2`.

    Raises:
        ValueError: An unknown name or a value that does not fit.
    """
    for setting in settings:
        name, given, value = setting.partition("=")
        if not given:
            raise ValueError(f"a setting must be NAME=VALUE, such as epochs=8, got {setting!r}")
        stage, _, rest = name.partition(".")
        if stage in ("float", "quantized"):
            stages, name = [stage], rest
        else:
            stages = ["float", "quantized"]
        for each in stages:
            part = "floating" if each == "float" else each
            plan = replace(plan, **{part: _with(getattr(plan, part), name, value)})
    return plan


def _with(holder: Any, path: str, value: str) -> Any:
    """A dataclass with one value replaced, which may lie in a dataclass inside."""
    name, _, rest = path.partition(".")
    known = {item.name for item in fields(holder)}
    if name not in known:
        raise ValueError(f"a recipe's setting must be one of {', '.join(sorted(known))}, got {name!r}")
    before = getattr(holder, name)
    if rest or is_dataclass(before):
        if not (rest and is_dataclass(before)):
            raise ValueError(f"name one setting of {name if is_dataclass(before) else 'the recipe'}, got {path!r}")
        return replace(holder, **{name: _with(before, rest, value)})
    try:
        after = {"true": True, "false": False}[value.lower()] if isinstance(before, bool) else type(before)(value)
    except (KeyError, ValueError):
        raise ValueError(f"{name} must be of type {type(before).__name__}, got {value!r}") from None
    return replace(holder, **{name: after})
