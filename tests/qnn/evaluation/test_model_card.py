# SPDX-License-Identifier: Apache-2.0
"""Model cards tell metrics and failures of the faces that were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board.core.facs import AUS, EMOTIONS, PROTOTYPES
from qnn.data.faces import Faces
from qnn.evaluation import evaluate, model_card
from qnn.evaluation.measuring import Measured, Selection
from qnn.network.checkpoint import Card, read_card
from qnn.network.model import Architecture
from qnn.network.presets import shipped_checkpoint

FACES = 70


def measured(answer: np.ndarray, card: Card) -> Measured:
    """Metrics of faces of every emotion in turn whose AUs are answered so, as of a checkpoint with some card."""
    emotions = np.arange(FACES) % len(EMOTIONS)
    found = evaluate(answer, PROTOTYPES[emotions], emotions, [0.5] * len(AUS), AUS, resamples=20)
    nothing = np.array([], dtype=str)
    labels, votes = np.zeros((0, len(AUS)), np.float32), np.zeros((0, len(EMOTIONS)), np.float32)
    pixels = np.zeros((0, 48, 48), np.uint8)
    nobody = Faces(pixels, AUS, labels, np.zeros(0, np.int64), votes, nothing, nothing, nothing)
    return Measured(card, "5a" * 32, Selection(nobody, {"dataset": "ferplus", "split": "valid"}, 0), found)


def test_failures_are_those_of_the_metrics(tmp_path: Path) -> None:
    seen = np.arange(FACES) % len(EMOTIONS)
    seen[:42][seen[:42] == EMOTIONS.index("fear")] = EMOTIONS.index("surprise")
    answer = PROTOTYPES[seen].copy()
    answer[:, AUS.index(9)] = 0
    path = tmp_path / "card.md"
    model_card.write(measured(answer, read_card(shipped_checkpoint("tiny"))), path)
    text = path.read_text()
    assert "fear is taken for surprise (best prototype) in 60 % of 10 faces" in text
    assert "AU9 (nose wrinkler) is weak: F1 0.00 on 10 faces" in text
    assert "AU12" in text and "AU12 (" not in text
    assert f"`{'5a' * 32}`" in text and "70 faces of ferplus valid" in text
    assert "must not be used to judge a person" in text


def test_training_is_told_stage_by_stage(tmp_path: Path) -> None:
    training = {
        "data": "some faces",
        "recipe": {"epochs": 2, "augmentation": {"zoom": 0.1}},
        "hours": 1.5,
        "start": {"recipe": {"epochs": 9}, "hours": 3.25},
        "thresholds": {"faces": 1234, "coverage": 0.875},
    }
    path = tmp_path / "card.md"
    card = replace(Card("w4a4", Architecture()), training=training)
    model_card.write(measured(PROTOTYPES[np.arange(FACES) % len(EMOTIONS)], card), path)
    text = path.read_text()
    assert "Data: some faces." in text
    assert "- float, 3.25 hours: `epochs=9`\n- quantized, 1.5 hours: `epochs=2`, `augmentation.zoom=0.1`" in text
    assert "1,234 faces of the validation set, to name an emotion by Table 2 for the surest 87.5 %\n" in text
    assert "is taken for" not in text and "is weak" not in text
    assert "13 action units, each by itself." in text


def test_it_says_what_each_au_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    rows = PROTOTYPES[np.arange(FACES) % len(EMOTIONS)]
    learned = ("rendered", *["real and rendered"] * 11, "")
    model_card.write(measured(rows, Card("w4a4", Architecture(emotions=7), validity=learned)), path)
    text = path.read_text()
    assert "13 action units, each by itself. 7 emotions have outputs of their own, and no AU follows from them." in text
    assert "- AU1: learned from rendered faces alone: no real face has told whether they are right." in text
    assert text.index("- AU2, AU4, AU5") < text.index("- AU1: ") < text.index("- AU26: learned from labels whose")
    model_card.write(measured(rows, Card("w4a4", Architecture(), decoding="emotions")), path)
    assert "- AU1, AU2, AU4" in path.read_text() and "they tell an emotion, not a muscle" in path.read_text()
    model_card.write(measured(rows, Card("w4a4", Architecture())), path)
    assert "What the AUs are" not in path.read_text()


FIRST_QUANTIZED = {"preset": "w4a4", "recipe": {"epochs": 6}, "hours": 2, "quantized": None}
SECOND_QUANTIZED = {"preset": "w3a3", "recipe": {"epochs": 3}, "hours": 1, "quantized": FIRST_QUANTIZED}
FLOATS = {"recipe": {"epochs": 5}, "hours": 1, "start": {"recipe": {"epochs": 9}, "hours": 3}}


@pytest.mark.parametrize(
    ("preset", "training", "told"),
    [
        ("float", FLOATS, ["- float, 3 hours: epochs=9", "- float, trained on, 1 hours: epochs=5"]),
        (
            "w2a2",
            {"recipe": {"epochs": 4}, "start": {**FLOATS, "quantized": SECOND_QUANTIZED}},
            [
                "- float, 3 hours: epochs=9",
                "- float, trained on, 1 hours: epochs=5",
                "- quantized to w4a4, 2 hours: epochs=6",
                "- quantized to w3a3, 1 hours: epochs=3",
                "- quantized: epochs=4",
            ],
        ),
        (
            "float",
            {"recipe": {"epochs": 5}, "teachers": [{"attention": False, "recipe": {"epochs": 9}}]},
            ["- all: epochs=5", "- distilled from a float network without attention: epochs=9"],
        ),
    ],
)
def test_stages_on_the_way_are_told_in_their_order(
    preset: str, training: dict[str, Any], told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "card.md"
    card = replace(Card(preset, Architecture()), training=training, decoding="emotions")
    model_card.write(measured(PROTOTYPES[np.arange(FACES) % len(EMOTIONS)], card), path)
    lines = [line.split("`")[:2] for line in path.read_text().splitlines() if "`epochs=" in line]
    assert ["".join(parts) for parts in lines] == told
    assert "13 action units, together: those of an emotion" in path.read_text()
