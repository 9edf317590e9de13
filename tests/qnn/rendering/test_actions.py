# SPDX-License-Identifier: Apache-2.0
"""AU weights become facial actions: every AU moves something of its own, on the side that it is given for."""

from __future__ import annotations

import numpy as np
import pytest

from board.core import facs
from qnn.rendering.actions import ACTIONS, AUS, DISTRACTORS, action_strengths
from qnn.rendering.expressions import only

PAIRED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp",
    "eyeSquint", "eyeWide", "jaw", "mouth", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress",
    "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip
ALONE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
ARKIT = {*ALONE, *(name + side for name in PAIRED for side in ("Left", "Right"))}
"""The 51 blendshapes of ARKit's faces without the tongue."""


def test_the_aus_are_the_detected_ones_and_three_that_resemble_them() -> None:
    assert tuple(sorted({*facs.AUS, 10, 14, 25})) == AUS and len(ARKIT) == 51
    assert set(ACTIONS) == set(AUS) and DISTRACTORS == (10, 14, 25)


@pytest.mark.parametrize("au", AUS)
def test_an_au_moves_actions_of_arkit_on_both_sides(au: int) -> None:
    strengths = action_strengths(only(au).left, only(au).right)
    assert strengths and set(strengths) <= ARKIT and min(strengths.values()) > 0
    for name, strength in strengths.items():
        if name.endswith("Left"):
            assert strengths[name.removesuffix("Left") + "Right"] == strength
    half = action_strengths(only(au, 0.5).left, only(au, 0.5).right)
    assert half == pytest.approx({name: strength / 2 for name, strength in strengths.items()})


def test_every_au_is_led_by_an_action_of_its_own() -> None:
    leading = {au: max(actions, key=lambda name: actions[name]) for au, actions in ACTIONS.items()}
    assert len(set(leading.values())) == len(AUS)


def test_a_half_that_rests_does_not_move() -> None:
    smile, rest = only(12).left, np.zeros(len(AUS))
    assert {name[-4:] for name in action_strengths(smile, rest)} == {"Left"}
    assert {name[-5:] for name in action_strengths(rest, smile)} == {"Right"}
    assert action_strengths(rest, rest) == {}


def test_actions_that_two_aus_share_add_up() -> None:
    both = only(6).left + only(7).left
    strengths = action_strengths(both, both)
    assert strengths["eyeSquintLeft"] == pytest.approx(ACTIONS[6]["eyeSquint*"] + ACTIONS[7]["eyeSquint*"])
