# SPDX-License-Identifier: Apache-2.0
"""Recipes: what they refuse, how settings change them, and that the paper's is the paper's."""

from __future__ import annotations

import math

import pytest

from qnn.training.augmentation import CORRUPTIONS, Augmentation
from qnn.training.recipes import PLANS, Recipe, change, plan_named


def test_the_papers_recipe_is_section_iii() -> None:
    for recipe in (PLANS["paper"].floating, PLANS["paper"].quantized):
        assert (recipe.optimiser, recipe.learning_rate, recipe.weight_decay) == ("adam", 1e-4, 1e-6)
        assert (recipe.epochs, recipe.loss, recipe.targets, recipe.emotion_weight) == (700, "weighted", "labels", 0)
        assert recipe.augmentation == Augmentation(rotation_deg=30, shear=0.3, zoom=0.3, mirror=True)


def test_half_of_the_faces_stay_clean_in_recipe_aus() -> None:
    for recipe in (PLANS["aus"].floating, PLANS["aus"].quantized):
        shares = [getattr(recipe.augmentation, name) for name in CORRUPTIONS]
        assert all(share > 0 for share in shares)
        assert math.prod(1 - share for share in shares) > 0.5
        assert recipe.emotion_outputs and recipe.difference_weight > 0


def test_settings_reach_one_stage_or_both() -> None:
    plan = PLANS["modern"]
    assert [r.epochs for r in vars(change(plan, ["epochs=2"])).values()] == [2, 2]
    changed = change(plan, ["float.epochs=5", "quantized.loss=focal", "quantized.augmentation.mirror=false"])
    assert (changed.floating.epochs, changed.quantized.epochs) == (5, plan.quantized.epochs)
    assert (changed.floating.loss, changed.quantized.loss) == (plan.floating.loss, "focal")
    assert changed.floating.augmentation.mirror and not changed.quantized.augmentation.mirror
    assert change(plan, ["augmentation.mix_up=0.2"]).floating.augmentation.mix_up == 0.2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "must be NAME=VALUE, such as epochs=8, got 'epochs'"),
        ("epoch=3", r"must be one of augmentation, average, .*, got 'epoch'"),
        ("epochs=many", "epochs must be of type int, got 'many'"),
        ("epochs=0", "need epochs > 0, got 0"),
        ("augmentation.spin=3", r"must be one of blur, .*, got 'spin'"),
        ("augmentation=3", "name one setting of augmentation, got 'augmentation'"),
        ("augmentation.mirror=maybe", "mirror must be of type bool, got 'maybe'"),
        ("loss=hinge", "a loss must be one of weighted, plain, focal, got 'hinge'"),
        ("targets=guesses", "targets must be one of labels, votes, got 'guesses'"),
        ("average=1", "need 0 <= average < 1, got 1.0"),
        ("augmentation.zoom=1", r"need 0 <= zoom < 1, got 1\.0"),
    ],
)
def test_a_bad_setting_is_named(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(PLANS["modern"], [setting])


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ValueError, match="a recipe must be one of modern, paper, aus, got 'magic'"):
        plan_named("magic")


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match=r"need distillation_weight >= 0, got -1\.0"):
        Recipe(epochs=1, batch=1, learning_rate=1.0, distillation_weight=-1.0)
