# SPDX-License-Identifier: Apache-2.0
"""Check a dataset's folder before any training starts: everything wrong with it, and what it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from board.core.facs import EMOTIONS
from qnn.data.dataset import Dataset, Index, Problem, Report, Source
from qnn.data.datasets import find
from qnn.data.indexing import look
from qnn.data.loading import completed, executor
from qnn.data.reading import faults, lots

ACTIVE_FROM = 0.5
"""Of labels that are weights between 0 and 1."""


@dataclass(frozen=True)
class Counts:
    """What a folder holds under one label rule.

    Attributes:
        pictures: Labelled pictures.
        splits: Pictures of each official split.
        groups: Pictures of each emotion or task.
        subjects: Pictures of each subject.
        aus: Pictures in which each AU is active, inactive and unknown.
    """

    pictures: int
    splits: dict[str, int]
    groups: dict[str, int]
    subjects: dict[str, int]
    aus: dict[int, dict[str, int]]


@dataclass(frozen=True)
class Findings:
    """The result of a check.

    Attributes:
        name: The dataset's.
        root: Folder.
        labels: Label rule.
        counts: What the folder holds.
        problems: What is wrong with it.
        notes: What is no problem, yet worth knowing.
    """

    name: str
    root: Path
    labels: str
    counts: Counts
    problems: list[Problem]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """All of it in plain types."""
        problems = [{"kind": problem.kind, "sentence": str(problem)} for problem in self.problems]
        counts = asdict(self.counts)
        return {
            "dataset": self.name,
            "root": str(self.root),
            "labels": self.labels,
            **counts,
            "aus": {f"AU{number}": states for number, states in counts["aus"].items()},
            "problems": problems,
            "notes": self.notes,
        }


def check(name: str, root: Path, labels: str = "paper", quick: bool = False, progress: bool = True) -> Findings:
    """Look at a folder as loading will, and keep every problem instead of stopping at the first.

    Args:
        name: One of datasets.NAMES.
        root: The dataset's folder.
        labels: One of the dataset's label_rules.
        quick: Do not open the pictures.
        progress: Show a bar on standard error while pictures are opened.

    Raises:
        ValueError: An unknown name or label rule; what is wrong with the folder is in the result.
    """
    dataset = find(name)
    report = Report(strict=False)
    index = look(dataset, root, labels, None, report)
    problems = list(report.problems)
    if not quick:
        problems += _unreadable(dataset, index, progress)
    return Findings(name, root, labels, count(index, dataset.aus), problems, report.notes)


def count(index: Index, aus: tuple[int, ...]) -> Counts:
    """Count what an index holds; emotions stand in the order of facs.EMOTIONS."""
    order = {emotion: place for place, emotion in enumerate(EMOTIONS)}
    groups = sorted(Counter(index.groups.tolist()).items(), key=lambda item: (order.get(item[0], len(order)), item[0]))
    return Counts(
        len(index),
        {split_name: number for split_name, number in Counter(index.splits.tolist()).items() if split_name},
        {group: number for group, number in groups if group},
        {subject: number for subject, number in sorted(Counter(index.subjects.tolist()).items()) if subject},
        {
            au: {
                "active": int((column >= ACTIVE_FROM).sum()),
                "inactive": int((column < ACTIVE_FROM).sum()),
                "unknown": int(np.isnan(column).sum()),
            }
            for au, column in zip(aus, index.labels.T, strict=True)
        },
    )


def _unreadable(dataset: Dataset, index: Index, progress: bool) -> list[Problem]:
    """What of an index cannot be read, in its order."""
    jobs = list(enumerate(lots(index.sources)))

    def read(number: int, lot: tuple[Source, ...]) -> tuple[int, list[Problem]]:
        return number, faults(dataset, lot)

    with executor(None, len(jobs), processes=False) as pool:  # OpenCV decodes without Python's lock
        found = dict(completed(pool, read, jobs, f"opening {dataset.title}", progress))
    return [problem for number in sorted(found) for problem in found[number]]
