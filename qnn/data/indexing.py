# SPDX-License-Identifier: Apache-2.0
"""Index a dataset's folder: every labelled picture, or every sentence on why the folder cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qnn.data.dataset import REMEDY, Dataset, Index, Report, join, log
from qnn.data.datasets import NAMES, find


def index(dataset: Dataset, root: Path, labels: str = "paper", splits: Sequence[str] | None = None) -> Index:
    """Find every picture and its labels without reading any picture.

    Args:
        dataset: One of qnn.data.datasets.
        root: Its folder.
        labels: One of its label_rules.
        splits: Some of its official_splits; by default all that the folder holds.

    Raises:
        ValueError: The folder is not this dataset's, or something in it is missing or cannot be understood.
    """
    report = Report(strict=True)
    found = look(dataset, root, labels, splits, report)
    for kind, count in report.left_out.items():
        log.warning("%s in %s: left out %s (%s)", dataset.title, root, f"{count:,}", kind)
    if not len(found):
        raise ValueError(f"{dataset.title} needs at least one labelled picture, got none in {root}: {REMEDY}")
    return found


def problems(dataset: Dataset, root: Path, labels: str = "paper") -> list[str]:
    """Everything that is missing or cannot be understood, a sentence each; pictures are not read."""
    report = Report(strict=False)
    look(dataset, root, labels, None, report)
    return list(report.problems)


def look(dataset: Dataset, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
    """Index a folder and report what is wrong with it.

    Raises:
        ValueError: An unknown label rule or split; with a strict report, whatever is wrong with the folder.
    """
    title = dataset.title
    if labels not in dataset.label_rules:
        raise ValueError(f"the labels of {title} must be one of {', '.join(dataset.label_rules)}, got {labels!r}")
    for split in splits or ():
        if split not in dataset.official_splits:
            known = ", ".join(dataset.official_splits) or "none"
            raise ValueError(f"the official splits of {title} are {known}, got {split!r}")
    if (sentence := _not_its_folder(dataset, root)) is not None:
        report.wrong("folder", sentence, "")
        return join((), len(dataset.aus))
    found = dataset.scan(root, labels, splits, report)
    if not len(found) and not report.problems:
        report.wrong("empty", f"{title} needs at least one labelled picture, got none in {root}")
    subjects = len(set(found.subjects.tolist()))
    if dataset.published_subjects is not None and subjects != dataset.published_subjects:
        report.note(f"{title} was published with {dataset.published_subjects} subjects, got {subjects}")
    return found


def _not_its_folder(dataset: Dataset, root: Path) -> str | None:
    """Why a folder is not a dataset's, None where it is."""
    title, layout = dataset.title, dataset.layout
    if not root.is_dir():
        found = "a file" if root.exists() else "missing"
        return f"a dataset must be a folder, got {root}, which is {found}: name its root"
    if dataset.recognises(root):
        return None
    for other in map(find, NAMES):
        if other.recognises(root):
            return f"{root} looks like {other.title}, not {title}: use `auflow data check {other.name} {root}`"
    for inner in sorted(path for path in root.iterdir() if path.is_dir()):
        if dataset.recognises(inner):
            return f"a folder of {title} must hold {layout}, got {root}: name {inner}, which does"
    return f"a folder of {title} must hold {layout}, got {root}, which holds nothing of it: name its root"
