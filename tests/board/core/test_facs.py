# SPDX-License-Identifier: Apache-2.0
"""Table 2 of the paper, word for word, and both readings of it."""

import numpy as np
import pytest

from board.core.facs import (
    AU_NAMES,
    AU_TITLES,
    AUS,
    EMOTIONS,
    PROTOTYPES,
    au_names,
    emotions_by_table,
    nearest_emotions,
)


def test_every_au_has_the_name_that_ekman_and_friesen_gave_it() -> None:
    """AU6 and AU7 could once have changed places."""
    assert AU_TITLES == {
        1: "Inner brow raiser", 2: "Outer brow raiser", 4: "Brow lowerer", 5: "Upper lid raiser", 6: "Cheek raiser",
        7: "Lid tightener", 9: "Nose wrinkler", 10: "Upper lip raiser", 12: "Lip corner puller", 14: "Dimpler",
        15: "Lip corner depressor", 17: "Chin raiser", 20: "Lip stretcher", 23: "Lip tightener", 25: "Lips part",
        26: "Jaw drop",
    }  # fmt: skip


def test_thirteen_aus_in_order() -> None:
    assert AUS == (1, 2, 4, 5, 6, 7, 9, 12, 15, 17, 20, 23, 26)
    titles = (
        "Inner brow raiser", "Outer brow raiser", "Brow lowerer", "Upper lid raiser", "Cheek raiser", "Lid tightener",
        "Nose wrinkler", "Lip corner puller", "Lip corner depressor", "Chin raiser", "Lip stretcher", "Lip tightener",
        "Jaw drop",
    )  # fmt: skip
    assert [f"AU{number} {title}" for number, title in zip(AUS, titles, strict=True)] == list(AU_NAMES)
    assert au_names((10, 14, 25)) == ("AU10 Upper lip raiser", "AU14 Dimpler", "AU25 Lips part")  # BP4D, DISFA
    assert au_names((12, 1)) == ("AU12 Lip corner puller", "AU1 Inner brow raiser")


@pytest.mark.parametrize(
    ("emotion", "active"),
    [
        ("neutral", []),
        ("anger", [4, 5, 7, 23]),
        ("disgust", [9, 15, 17]),
        ("fear", [1, 2, 4, 5, 7, 20, 26]),
        ("happiness", [6, 12]),
        ("sadness", [1, 4, 15]),
        ("surprise", [1, 2, 5, 26]),
    ],
)
def test_table_2(emotion: str, active: list[int]) -> None:
    shown = PROTOTYPES[EMOTIONS.index(emotion)]
    assert [number for number, on in zip(AUS, shown, strict=True) if on] == active


def test_strict_rule_knows_the_prototypes_and_nothing_else() -> None:
    assert emotions_by_table(PROTOTYPES) == list(EMOTIONS)
    one_off = np.eye(13)[np.newaxis] != PROTOTYPES[:, np.newaxis]  # every prototype with one AU changed
    assert emotions_by_table(one_off.reshape(-1, 13)) == [None] * (7 * 13)


def test_nearest_prototype() -> None:
    np.testing.assert_array_equal(nearest_emotions(8 * PROTOTYPES - 4), np.arange(7))
    unsure = np.full((1, 13), -3.0)
    unsure[0, AUS.index(12)] = 4.0  # a smile whose cheeks are hard to see
    assert EMOTIONS[nearest_emotions(unsure)[0]] == "happiness"
    assert emotions_by_table(unsure > 0) == [None]


def test_nearest_prototype_is_the_likeliest() -> None:
    logits = np.random.default_rng(5).normal(scale=3, size=(500, 13))
    present = 1 / (1 + np.exp(-logits))
    likelihood = np.where(PROTOTYPES[np.newaxis] == 1, present[:, np.newaxis], 1 - present[:, np.newaxis])
    np.testing.assert_array_equal(nearest_emotions(logits), likelihood.prod(axis=2).argmax(axis=1))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"need occurrence of shape \(N, 13\), got \(13,\)"):
        emotions_by_table(np.zeros(13))
    with pytest.raises(ValueError, match=r"need logits of shape \(N, 13\), got \(2, 12\)"):
        nearest_emotions(np.zeros((2, 12)))
    with pytest.raises(ValueError, match="got 3"):
        au_names((1, 3))
