# SPDX-License-Identifier: Apache-2.0
"""Expressions: no AU, a single one or a mixture, and what else moves in a face."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from qnn.rendering.actions import ACTIONS, AUS, DETECTED, DISTRACTORS
from qnn.rendering.arrays import Floats

NEUTRAL, SINGLE, MIXTURE = KINDS = ("neutral", "single", "mixture")
SHARES = (0.16, 0.42, 0.42)
WEAKEST = 0.3
WAYS, WITHOUT = (-0.12, 0.18), 0.4
"""Mean and spread of the logarithm of what an AU's actions do beside `actions.ACTIONS`; how often all but one rest."""
TYPICAL: dict[str, tuple[tuple[int, ...], ...]] = {
    "enjoyment": ((6, 12), (6, 12, 25), (6, 7, 12, 25, 26), (12,), (12, 25), (6, 12, 26)),
    "surprise": ((1, 2, 5, 26), (1, 2, 26), (1, 2, 5, 25), (1, 2)),
    "fear": ((1, 2, 4, 5, 20), (1, 2, 4, 20, 25), (1, 2, 4, 5, 7, 20, 26), (1, 4, 5)),
    "anger": ((4, 5, 7, 23), (4, 7), (4, 7, 23), (4, 5, 7, 10, 25), (4, 17, 23)),
    "sadness": ((1, 4, 15), (1, 4), (1, 4, 15, 17), (4, 15, 17), (6, 15), (1, 4, 6, 15, 25)),
    "disgust": ((9, 10, 17), (9, 17), (4, 7, 9, 10), (9, 15), (4, 9, 10, 25)),
    "others": ((14,), (12, 14), (4, 6, 7, 9, 10, 20, 25), (6, 7), (17, 23), (15, 17)),
}
"""AUs that faces show together (after FACS's tables of emotion prediction), and pairs that are easily confused."""
IN_THE_MIDDLE = (1, 17, 23, 25, 26)
"""AUs that are not stronger on one side here."""
UNNAMED = (
    "mouthPucker", "mouthFunnel", "cheekPuff", "jawLeft", "jawRight", "mouthLeft", "mouthRight", "jawForward",
    "mouthRollUpper", "mouthRollLower",
)  # fmt: skip
"""Facial actions that are no AU of ours."""


@dataclass(frozen=True)
class Expression:
    """What a face shows.

    Attributes:
        left: AU weights float64 (16,) of the head's left half, in the order of AUS.
        right: Of its right half.
        kind: One of KINDS.
        others: Strength of further facial actions by ARKit's names: gaze, blinks, and such as are no AU of ours.
    """

    left: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    kind: str = NEUTRAL
    others: dict[str, float] = field(default_factory=dict)

    @property
    def weights(self) -> Floats:
        """Mean of both halves, at most 1, float32 (16,)."""
        return np.minimum((self.left + self.right) / 2, 1).astype(np.float32)


def only(au: int | None, weight: float = 1.0) -> Expression:
    """One AU alone on both sides, or none."""
    weights = np.array([weight * (number == au) for number in AUS])
    return Expression(weights, weights, NEUTRAL if au is None else SINGLE)


def make_expression(rng: np.random.Generator) -> Expression:
    """An expression drawn at random; weights are 0 or from WEAKEST to 1."""
    kind = str(rng.choice(KINDS, p=SHARES))
    weights = np.zeros(len(AUS))
    if kind == SINGLE:
        au = rng.choice(DETECTED) if rng.random() < 0.88 else rng.choice(DISTRACTORS)
        weights[AUS.index(au)] = rng.uniform(WEAKEST, 1)
    elif kind == MIXTURE and rng.random() < 0.55:
        mood = TYPICAL[str(rng.choice(list(TYPICAL)))]
        strength = rng.uniform(0.35, 1.0)
        for au in mood[rng.integers(len(mood))]:
            weights[AUS.index(au)] = np.clip(strength * rng.uniform(0.6, 1.3), WEAKEST, 1)
        if rng.random() < 0.25:
            weights[rng.integers(len(AUS))] = rng.uniform(WEAKEST, 1)
    elif kind == MIXTURE:
        some = rng.choice(len(AUS), int(rng.integers(2, 6)), replace=False)
        weights[some] = rng.uniform(WEAKEST, 1, len(some))
    lean = np.clip(rng.normal(0, 0.12, len(AUS)), -0.4, 0.4)
    if rng.random() < 0.06:  # one half moves much more
        lean += rng.choice([-0.5, 0.5])
    lean[[AUS.index(au) for au in IN_THE_MIDDLE]] = 0
    others = _others(rng)
    for name, strength in _ways(rng, weights * (1 + lean), weights * (1 - lean)).items():
        others[name] = others.get(name, 0.0) + strength
    return Expression(weights * (1 + lean), weights * (1 - lean), kind, others)


def _ways(rng: np.random.Generator, left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> dict[str, float]:
    """By how much actions move more or less than `actions.ACTIONS` says: people show an AU in ways of their own."""
    change: dict[str, float] = {}
    for au, *halves in zip(AUS, left, right, strict=True):
        for number, (name, gain) in enumerate(ACTIONS[au].items()):
            factor = 0.0 if number and rng.random() < WITHOUT else np.exp(rng.normal(*WAYS))
            sides = (name[:-1] + "Left", name[:-1] + "Right") if name.endswith("*") else (name,)
            weights = halves if name.endswith("*") else [sum(halves) / 2]
            for side, weight in zip(sides, weights, strict=True):
                if weight > 0:
                    change[side] = change.get(side, 0.0) + float((factor - 1) * gain * weight)
    return change


def _others(rng: np.random.Generator) -> dict[str, float]:
    """Lids, gaze, now and then something unnamed; no mouth rests exactly as another."""
    lids = rng.uniform(0.4, 1.0) if rng.random() < 0.07 else np.clip(rng.normal(0.05, 0.08), 0, 0.3)
    others = _both("eyeBlink", lids)
    if rng.random() < 0.5:
        far, (out, inside) = min(abs(rng.normal(0, 0.4)), 0.9), rng.permutation(["Left", "Right"])
        others |= {f"eyeLookOut{out}": float(far), f"eyeLookIn{inside}": float(far)}
    if rng.random() < 0.4:
        others |= _both("eyeLookUp" if rng.random() < 0.4 else "eyeLookDown", min(abs(rng.normal(0, 0.4)), 0.9))
    if rng.random() < 0.12:
        others[str(rng.choice(UNNAMED))] = float(rng.uniform(0.2, 0.8))
    if rng.random() < 0.15:
        others |= _both("mouthLowerDown", abs(rng.normal(0, 0.08)))
    if rng.random() < 0.15:
        others["mouthPucker"] = others.get("mouthPucker", 0.0) + float(abs(rng.normal(0, 0.08)))
    return others


def _both(name: str, strength: float) -> dict[str, float]:
    """An action of both sides."""
    return {f"{name}{side}": float(strength) for side in ("Left", "Right")}
