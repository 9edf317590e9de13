# SPDX-License-Identifier: Apache-2.0
"""Which of ARKit's facial actions move a face by an action unit, and how far at full strength."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from board.core.facs import AUS as DETECTED

DISTRACTORS = (10, 14, 25)
"""AUs that are rendered because they resemble those that are detected."""
AUS: tuple[int, ...] = tuple(sorted((*DETECTED, *DISTRACTORS)))
"""The order of all weights here."""

ACTIONS: dict[int, dict[str, float]] = {
    1: {"browInnerUp": 1.4},
    2: {"browOuterUp*": 1.35},
    4: {"browDown*": 1.1},
    5: {"eyeWide*": 1.2},
    6: {"cheekSquint*": 1.15, "eyeSquint*": 0.35},
    7: {"eyeSquint*": 1.35, "eyeBlink*": 0.1},
    9: {"noseSneer*": 1.3, "mouthUpperUp*": 0.15},
    10: {"mouthUpperUp*": 0.85},
    12: {"mouthSmile*": 0.9},
    14: {"mouthDimple*": 1.1},
    15: {"mouthFrown*": 1.15},
    17: {"mouthShrugLower": 1.1, "mouthShrugUpper": 0.45},
    20: {"mouthStretch*": 1.3, "mouthSmile*": 0.2},
    23: {"mouthPress*": 0.75, "mouthRollLower": 0.45, "mouthRollUpper": 0.3, "mouthFrown*": 0.25},
    25: {"mouthLowerDown*": 0.85, "mouthUpperUp*": 0.15, "jawOpen": 0.06},
    26: {"jawOpen": 0.6},
}
"""Per AU its actions and their strength at weight 1; a name with a star stands for a left and a right action."""


def action_strengths(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> dict[str, float]:
    """Strength of each facial action that moves, from AU weights (16,) of the head's left and right half."""
    strengths: dict[str, float] = {}
    for au, *halves in zip(AUS, left, right, strict=True):
        for name, gain in ACTIONS[au].items():
            if name.endswith("*"):
                sides = {name[:-1] + side: weight for side, weight in zip(("Left", "Right"), halves, strict=True)}
            else:
                sides = {name: sum(halves) / 2}
            for action, weight in sides.items():
                if weight > 0:
                    strengths[action] = strengths.get(action, 0.0) + gain * float(weight)
    return strengths
