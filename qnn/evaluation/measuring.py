# SPDX-License-Identifier: Apache-2.0
"""Measure a checkpoint on a dataset: which faces, which network, which decision thresholds; and tune the latter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from board.core.decoding import BY_EMOTION
from board.core.files import sha256
from board.faces.crop import to_input
from board.progress import bar
from qnn.data.faces import Faces
from qnn.data.protocols import held_out
from qnn.data.splits import Division
from qnn.evaluation.decision_thresholds import tune, tune_for_emotions
from qnn.evaluation.metrics import Evaluation, evaluate
from qnn.export.export import frozen_network
from qnn.network import checkpoint as checkpoints
from qnn.network.checkpoint import Card
from qnn.network.inference import Prediction, predict
from qnn.network.presets import FLOAT

HELD_OUT = 0.1
"""Share of the training faces that was held out where a card does not say."""
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Selection:
    """Faces to measure on.

    Attributes:
        faces: Those.
        description: Where they come from.
        duplicates_left_out: Copies of training faces that are not among them; None where nobody could look.
        note: What a reader of the metrics must know, None where there is nothing.
    """

    faces: Faces
    description: dict[str, Any]
    duplicates_left_out: int | None
    note: str | None = None


@dataclass(frozen=True)
class Measured:
    """A checkpoint's metrics.

    Attributes:
        card: What the checkpoint is.
        checkpoint_sha256: Its digest.
        selection: The faces.
        evaluation: The metrics.
    """

    card: Card
    checkpoint_sha256: str
    selection: Selection
    evaluation: Evaluation

    def to_json(self) -> dict[str, Any]:
        """Everything as a plain dictionary."""
        return {
            **self.evaluation.to_json(),
            **self.selection.description,
            "duplicates_left_out": self.selection.duplicates_left_out,
            "thresholds": [au.threshold for au in self.evaluation.per_au.values()],
            "preset": self.card.preset,
            "checkpoint_sha256": self.checkpoint_sha256,
        }


def select(division: Division, keep_duplicates: bool = False) -> Selection:
    """Take the faces that metrics are to be of.

    Args:
        division: How the dataset is divided. Its split is `train`, or `valid` or `test`: with `official` those splits,
            with other protocols the test set.
        keep_duplicates: Keep copies of training faces.

    Raises:
        ValueError: An unknown split, protocol or fold, or a folder that is not the dataset's.
    """
    name = division.split_name
    if name not in SPLITS:
        raise ValueError(f"a split must be one of {', '.join(SPLITS)}, got {name!r}")
    description = {
        "dataset": division.name, "split": name, "protocol": division.protocol, "fold": division.fold,
        "labels": division.labels,
    }  # fmt: skip
    if division.official and name == "train":
        return Selection(division.load(name), description, 0)
    try:
        faces = division.load("train", name)
    except ValueError as error:
        if not division.official:
            raise
        alone = division.load(name)  # where this fails too, its sentence is the one that matters
        note = f"copies of training faces are not left out, since those cannot be read: {error}"
        return Selection(alone, description, None, note)
    rows = division.divide(faces)
    if name == "train":
        return Selection(faces.take(rows.train), description, 0)
    measured = faces.take(rows.test)
    if keep_duplicates:
        return Selection(measured, description, 0)
    kept = measured.without_copies_of(faces.take(rows.train))
    if not len(kept):
        raise ValueError(
            f"metrics need faces that did not train, all {len(measured)} are copies: use --keep-duplicates"
        )
    return Selection(kept, description, len(measured) - len(kept))


def measure(checkpoint: Path, selection: Selection, thresholds: str = "card", seed: int = 0) -> Measured:
    """Run a checkpoint over faces and compare with their labels; a quantized one runs exactly as it is exported.

    Args:
        checkpoint: A .safetensors file with its card.
        selection: Faces.
        thresholds: Decision thresholds: `card`, or one probability for every AU.
        seed: Of the bootstrap.

    Raises:
        ValueError: A checkpoint of other AUs, one that is refused, thresholds that are none, broken weights.
    """
    faces = selection.faces
    network, card = load_network(checkpoint, faces.aus)
    chosen = _thresholds(thresholds, card)
    answer = predicted(network, card, faces, "evaluating")
    found = evaluate(
        answer.probabilities(card),
        faces.labels,
        faces.emotions,
        chosen,
        faces.aus,
        seed,
        subjects=faces.subjects if (faces.subjects != "").any() else None,
        nearest=answer.emotions(card),
        own_emotions=answer.emotion_logits is not None,
    )
    return Measured(card, sha256(checkpoint), selection, found)


@dataclass(frozen=True)
class Tuned:
    """New decision thresholds, with what they change on the faces that they were tuned on.

    Attributes:
        card: The card with them.
        before: Metrics with the card's thresholds so far.
        after: Metrics with the new ones.
    """

    card: Card
    before: Evaluation
    after: Evaluation


def tune_checkpoint(
    checkpoint: Path,
    division: Division,
    share: float | None = None,
    decoding: str | None = None,
    coverage: float | None = None,
) -> Tuned:
    """Tune a checkpoint's decision thresholds on a validation set and write them into its card.

    Training with the same division and share has the same validation set, which sets no weights.

    Args:
        checkpoint: A .safetensors file with its card.
        division: How the dataset is divided; of the test set nothing is read.
        share: Of the training faces that is the validation set; None for what training held out, by the card.
        decoding: A board.core.decoding for the card; None keeps its own.
        coverage: Share of the faces that must keep an emotion while doubtful ones lose theirs; None tunes for F1.

    Raises:
        ValueError: As `select` and `measure` do; a coverage out of reach, or for AUs that are not decoded together.
    """
    told = checkpoints.read_card(checkpoint)  # before faces take their time
    decoding = decoding or told.decoding
    if share is None:
        share = (told.training.get("recipe") or {}).get("held_out") or HELD_OUT
    if coverage is not None and decoding != BY_EMOTION:
        raise ValueError(f"--coverage needs AUs that are decoded together ({BY_EMOTION}), got {decoding}")
    faces = division.load("train")
    train = np.arange(len(faces)) if division.official else division.divide(faces).train
    faces = faces.take(held_out(faces, train, share, division.seed)[1])
    network, card = load_network(checkpoint, faces.aus)
    found = predicted(network, card, faces, "tuning")
    decoded = replace(card, decoding=decoding)
    probabilities = found.probabilities(decoded)
    if coverage is None:
        thresholds = tune(probabilities, faces.labels)
    else:
        thresholds = tune_for_emotions(probabilities, faces.labels, coverage)
    new = replace(decoded, thresholds=tuple(thresholds.tolist()))
    before, after = (
        evaluate(
            found.probabilities(each), faces.labels, faces.emotions, each.decision_thresholds, faces.aus,
            division.seed, resamples=0, nearest=found.emotions(each),
            own_emotions=found.emotion_logits is not None,
        )
        for each in (card, new)
    )  # fmt: skip
    origin = {
        "data": division.dataset.title, "labels": division.labels, "protocol": division.protocol,
        "fold": division.fold, "share": share, "seed": division.seed,
    }  # fmt: skip
    if coverage is not None:
        origin["coverage"] = coverage
    metrics = card.metrics and {
        "decoding": card.decoding, "thresholds": list(card.decision_thresholds), **card.metrics
    }  # fmt: skip # what they are of
    card = replace(
        new,
        training={**card.training, "thresholds": {**origin, "faces": len(faces)}},
        metrics=metrics,
    )
    checkpoints.write_card(checkpoint, card)
    return Tuned(card, before, after)


def load_network(checkpoint: Path, aus: tuple[int, ...] | None = None) -> tuple[nn.Module, Card]:
    """A checkpoint's network as it is deployed: a quantized one frozen, its sigmoids corrected, as export does it.

    Raises:
        ValueError: A checkpoint that is refused, or one of other AUs than `aus`.
    """
    card = checkpoints.read_card(checkpoint)
    if aus is not None and card.aus != aus:
        raise ValueError(
            f"the AUs of checkpoint and dataset must be the same, got {_listed(card.aus)} in {checkpoint}"
            f" and {_listed(aus)} in the dataset"
        )
    return checkpoints.load(checkpoint, FLOAT) if card.preset == FLOAT else frozen_network(checkpoint)[:2]


def predicted(network: nn.Module, card: Card, faces: Faces, title: str) -> Prediction:
    """What a network says of faces in the card's colour, under a progress bar."""
    with bar(title, len(faces), "faces") as done:
        return predict(network, in_colour(card, faces), done)


def in_colour(card: Card, faces: Faces) -> Faces:
    """The faces as the card's network takes them."""
    if card.colour == "grey" and faces.pixels.ndim == 4:
        return replace(faces, pixels=np.stack([to_input(face, card.colour) for face in faces.pixels]))
    return faces


def _thresholds(chosen: str, card: Card) -> tuple[float, ...]:
    """The card's thresholds, or one number for every AU."""
    if chosen == "card":
        return card.decision_thresholds
    try:
        threshold = float(chosen)
    except ValueError:
        threshold = 0.0
    if not 0 < threshold < 1:
        raise ValueError(f"thresholds must be `card` or a probability between 0 and 1, got {chosen!r}")
    return (threshold,) * len(card.aus)


def _listed(aus: tuple[int, ...]) -> str:
    return ", ".join(map(str, aus))
