# SPDX-License-Identifier: Apache-2.0
"""Measure a checkpoint's AUs: on rendered faces, on real faces beside a teacher, on portraits of smiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from board.core.decoding import INDEPENDENT
from board.core.facs import AUS
from board.core.files import sha256
from qnn.data.faces import Faces
from qnn.evaluation.aus.agreement import Agreement, agreement
from qnn.evaluation.aus.calibration import Calibrated, calibrated
from qnn.evaluation.aus.portraits import Portraits, Smiles, smiles
from qnn.evaluation.aus.redundancy import Redundancy, redundancy
from qnn.evaluation.aus.robustness import DAMAGES, Left, robustness
from qnn.evaluation.aus.sources import Real, Rendered
from qnn.evaluation.aus.statistics import Estimate, Floats, Mask, Resampling, share, to_json
from qnn.evaluation.aus.validity import Validity, occurrence, validity
from qnn.evaluation.measuring import in_colour, load_network, predicted
from qnn.evaluation.metrics import LEAST_ODDS
from qnn.network.checkpoint import Card
from qnn.network.inference import Prediction

EMOTION = "emotion"


@dataclass(frozen=True)
class Outputs:
    """What a network says of N faces, as its card has it said.

    Attributes:
        probabilities: Of each AU, (N, AUs).
        scores: Their log-odds, which rank faces where probabilities are rounded to 1.
        called: AUs at or above their decision thresholds, (N, AUs).
        directions: What the network's outputs add up to, (N, AUs), for qnn.evaluation.aus.redundancy: scores, or
            probabilities where these are sums over emotions.
        emotions: Index into facs.EMOTIONS, (N,).
        emotion_probability: How sure it is of that emotion, (N,).
    """

    probabilities: Floats
    scores: Floats
    called: Mask
    directions: Floats
    emotions: np.ndarray[Any, np.dtype[np.int64]]
    emotion_probability: Floats

    @classmethod
    def of(cls, prediction: Prediction, card: Card) -> Outputs:
        """What a card makes of logits."""
        decoded = prediction.decoded(card)
        assert decoded.emotions is not None and decoded.emotion_probabilities is not None  # the AUs are facs.AUS
        slopes, shifts = np.array(card.slopes_and_shifts[: len(card.aus)]).T
        odds = np.clip(decoded.probabilities, LEAST_ODDS, 1 - LEAST_ODDS)
        independent = card.decoding == INDEPENDENT
        scores = prediction.logits * slopes + shifts if independent else np.log(odds / (1 - odds))
        return cls(
            decoded.probabilities,
            scores,
            decoded.probabilities >= np.array(card.decision_thresholds),
            scores if independent else decoded.probabilities,
            decoded.emotions,
            decoded.emotion_probabilities.max(axis=1),
        )


@dataclass(frozen=True)
class RenderedFigures:
    """Figures on rendered faces; see the modules of their types."""

    validity: Validity
    redundancy: Redundancy
    calibration: Calibrated
    robustness: Mapping[str, Left]


@dataclass(frozen=True)
class RealFigures:
    """Figures on real faces; see the modules of their types.

    Attributes:
        name: Dataset and split.
        emotion_right: Share of the faces with a known emotion whose likeliest emotion is right.
    """

    name: str
    agreement: Agreement
    redundancy: Redundancy
    calibration: Calibrated
    robustness: Mapping[str, Left]
    emotion_right: Estimate


@dataclass(frozen=True)
class AuFigures:
    """All figures of a checkpoint's AUs; None for what there were no faces for.

    Attributes:
        card: What the checkpoint is.
        checkpoint_sha256: Its digest.
        faces: Which half of the faces they are of, one of qnn.evaluation.aus.sources.HALVES.
        seed: Of the bootstrap.
        rendered: On rendered faces.
        real: On real ones.
        portraits: On portraits.
    """

    card: Card
    checkpoint_sha256: str
    faces: str
    seed: int
    rendered: RenderedFigures | None
    real: RealFigures | None
    portraits: Smiles | None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        parts = {"rendered": self.rendered, "real": self.real, "portraits": self.portraits}
        content: dict[str, Any] = to_json(
            {
                "preset": self.card.preset,
                "decoding": self.card.decoding,
                "checkpoint_sha256": self.checkpoint_sha256,
                "thresholds": list(self.card.decision_thresholds),
                "faces": self.faces,
                "seed": self.seed,
                **parts,
            }
        )
        return content


class AuMeasurement:
    """Measures one checkpoint; faces are shown to its network as it is deployed.

    Args:
        checkpoint: A .safetensors file with its card.
        half: Which half of the faces, for the record.
        resamples: Of the bootstrap.
        seed: Of the bootstrap, and of damages that are drawn.
        damaged: Faces of each kind that are damaged in every way, evenly taken; 0 measures no robustness.

    Raises:
        ValueError: A checkpoint that is refused, or of other AUs than facs.AUS.
    """

    def __init__(self, checkpoint: Path, half: str, resamples: int = 1000, seed: int = 0, damaged: int = 500) -> None:
        self.network: nn.Module
        self.network, self.card = load_network(checkpoint, AUS)
        self.checkpoint_sha256 = sha256(checkpoint)
        self.half, self.resamples, self.seed, self.damaged = half, resamples, seed, damaged

    def outputs(self, faces: Faces, title: str) -> Outputs:
        """What the network says of faces, under a progress bar."""
        return Outputs.of(predicted(self.network, self.card, faces, title), self.card)

    def figures(self, rendered: Rendered | None, real: Real | None, portraits: Portraits | None) -> AuFigures:
        """All figures of what there are faces of."""
        return AuFigures(
            self.card,
            self.checkpoint_sha256,
            self.half,
            self.seed,
            None if rendered is None else self.of_rendered(rendered),
            None if real is None else self.of_real(real),
            None if portraits is None else self.of_portraits(portraits),
        )

    def of_rendered(self, rendered: Rendered) -> RenderedFigures:
        """Figures on rendered faces."""
        faces, resampling = rendered.faces, self._resampling(rendered.faces)
        found = self.outputs(faces, "rendered faces")
        active, known = occurrence(faces.labels)
        return RenderedFigures(
            validity(found.scores, found.called, faces.aus, rendered.shown, resampling),
            redundancy(found.directions, faces.aus, resampling),
            calibrated(found.probabilities, active, known, _names(faces.aus), resampling),
            self._robustness(faces),
        )

    def of_real(self, real: Real) -> RealFigures:
        """Figures on real faces."""
        faces, resampling = real.faces, self._resampling(real.faces)
        found = self.outputs(faces, real.name)
        active, known = occurrence(faces.labels)
        judged = faces.emotions >= 0
        right = judged & (found.emotions == faces.emotions)
        return RealFigures(
            real.name,
            agreement(found.scores, found.called, faces.aus, real.taught, real.neutral_votes, resampling),
            redundancy(found.directions, faces.aus, resampling, real.taught.strengths),
            calibrated(
                np.column_stack([found.probabilities, found.emotion_probability]),
                np.column_stack([active, right]),
                np.column_stack([known, judged]),
                (*_names(faces.aus), EMOTION),
                resampling,
            ),
            self._robustness(faces),
            resampling.estimates({EMOTION: share(right, judged)})[EMOTION],
        )

    def of_portraits(self, portraits: Portraits) -> Smiles:
        """Figures on portraits."""
        found = self.outputs(portraits.faces, "portraits")
        return smiles(found.scores, found.called, portraits, self._resampling(portraits.faces))

    def _resampling(self, faces: Faces) -> Resampling:
        return Resampling(faces.subjects, self.resamples, self.seed)

    def _robustness(self, faces: Faces) -> dict[str, Left]:
        """What damages leave, on some of the faces in the network's own colour."""
        if not self.damaged:
            return {}
        rows = np.unique(np.linspace(0, len(faces) - 1, min(self.damaged, len(faces))).astype(np.int64))
        faces = in_colour(self.card, faces.take(rows))
        called = {
            name: self.outputs(
                replace(faces, pixels=damage(faces.pixels, np.random.default_rng(self.seed))), name
            ).called
            for name, damage in DAMAGES.items()
        }
        clean = self.outputs(faces, "undamaged").called
        return robustness(clean, called, *occurrence(faces.labels), self._resampling(faces))


def _names(aus: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"AU{au}" for au in aus)
