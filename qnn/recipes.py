# SPDX-License-Identifier: Apache-2.0
"""Recipes: how a network is trained. `paper` follows section III.D, `modern` is what measured better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from qnn.data.augment import Augmentation
from qnn.losses import LOSSES

MODERN = "modern"


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training faces.
        batch: Faces per step, over all processes.
        learning_rate: Peak of the schedule.
        optimiser: `adam`, or `adamw`, which decays the weights.
        weight_decay: AdamW's; with Adam, how the learning rate falls with the step: rate / (1 + decay * step).
        warm_up: Share of the steps in which the rate rises; with AdamW it falls along a cosine afterwards.
        loss: A name of losses.LOSSES.
        targets: `labels`, or `votes`: where AUs follow from the emotion, each by the share of votes that gives it.
        emotion_weight: Of losses.emotion_loss, where AUs follow from the emotion.
        distillation_weight: Of losses.distillation_loss, for a twin that starts from a float network.
        average: Decay of the exponential moving average of the weights, which is what is kept; 0 keeps the weights.
        augmentation: How faces are changed.
        held_out: Share of the training faces that only choose the best epoch and tune decision thresholds.
        seed: Of initial weights, order, augmentation, dropout and held-out faces.
    """

    epochs: int
    batch: int
    learning_rate: float
    optimiser: Literal["adam", "adamw"] = "adamw"
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    loss: str = "plain"
    targets: Literal["labels", "votes"] = "votes"
    emotion_weight: float = 0.5
    distillation_weight: float = 0.0
    average: float = 0.998
    augmentation: Augmentation = field(default_factory=Augmentation)
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"a loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        for name, allowed in (("optimiser", ("adam", "adamw")), ("targets", ("labels", "votes"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("epochs", "batch", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"need {name} > 0, got {getattr(self, name)}")
        for name in ("warm_up", "average", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"need 0 <= {name} < 1, got {getattr(self, name)}")
        for name in ("weight_decay", "emotion_weight", "distillation_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"need {name} >= 0, got {getattr(self, name)}")

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Recipe:
        """The recipe of what `dataclasses.asdict` made of one; an unknown key is refused."""
        if unknown := sorted(set(content) - {item.name for item in fields(cls)}):
            raise ValueError(f"a recipe must have only known keys, got {unknown[0]!r}")
        return cls(**{**content, "augmentation": Augmentation(**content["augmentation"])})


@dataclass(frozen=True)
class Plan:
    """Recipes of both stages: the float network, and a quantised twin from it."""

    floating: Recipe
    quantised: Recipe

    def stage(self, preset: str) -> Recipe:
        """The recipe of `float` or of a quantised preset."""
        return self.floating if preset == "float" else self.quantised


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
    average=0.0,
)
_GENTLE = Augmentation(rotation_deg=15, shear=0.1, zoom=0.15, shift=0.05)

PLANS: Mapping[str, Plan] = {
    MODERN: Plan(
        floating=Recipe(epochs=14, batch=128, learning_rate=3e-3, augmentation=_GENTLE),
        quantised=Recipe(epochs=8, batch=128, learning_rate=1e-3, distillation_weight=1.0, augmentation=_GENTLE),
    ),
    "paper": Plan(floating=_PAPER, quantised=_PAPER),
}
