# SPDX-License-Identifier: Apache-2.0
"""Protocols: which faces train and which measure, without a leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnn.data.faces import Faces

Rows = npt.NDArray[np.int64]

PROTOCOLS = ("official", "paper", "subjects")
FOLDS = 3
VALIDATION_SHARE = 0.2
"""Section III.B.2 of the paper."""


@dataclass(frozen=True)
class Split:
    """Row numbers of faces, rising.

    Attributes:
        train: Those that train.
        test: Those that measure.
    """

    train: Rows
    test: Rows


def split(faces: Faces, protocol: str, split_name: str = "valid", fold: int = 0, seed: int = 0) -> Split:
    """Divide faces.

    Args:
        faces: A dataset's.
        protocol: `official`, the dataset's own training split against another split; `paper`, 20 % drawn from every
            group (the emotion, or the task) against the rest; `subjects`, one of three folds of subjects against the
            other two.
        split_name: The official split that is the test set.
        fold: Which of the three folds measures.
        seed: Draws the rows of `paper` and the folds of `subjects`.

    Raises:
        ValueError: A protocol or split that the faces do not have, no such fold, a subject that is unknown, too few
            subjects, a group too small to divide.
    """
    available = [name for name in PROTOCOLS if _has(faces, name)]
    if protocol not in available:
        raise ValueError(f"the protocols of these faces are {', '.join(available)}, got {protocol!r}")
    folds = FOLDS if protocol == "subjects" else 1
    if not 0 <= fold < folds:
        raise ValueError(f"protocol {protocol} has folds 0 to {folds - 1}, got {fold}")
    if protocol == "official":
        test = faces.splits == split_name
        train = faces.splits == "train"
        others = sorted(set(faces.splits.tolist()) - {"train", ""})
        if split_name not in others or not train.any():
            raise ValueError(
                f"protocol official needs a training split and one to test on, got split {split_name!r}"
                f" of {', '.join(sorted(set(faces.splits.tolist())))}"
            )
        return Split(np.flatnonzero(train), np.flatnonzero(test))
    rows = np.arange(len(faces))
    if protocol == "paper":
        test_rows = _drawn_from_groups(faces.groups, rows, VALIDATION_SHARE, seed)
    else:
        test_rows = np.flatnonzero(np.isin(faces.subjects, subject_folds(faces.subjects, seed)[fold]))
    return Split(np.setdiff1d(rows, test_rows), test_rows)


def subject_folds(subjects: npt.NDArray[np.str_], seed: int = 0) -> list[list[str]]:
    """Three folds of subjects, alike in number and in faces.

    Subjects are ranked by their faces, and each three neighbours in rank go to the three folds by lot; so folds
    differ by one subject at most, and by fewer faces than the largest subject has.

    Args:
        subjects: Of every face, text of shape (N,).
        seed: Draws the lots.
    """
    names, counts = np.unique(subjects, return_counts=True)
    if (unknown := np.count_nonzero(subjects == "")) > 0:
        raise ValueError(f"protocol subjects needs the subject of every face, got {unknown:,} faces without one")
    if len(names) < FOLDS:
        raise ValueError(f"protocol subjects needs at least {FOLDS} subjects, got {', '.join(names) or 'none'}")
    rng = np.random.default_rng(seed)
    ranked = names[np.argsort(-counts, kind="stable")].tolist()
    folds: list[list[str]] = [[] for _ in range(FOLDS)]
    for start in range(0, len(ranked), FOLDS):
        for lot, subject in zip(rng.permutation(FOLDS), ranked[start : start + FOLDS], strict=False):
            folds[lot].append(subject)
    return folds


def held_out(faces: Faces, rows: Rows, share: float, seed: int = 0) -> tuple[Rows, Rows]:
    """Draw a share of training rows to tune thresholds on: whole subjects where they are known, else from every group.

    Args:
        faces: A dataset's.
        rows: Row numbers that may be drawn.
        share: Between 0 and 1; whole subjects come as near to it as they can.
        seed: Draws.

    Returns:
        The rows kept and those held out, rising.
    """
    if not 0 < share < 1:
        raise ValueError(f"need 0 < share < 1, got {share}")
    if _has(faces, "subjects"):
        drawn = _drawn_subjects(faces.subjects, rows, share, seed)
    else:
        drawn = _drawn_from_groups(faces.groups, rows, share, seed)
    return np.setdiff1d(rows, drawn), drawn


def _has(faces: Faces, protocol: str) -> bool:
    """Whether the faces know what a protocol goes by."""
    by = {"official": faces.splits, "subjects": faces.subjects}.get(protocol)
    return by is None or bool((by != "").any())


def _drawn_subjects(subjects: npt.NDArray[np.str_], rows: Rows, share: float, seed: int) -> Rows:
    """Rows of whole subjects, about a share of all rows."""
    names, counts = np.unique(subjects[rows], return_counts=True)
    if "" in names:
        raise ValueError("holding subjects out needs the subject of every face, got faces without one")
    if len(names) < 2:
        raise ValueError(f"holding subjects out needs at least 2 subjects, got {', '.join(names) or 'none'}")
    order = np.random.default_rng(seed).permutation(len(names))
    totals = np.cumsum(counts[order])
    nearest = int(np.abs(totals[:-1] - share * len(rows)).argmin())  # at least one is held out, at least one kept
    return rows[np.isin(subjects[rows], names[order[: nearest + 1]])]


def _drawn_from_groups(groups: npt.NDArray[np.str_], rows: Rows, share: float, seed: int) -> Rows:
    """A share of the rows of every group, at least one."""
    if not len(rows):
        raise ValueError("a protocol needs at least one face, got none")
    rng = np.random.default_rng(seed)
    drawn = []
    for group in np.unique(groups[rows]):
        members = rows[groups[rows] == group]
        if len(members) < 2:
            raise ValueError(f"a group needs at least 2 faces to be divided, got {len(members)} of {group or 'all'}")
        count = min(max(1, round(share * len(members))), len(members) - 1)
        drawn.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(drawn))
