# SPDX-License-Identifier: Apache-2.0
"""Tune AUs that stand for themselves: calibration, and decision thresholds with few false alarms on neutral faces.

Both are of the half of the faces that no figure is of (qnn.evaluation.aus.sources). An AU's probability is that of the
AU being present on faces like these, half of them rendered, half real; where a teacher says nothing of it, rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from board.core.decoding import INDEPENDENT, REAL_AND_RENDERED, RENDERED, sigmoid
from board.core.facs import AUS
from qnn.evaluation.aus.agreement import calm, neutral_faces
from qnn.evaluation.aus.calibration import fit, temperature
from qnn.evaluation.aus.sources import Real, Rendered
from qnn.evaluation.aus.statistics import Floats, Mask
from qnn.evaluation.aus.validity import occurrence
from qnn.evaluation.measuring import load_network, predicted
from qnn.network import checkpoint as checkpoints
from qnn.network.checkpoint import Card

FALSE_ALARMS = 0.05
"""Largest share of neutral faces of each kind on which an AU may be called."""


@dataclass(frozen=True)
class Kind:
    """Faces of one kind, rendered or real, as tuning takes them.

    Attributes:
        logits: Of each AU, (N, AUs).
        active: AUs that are present, (N, AUs).
        known: Where that is known, (N, AUs).
        neutral: Faces that count as neutral for each AU, (N, AUs).
        calm: Faces that are neutral and show no AU, (N,).
    """

    logits: Floats
    active: Mask
    known: Mask
    neutral: Mask
    calm: Mask

    def column(self, au: int) -> tuple[Floats, Mask, Mask, Mask]:
        """All four of one AU, (N,) each."""
        return self.logits[:, au], self.active[:, au], self.known[:, au], self.neutral[:, au]


@dataclass(frozen=True)
class TunedAu:
    """What was tuned for one AU.

    Attributes:
        slope: Of the calibration.
        offset: Of the calibration.
        threshold: Decision threshold, a probability.
        balanced_accuracy: On the faces that chose it, mean over the kinds of faces.
        false_alarms: Largest share of neutral faces on which it is called, over the kinds.
        validity: The card's, of board.core.decoding.VALIDITIES; where it has none, which faces tuned the AU.
        faces: With it and without it, over the kinds.
    """

    slope: float
    offset: float
    threshold: float
    balanced_accuracy: float
    false_alarms: float
    validity: str
    faces: tuple[int, int]


@dataclass(frozen=True)
class TunedAus:
    """New decision thresholds and calibration.

    Attributes:
        card: The card with them.
        per_au: By FACS number.
        temperature: Of the emotions; None without outputs or faces for them.
    """

    card: Card
    per_au: Mapping[int, TunedAu]
    temperature: float | None


def tune_au(kinds: Sequence[tuple[Floats, Mask, Mask, Mask]], bound: float, validity: str) -> TunedAu:
    """Calibrate one AU's logit and choose its threshold.

    Args:
        kinds: Logits (N,), whether the AU is present, where that is known, and which faces are neutral, of each kind of
            faces. Each kind counts as much as the others.
        bound: Largest share of a kind's neutral faces on which it may be called.
        validity: What stands behind it.

    Raises:
        ValueError: No kind has faces with the AU and without, or its logit is not higher where it is present.
    """
    judged = [(logits[known], active[known]) for logits, active, known, _ in kinds]
    judged = [(logits, active) for logits, active in judged if active.any() and not active.all()]
    if not judged:
        raise ValueError("tuning needs faces with the AU and without, got none: render or label more")
    logits, active = (np.concatenate(parts) for parts in zip(*judged, strict=True))
    weights = np.concatenate([np.full(len(one), len(logits) / len(judged) / len(one)) for one, _ in judged])
    slope, offset = fit(logits, active, weights)
    said = [(sigmoid(slope * one + offset), shown) for one, shown in judged]
    neutral = [sigmoid(slope * one[rest] + offset) for one, _, _, rest in kinds if rest.any()]
    threshold = best_threshold(said, neutral, bound)
    return TunedAu(
        slope,
        offset,
        threshold,
        float(np.mean([_balanced(one, shown, threshold) for one, shown in said])),
        max((float((one >= threshold).mean()) for one in neutral), default=0.0),
        validity,
        (int(active.sum()), int((~active).sum())),
    )


def best_threshold(said: Sequence[tuple[Floats, Mask]], neutral: Sequence[Floats], bound: float) -> float:
    """The threshold of the best balanced accuracy, mean over kinds of faces, whose false alarms stay in bounds.

    Thresholds midway between neighbouring probabilities are tried. Of equally good ones the lowest is taken. The bound
    is for other faces, too: these keep a standard error below it.

    Args:
        said: Probabilities (N,) and whether the AU is present, (N,), of each kind.
        neutral: Probabilities of neutral faces, of each kind.
        bound: Largest share of each of these at or above the threshold, above 0.

    Raises:
        ValueError: There are too few neutral faces to tell, or too many of them have probability 1.
    """
    values = np.unique(np.concatenate([*(one for one, _ in said), *neutral, [0.0, 1.0]]))
    tried = (values[1:] + values[:-1]) / 2
    tried = tried[(tried > 0) & (tried < 1)]
    for one in neutral:
        tried = tried[_share_from(one, tried) <= bound - np.sqrt(bound * (1 - bound) / len(one))]
    if not len(tried):
        raise ValueError(
            f"false alarms of at most {bound:.1%} must be told on neutral faces, got {min(map(len, neutral))} of them"
            " or an AU that is sure of more: give more faces, allow more or train again"
        )
    accuracy = np.mean(
        [(_share_from(one[shown], tried) + 1 - _share_from(one[~shown], tried)) / 2 for one, shown in said], axis=0
    )
    return float(tried[accuracy.argmax()])


def raised_together(
    said: Sequence[Sequence[tuple[Floats, Mask]]], calm: Sequence[Floats], thresholds: Floats, bound: float
) -> Floats:
    """Thresholds raised until few calm faces have any AU called, where that costs the least balanced accuracy.

    Greedy: each step raises the one threshold, so far, that takes away the most alarms for the balanced accuracy that
    it costs, mean over AUs and kinds; an alarm counts the more, the fewer others the same face has.

    Args:
        said: Of each AU probabilities (N,) and whether it is present, (N,), of each kind of faces.
        calm: Probabilities (N, AUs) of calm faces, of each kind.
        thresholds: Of each AU, (AUs,), where the search begins.
        bound: Largest share of a kind's calm faces on which any AU may be called, a standard error below it.
    """
    raised = thresholds.copy()
    while over := [
        faces
        for faces in calm
        if (faces >= raised).any(1).mean() > max(bound - np.sqrt(bound * (1 - bound) / len(faces)), 0.0)
    ]:
        best = (-1.0, 0, 0.0)
        for au, kinds in enumerate(said):
            alarms = [faces >= raised for faces in over]
            worth = [called[:, au] / np.maximum(called.sum(1), 1) / len(called) for called in alarms]
            values, worths = np.concatenate([faces[:, au] for faces in over]), np.concatenate(worth)
            tried = np.unique(values[worths > 0])
            if not len(tried):
                continue
            tried = (tried + np.append(tried[1:], 1.0)) / 2
            taken = np.array([worths[values < one].sum() for one in tried])
            before = np.mean([_balanced(one, shown, raised[au]) for one, shown in kinds])
            cost = before - np.array([np.mean([_balanced(one, shown, t) for one, shown in kinds]) for t in tried])
            ratio = taken / np.maximum(cost, 1e-6)
            if ratio.max() > best[0]:
                best = (float(ratio.max()), au, float(tried[ratio.argmax()]))
        raised[best[1]] = best[2]
    return raised


def _bounded_together(kinds: Sequence[Kind], per_au: Mapping[int, TunedAu], bound: float) -> dict[int, TunedAu]:
    """The same AUs with thresholds of `raised_together`."""
    slopes, offsets, thresholds = (
        np.array([getattr(one, name) for one in per_au.values()]) for name in ("slope", "offset", "threshold")
    )
    probabilities = [sigmoid(slopes * kind.logits + offsets) for kind in kinds]
    said: list[list[tuple[Floats, Mask]]] = []
    for column in range(len(per_au)):
        judged = [
            (said_of[kind.known[:, column], column], kind.active[kind.known[:, column], column])
            for kind, said_of in zip(kinds, probabilities, strict=True)
        ]
        said.append([(one, shown) for one, shown in judged if shown.any() and not shown.all()])
    resting = [one[kind.calm] for kind, one in zip(kinds, probabilities, strict=True) if kind.calm.any()]
    raised = raised_together(said, resting, thresholds, bound)
    return {
        au: replace(
            one,
            threshold=float(threshold),
            balanced_accuracy=float(np.mean([_balanced(*kind, float(threshold)) for kind in said[column]])),
            false_alarms=max(
                float((of_kind[kind.neutral[:, column], column] >= threshold).mean())
                for kind, of_kind in zip(kinds, probabilities, strict=True)
                if kind.neutral[:, column].any()
            ),
        )
        for column, ((au, one), threshold) in enumerate(zip(per_au.items(), raised, strict=True))
    }


def _share_from(values: Floats, thresholds: Floats) -> Floats:
    """Share of values (N,) at or above each threshold."""
    below = np.searchsorted(np.sort(values), thresholds, side="left")
    return 1 - below / len(values)


def _balanced(probabilities: Floats, active: Mask, threshold: float) -> float:
    called = probabilities >= threshold
    return float((called[active].mean() + (~called[~active]).mean()) / 2)


def tune_aus(
    checkpoint: Path,
    rendered: Rendered,
    real: Real | None,
    bound: float = FALSE_ALARMS,
    sources: Mapping[str, object] | None = None,
    together: float | None = None,
) -> TunedAus:
    """Tune a checkpoint's AUs and write calibration, thresholds and validity into its card.

    Args:
        checkpoint: A .safetensors file with its card.
        rendered: Rendered faces to tune on.
        real: Faces of a dataset with a teacher's labels, to tune on.
        bound: Largest share of neutral faces of each kind on which an AU may be called.
        sources: Where the faces come from, for the card.
        together: Largest share of calm faces of each kind on which any AU may be called; None for no such bound.

    Raises:
        ValueError: A checkpoint whose AUs are decoded together, or see `tune_au`.
    """
    card = checkpoints.read_card(checkpoint)
    if card.decoding != INDEPENDENT:
        raise ValueError(
            f"--aus tunes AUs that are decoded by themselves ({INDEPENDENT}), got {card.decoding}: leave --aus out"
        )
    network, card = load_network(checkpoint, AUS)
    of_rendered = predicted(network, card, rendered.faces, "rendered faces")
    neutral = np.repeat(rendered.shown.neutral[:, np.newaxis], len(AUS), axis=1)
    kinds = [Kind(of_rendered.logits, *occurrence(rendered.faces.labels), neutral, rendered.shown.neutral)]
    calibration = np.tile([1.0, 0.0], (card.outputs, 1))
    divided_by = None
    if real is not None:
        of_real = predicted(network, card, real.faces, real.name)
        votes, labels = real.neutral_votes, real.faces.labels
        kinds.append(Kind(of_real.logits, *occurrence(labels), neutral_faces(votes, labels), calm(votes, labels)))
        judged = real.faces.emotions >= 0
        if of_real.emotion_logits is not None and judged.any():
            divided_by = temperature(of_real.emotion_logits[judged], real.faces.emotions[judged])
            calibration[len(AUS) :, 0] = 1 / divided_by
    per_au: dict[int, TunedAu] = {}
    for column, au in enumerate(AUS):
        taught = real is not None and not np.isnan(real.faces.labels[:, column]).all()
        learned = card.validities[column] or (REAL_AND_RENDERED if taught else RENDERED)
        try:
            per_au[au] = tune_au([kind.column(column) for kind in kinds], bound, learned)
        except ValueError as error:
            raise ValueError(f"{error}, AU{au}") from None
        calibration[column] = per_au[au].slope, per_au[au].offset
    if together is not None:
        per_au = _bounded_together(kinds, per_au, together)
    measured_with = {"thresholds": list(card.decision_thresholds), "calibration": list(card.slopes_and_shifts)}
    tuned = replace(
        card,
        metrics=card.metrics and {**measured_with, **card.metrics},
        thresholds=tuple(one.threshold for one in per_au.values()),
        calibration=tuple((float(slope), float(offset)) for slope, offset in calibration),
        validity=tuple(one.validity for one in per_au.values()),
        training={
            **card.training,
            "thresholds": {
                **(sources or {}),
                "faces": len(rendered.faces) + (0 if real is None else len(real.faces)),
                "rendered_faces": len(rendered.faces),
                "real_faces": 0 if real is None else len(real.faces),
                "false_alarms": bound,
                **({} if together is None else {"false_alarms_together": together}),
            },
        },
    )
    checkpoints.write_card(checkpoint, tuned)
    return TunedAus(tuned, per_au, divided_by)
