# SPDX-License-Identifier: Apache-2.0
"""Validity of each AU on rendered faces, whose truth is exact: alone, among other AUs, and by its strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qnn.evaluation.aus.statistics import (
    Estimate,
    Floats,
    Mask,
    Metric,
    Resampling,
    any_of,
    auc,
    balanced_accuracy,
    f1,
    mean,
    rank_correlation,
    share,
)

PRESENT, ABSENT = 0.5, 0.1
"""An AU of at least the first strength is present, one of at most the second absent; in between it counts nothing.
Strengths are the renderer's weights, and a teacher's soft targets."""
CONFUSABLE = ((1, 2), (2, 26), (6, 12), (4, 5), (5, 7), (4, 23))
"""Pairs of AUs that networks which learned them from emotions cannot part."""


@dataclass(frozen=True)
class Shown:
    """What N rendered faces show.

    Attributes:
        strengths: Of each AU, 0 to 1, shape (N, all AUs).
        aus: FACS numbers of its columns: those of a network, and others that it must not take for them.
    """

    strengths: npt.NDArray[np.float32]
    aus: tuple[int, ...]

    @property
    def neutral(self) -> Mask:
        """Faces that show nothing, (N,)."""
        return np.asarray(~(self.strengths > 0).any(1))

    @property
    def mixed(self) -> Mask:
        """Faces that show more than one AU, (N,)."""
        found: Mask = (self.strengths > 0).sum(1) > 1
        return found

    def of(self, au: int) -> Floats:
        """Strengths of one AU, (N,)."""
        return self.strengths[:, self.aus.index(au)].astype(np.float64)

    def alone(self, au: int) -> Mask:
        """Faces that show this AU and no other, at any strength, (N,)."""
        return (self.of(au) > 0) & ~self.mixed

    @property
    def alone_and_strong(self) -> Mask:
        """Faces that show one AU, and that present, (N,)."""
        found: Mask = (self.strengths >= PRESENT).any(1) & ~self.mixed
        return found


@dataclass(frozen=True)
class AuValidity:
    """How well one output tells its AU.

    Attributes:
        neutral: AUC of faces that show it alone and present against neutral ones.
        others: AUC of the same against faces that show one other AU alone and present.
        mixtures: AUC among faces that show several AUs: it is present, or absent.
        intensity: Rank correlation of output and strength over faces that show it alone, and neutral ones.
        f1: At the decision threshold, over all faces where it is present or absent.
        balanced_accuracy: Of the same.
        false_alarms: Share of neutral faces on which it is called.
        shown: Faces that show it alone and present.
    """

    neutral: Estimate
    others: Estimate
    mixtures: Estimate
    intensity: Estimate
    f1: Estimate
    balanced_accuracy: Estimate
    false_alarms: Estimate
    shown: int


FIGURES = tuple(name for name in AuValidity.__dataclass_fields__ if name != "shown")


@dataclass(frozen=True)
class Validity:
    """Validity of a network's outputs.

    Attributes:
        per_au: By FACS number.
        means: Of each figure over the AUs; `micro_f1`; and `any_false_alarm`, the share of neutral faces on which any
            AU is called.
        separation: AUC of the difference of two AUs' outputs between faces that show one of them alone, by "AU1-AU2".
        responses: AUC of each output (rows) on faces that show one AU alone (columns, `shown_aus`) against neutral
            ones; NaN where no face shows it so.
        shown_aus: FACS numbers of its columns.
        faces: How many there are.
        neutral_faces: How many of them show nothing.
    """

    per_au: Mapping[int, AuValidity]
    means: Mapping[str, Estimate]
    separation: Mapping[str, Estimate]
    responses: Floats
    shown_aus: tuple[int, ...]
    faces: int
    neutral_faces: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in self.responses]
        return {
            "faces": self.faces,
            "neutral_faces": self.neutral_faces,
            "per_au": {f"AU{au}": vars(found) for au, found in self.per_au.items()},
            "means": dict(self.means),
            "separation": dict(self.separation),
            "responses": {"shown": list(self.shown_aus), "auc_against_neutral": rows},
        }


def occurrence(strengths: npt.NDArray[Any]) -> tuple[Mask, Mask]:
    """Where AUs are present, and where it is known whether they are; both of the strengths' shape, NaN is unknown."""
    active = strengths >= PRESENT
    return active, active | (strengths <= ABSENT)


def of_decisions(called: Mask, active: Mask, known: Mask, neutral: Mask) -> dict[str, Metric]:
    """Metrics of one AU's decisions: on faces (N,) where it is known whether it is present, and on neutral ones."""
    return {
        "f1": f1(called, active, known),
        "balanced_accuracy": balanced_accuracy(called, active, known),
        "false_alarms": share(called, neutral),
    }


def estimated(
    resampling: Resampling, metrics: Mapping[str, Metric], figures: Sequence[str], aus: Sequence[int]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Estimates of metrics by their names, and of each figure's mean over the AUs, whose metrics are "figure AU"."""
    values = resampling.values(metrics)
    means = {name: Estimate.of(mean(values[f"{name} {au}"] for au in aus)) for name in figures}
    return {name: Estimate.of(column) for name, column in values.items()}, means


def validity(
    scores: Floats,
    called: Mask,
    aus: Sequence[int],
    shown: Shown,
    resampling: Resampling,
) -> Validity:
    """Hold outputs against what rendered faces show.

    Args:
        scores: What is ranked, (N, AUs): the more, the likelier the AU.
        called: AUs that are called present, (N, AUs).
        aus: FACS numbers of the columns, all of them among those of `shown`.
        shown: What the faces show.
        resampling: Over the heads.
    """
    truth = np.column_stack([shown.of(au) for au in aus])
    active, known = occurrence(truth)
    metrics: dict[str, Metric] = {}
    for column, au in enumerate(aus):
        single = shown.alone(au) & active[:, column]
        of_au: dict[str, Metric] = {
            "neutral": auc(scores[:, column], single, shown.neutral),
            "others": auc(scores[:, column], single, shown.alone_and_strong & ~single),
            "mixtures": auc(
                scores[:, column], shown.mixed & active[:, column], shown.mixed & known[:, column] & ~active[:, column]
            ),
            "intensity": rank_correlation(scores[:, column], truth[:, column], shown.alone(au) | shown.neutral),
            **of_decisions(called[:, column], active[:, column], known[:, column], shown.neutral),
        }
        metrics |= {f"{name} {au}": metric for name, metric in of_au.items()}
    pairs = [pair for pair in CONFUSABLE if set(pair) <= set(aus)]
    for one, other in pairs:
        difference = scores[:, aus.index(one)] - scores[:, aus.index(other)]
        metrics[f"AU{one}-AU{other}"] = auc(
            difference, shown.alone(one) & shown.alone_and_strong, shown.alone(other) & shown.alone_and_strong
        )
    metrics |= {"micro_f1": f1(called, active, known), "any_false_alarm": share(any_of(called), shown.neutral)}
    estimates, means = estimated(resampling, metrics, FIGURES, aus)
    return Validity(
        per_au={
            au: AuValidity(
                **{name: estimates[f"{name} {au}"] for name in FIGURES},
                shown=int((shown.alone(au) & active[:, column]).sum()),
            )
            for column, au in enumerate(aus)
        },
        means=means | {name: estimates[name] for name in ("micro_f1", "any_false_alarm")},
        separation={f"AU{one}-AU{other}": estimates[f"AU{one}-AU{other}"] for one, other in pairs},
        responses=_responses(scores, shown),
        shown_aus=shown.aus,
        faces=len(scores),
        neutral_faces=int(shown.neutral.sum()),
    )


def _responses(scores: Floats, shown: Shown) -> Floats:
    """AUC of each output on each AU that is shown alone and present against neutral faces, (AUs, all AUs)."""
    once = np.ones((1, len(scores)))
    singles = [shown.alone(au) & shown.alone_and_strong for au in shown.aus]
    return np.array([[auc(column, single, shown.neutral)(once)[0] for single in singles] for column in scores.T])
