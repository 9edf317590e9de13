# SPDX-License-Identifier: Apache-2.0
"""Agreement with a teacher on real faces, which nobody coded: who is in its top tenth, and in which order."""

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
    f1,
    rank_correlation,
    share,
)
from qnn.evaluation.aus.validity import PRESENT, estimated, occurrence, of_decisions

TOP, LOWER = 0.9, 0.5
"""Faces ranked at least here by the teacher are held against those ranked below there."""
NEUTRAL_VOTES = 0.8
"""Least share of the votes by which a face is a neutral one."""


@dataclass(frozen=True)
class Taught:
    """What a teacher says of N faces, NaN where it says nothing.

    Attributes:
        strengths: Of each AU, in a scale of its own, shape (N, AUs).
        ranks: The same as shares of its training faces that have less, 0 to 1.
        targets: What training takes from it, 0 to 1, shape (N, AUs).
        brows: How much higher the inner brows' rank is than the outer ones', shape (N,).
    """

    strengths: Floats
    ranks: Floats
    targets: npt.NDArray[np.float32]
    brows: Floats

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Taught:
        """Of some of the faces, by mask of shape (N,) or by row numbers."""
        return Taught(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class AuAgreement:
    """How well one output agrees with a teacher; all None where the teacher has nothing on the AU.

    Attributes:
        top: AUC of the teacher's top tenth against its lower half.
        ranks: Rank correlation with the teacher.
        f1: At the decision threshold, over the faces whose target is present or absent.
        balanced_accuracy: Of the same.
        false_alarms: Share of `neutral_faces` on which it is called.
        known: Faces of which the teacher says something.
    """

    top: Estimate
    ranks: Estimate
    f1: Estimate
    balanced_accuracy: Estimate
    false_alarms: Estimate
    known: int


FIGURES = tuple(name for name in AuAgreement.__dataclass_fields__ if name != "known")


@dataclass(frozen=True)
class Agreement:
    """Agreement of a network's outputs with a teacher.

    Attributes:
        per_au: By FACS number.
        means: Of each figure over the AUs that have it; `micro_f1`; and `any_false_alarm`, the share of calm faces on
            which any AU is called.
        brows: Rank correlation of the difference of AU1 and AU2 with that of inner and outer brows' heights; None
            where the AUs are others.
        faces: How many there are.
        calm_faces: How many of them are neutral by their votes, with no AU present by the teacher.
    """

    per_au: Mapping[int, AuAgreement]
    means: Mapping[str, Estimate]
    brows: Estimate
    faces: int
    calm_faces: int

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary."""
        return {
            "faces": self.faces,
            "calm_faces": self.calm_faces,
            "per_au": {f"AU{au}": vars(found) for au, found in self.per_au.items()},
            "means": dict(self.means),
            "brows": self.brows,
        }


def calm(neutral_votes: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Mask:
    """Faces (N,) that are neutral by at least NEUTRAL_VOTES, and of whose targets (N, AUs) none is present."""
    said = ~np.isnan(targets).all(1)
    return np.asarray((neutral_votes >= NEUTRAL_VOTES) & said & ~occurrence(targets)[0].any(1))


def neutral_faces(neutral_votes: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Mask:
    """Faces that count as neutral for each AU, (N, AUs).

    They are neutral by at least NEUTRAL_VOTES of the votes, and the AU is not present by the teacher: some faces are
    called neutral that show one. Where the AU has no target, they are `calm` ones.
    """
    voted = (neutral_votes >= NEUTRAL_VOTES)[:, np.newaxis]
    return np.where(np.isnan(targets), calm(neutral_votes, targets)[:, np.newaxis], voted & (targets < PRESENT))


def agreement(
    scores: Floats,
    called: Mask,
    aus: Sequence[int],
    taught: Taught,
    neutral_votes: npt.NDArray[Any],
    resampling: Resampling,
) -> Agreement:
    """Hold outputs against a teacher.

    Args:
        scores: What is ranked, (N, AUs).
        called: AUs that are called present, (N, AUs).
        aus: FACS numbers of the columns.
        taught: What the teacher says of the faces.
        neutral_votes: Share of people who saw a neutral face, (N,).
        resampling: Over the faces.
    """
    active, known = occurrence(taught.targets)
    neutral, at_rest = neutral_faces(neutral_votes, taught.targets), calm(neutral_votes, taught.targets)
    metrics: dict[str, Metric] = {
        "micro_f1": f1(called, active, known),
        "any_false_alarm": share(any_of(called), at_rest),
    }
    for column, au in enumerate(aus):
        score, rank = scores[:, column], taught.ranks[:, column]
        of_au: dict[str, Metric] = {
            "top": auc(score, rank >= TOP, rank < LOWER),
            "ranks": rank_correlation(score, rank, ~np.isnan(rank)),
            **of_decisions(called[:, column], active[:, column], known[:, column], neutral[:, column]),
        }
        metrics |= {f"{name} {au}": metric for name, metric in of_au.items()}
    if {1, 2} <= set(aus):
        apart = scores[:, aus.index(1)] - scores[:, aus.index(2)]
        metrics["brows"] = rank_correlation(apart, taught.brows, ~np.isnan(taught.brows))
    estimates, means = estimated(resampling, metrics, FIGURES, aus)
    return Agreement(
        per_au={
            au: AuAgreement(
                **{name: estimates[f"{name} {au}"] for name in FIGURES},
                known=int((~np.isnan(taught.ranks[:, column])).sum()),
            )
            for column, au in enumerate(aus)
        },
        means=means | {name: estimates[name] for name in ("micro_f1", "any_false_alarm")},
        brows=estimates.get("brows", Estimate(None, None)),
        faces=len(scores),
        calm_faces=int(at_rest.sum()),
    )
