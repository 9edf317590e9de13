# SPDX-License-Identifier: Apache-2.0
"""Scenes of a set of faces differ as its shares say; a seed gives the same ones again."""

from __future__ import annotations

import numpy as np
import pytest

from qnn.rendering.scene import CALM, JAGGED, PALE, PLAIN, WIDE, Scene, make_scene, make_varied_scene


def scenes(seed: int, count: int = 600) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [make_varied_scene(rng) for _ in range(count)]


def test_scenes_are_calm_wide_pale_plain_and_jagged_as_often_as_said() -> None:
    drawn = scenes(1)
    assert np.mean([not scene.degraded for scene in drawn]) == pytest.approx(CALM, abs=0.06)
    assert 0.4 * WIDE < np.mean([scene.zoom > 1.2 for scene in drawn]) < WIDE
    assert 0.4 * PALE < np.mean([scene.contrast < 0.85 for scene in drawn]) < PALE
    assert np.mean([scene.jagged for scene in drawn]) == pytest.approx(JAGGED, abs=0.06)
    softer = [scene.light for scene in drawn if scene.light.shadow < 1 and scene.light.occlusion < 1]
    assert len(softer) / len(drawn) == pytest.approx(PLAIN, abs=0.06)
    assert 0.3 < np.mean([light.shadow == 0 for light in softer]) < 0.6
    rng = np.random.default_rng(1)
    usual = [make_scene(rng) for _ in range(600)]
    assert max(scene.zoom for scene in usual) < 1.4 and min(scene.contrast for scene in usual) > 0.6


def test_a_seed_gives_the_same_scenes() -> None:
    one, again, other = scenes(2, 9), scenes(2, 9), scenes(3, 9)
    assert [scene.zoom for scene in one] == [scene.zoom for scene in again] != [scene.zoom for scene in other]
