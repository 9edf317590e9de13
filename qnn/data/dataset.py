# SPDX-License-Identifier: Apache-2.0
"""What the five datasets have in common: a folder is indexed first, and its pictures are prepared by one rule."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from board.core.facs import EMOTIONS
from board.faces.find import SIDE_PX, cut_face, find_face
from qnn.data.faces import UNKNOWN_EMOTION, Faces

log = logging.getLogger("auflow")


class Source(NamedTuple):
    """Where one picture lies: a file, or a frame of a video, counted from 0."""

    path: Path
    frame: int | None = None


class Problem(str):
    """One sentence about a folder, with the kind of problem that it is."""

    kind: str

    def __new__(cls, kind: str, sentence: str) -> Problem:
        """Keep both."""
        problem = super().__new__(cls, sentence)
        problem.kind = kind
        return problem


@dataclass
class Report:
    """Takes what a look at a folder finds; a strict one raises the first problem, another keeps all.

    Attributes:
        strict: Whether a problem is raised.
        problems: What was kept.
        left_out: How many pictures a strict look goes on without, by kind.
        notes: What is no problem, yet worth saying.
    """

    strict: bool
    problems: list[Problem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    _names: dict[Path, dict[str, str]] = field(default_factory=dict)  # of each folder, by what people get right

    def wrong(self, kind: str, sentence: str) -> None:
        """Take a problem that training must not start with."""
        if self.strict:
            raise ValueError(sentence)
        self.problems.append(Problem(kind, sentence))

    def spare(self, kind: str, sentence: str) -> None:
        """Take a problem of one labelled picture, which training can go on without."""
        if self.strict:
            self.left_out[kind] += 1
        else:
            self.problems.append(Problem(kind, sentence))

    def note(self, sentence: str) -> None:
        """Take what is no problem."""
        self.notes.append(sentence)

    def missing(self, path: Path, title: str) -> None:
        """Take a file or folder that a dataset needs and that is not there; one of nearly the same name may be."""
        folder = path.parent
        if folder not in self._names:
            names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
            self._names[folder] = {_bare(name): name for name in names}
        sentence = f"{title} needs {path}, got none"
        if (near := self._names[folder].get(_bare(path.name))) is not None:
            self.wrong("misnamed", f"{sentence}: rename {near}, which lies there")
        else:
            self.wrong("missing", sentence)


@dataclass(frozen=True)
class Index:
    """N pictures of a dataset before any is read: where they lie, and the arrays of Faces without the pixels."""

    sources: tuple[Source, ...]
    labels: npt.NDArray[np.float32]  # (N, AUs)
    emotions: npt.NDArray[np.int64]  # (N,)
    votes: npt.NDArray[np.float32]  # (N, 7)
    groups: npt.NDArray[np.str_]  # (N,)
    subjects: npt.NDArray[np.str_]  # (N,)
    splits: npt.NDArray[np.str_]  # (N,)

    def __len__(self) -> int:
        return len(self.sources)

    def faces(self, pixels: npt.NDArray[np.uint8], rows: npt.NDArray[np.bool_], aus: tuple[int, ...]) -> Faces:
        """Faces of the rows (N,) that pixels were made of."""
        per_face = {name: getattr(self, name)[rows] for name in self.__dataclass_fields__ if name != "sources"}
        return Faces(pixels, aus, **per_face)


def block(
    sources: Sequence[Source],
    labels: npt.ArrayLike,
    emotions: npt.ArrayLike = UNKNOWN_EMOTION,
    votes: npt.ArrayLike | None = None,
    groups: npt.ArrayLike = "",
    subject: str = "",
    split: str = "",
) -> Index:
    """An index of N pictures that share what is given once.

    Args:
        sources: Where they lie.
        labels: Occurrence, (N, AUs).
        emotions: Index into facs.EMOTIONS, (N,), or one for all.
        votes: Share of each emotion, (N, 7); by default all for `emotions`.
        groups: Text (N,), or one for all.
        subject: Who is shown.
        split: Which of the official splits it is.
    """
    count = len(sources)
    indices = np.broadcast_to(np.asarray(emotions, dtype=np.int64), count)
    if votes is None:
        votes = indices[:, np.newaxis] == np.arange(len(EMOTIONS))
    return Index(
        tuple(sources),
        np.asarray(labels, dtype=np.float32),
        indices,
        np.asarray(votes, dtype=np.float32),
        *(np.broadcast_to(np.asarray(text, dtype=np.str_), count) for text in (groups, subject, split)),
    )


def join(blocks: Sequence[Index], aus: int) -> Index:
    """One index of several; none give an empty one with so many AUs."""
    blocks = blocks or [block((), np.empty((0, aus)))]
    arrays = [name for name in Index.__dataclass_fields__ if name != "sources"]
    return Index(
        tuple(source for one in blocks for source in one.sources),
        *(np.concatenate([getattr(one, name) for one in blocks]) for name in arrays),
    )


class Dataset(ABC):
    """One dataset in its official layout.

    Attributes:
        name: As commands take it.
        title: As the paper writes it.
        aus: FACS numbers of its labels.
        colour: The contract's colour rule.
        protocols: Names of the protocols that can split it; the first is the usual one.
        layout: What its folder holds, in words.
        markers: Glob patterns, of which a folder of this dataset matches at least one.
        terms: Its licence in a sentence.
        label_rules: How labels can be read; the first is the paper's.
        official_splits: Its own division, the training set first; empty where it has none.
        cropped: Whether its pictures are faces already, and none is looked for.
        crop_margin: Share of its side by which a Haar box grows on each side to frame a face as this dataset does.
        published_subjects: How many it has, where they are known.
    """

    name: str
    title: str
    aus: tuple[int, ...]
    colour: str
    protocols: tuple[str, ...]
    layout: str
    markers: tuple[str, ...]
    terms: str
    label_rules: tuple[str, ...] = ("paper",)
    official_splits: tuple[str, ...] = ()
    cropped: bool = False
    crop_margin: float = 0.0
    published_subjects: int | None = None

    @property
    def default_protocol(self) -> str:
        """The one that is used where none is asked for."""
        return self.protocols[0]

    def index(self, root: Path, labels: str = "paper", splits: Sequence[str] | None = None) -> Index:
        """Find every picture and its labels without reading any picture.

        Args:
            root: The dataset's folder.
            labels: One of label_rules.
            splits: Some of official_splits; by default all that the folder holds.

        Raises:
            ValueError: The folder is not this dataset's, or something in it is missing or cannot be understood.
        """
        report = Report(strict=True)
        index = self.look(root, labels, splits, report)
        for kind, count in report.left_out.items():
            log.warning("%s in %s: left out %s (%s)", self.title, root, f"{count:,}", kind)
        if not len(index):
            raise ValueError(f"{self.title} needs at least one labelled picture, got none in {root}")
        return index

    def problems(self, root: Path, labels: str = "paper") -> list[str]:
        """Everything that is missing or cannot be understood, a sentence each; pictures are not read."""
        report = Report(strict=False)
        self.look(root, labels, None, report)
        return list(report.problems)

    def look(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index a folder and report what is wrong with it."""
        if labels not in self.label_rules:
            raise ValueError(f"the labels of {self.title} must be one of {', '.join(self.label_rules)}, got {labels!r}")
        for split in splits or ():
            if split not in self.official_splits:
                known = ", ".join(self.official_splits) or "none"
                raise ValueError(f"the official splits of {self.title} are {known}, got {split!r}")
        if (sentence := self._not_ours(root)) is not None:
            report.wrong("folder", sentence)
            return join((), len(self.aus))
        index = self.scan(root, labels, splits, report)
        if not len(index) and not report.problems:
            report.wrong("empty", f"{self.title} needs at least one labelled picture, got none in {root}")
        subjects = len(set(index.subjects.tolist()))
        if self.published_subjects is not None and subjects != self.published_subjects:
            report.note(f"{self.title} was published with {self.published_subjects} subjects, got {subjects}")
        return index

    def recognises(self, root: Path) -> bool:
        """Whether a folder has this dataset's layout, at a glance."""
        return any(next(root.glob(marker), None) is not None for marker in self.markers)

    def _not_ours(self, root: Path) -> str | None:
        """Why a folder is not this dataset's."""
        from qnn.data.datasets import DATASETS  # which imports this module

        if not root.is_dir():
            return f"a dataset must be a folder, got {root}, which is {'a file' if root.exists() else 'missing'}"
        if self.recognises(root):
            return None
        for other in DATASETS.values():
            if other.recognises(root):
                return f"{root} looks like {other.title}, not {self.title}: use `auflow data check {other.name} {root}`"
        for inner in sorted(path for path in root.iterdir() if path.is_dir()):
            if self.recognises(inner):
                return f"a folder of {self.title} must hold {self.layout}, got {root}: name {inner}, which does"
        return f"a folder of {self.title} must hold {self.layout}, got {root}, which holds nothing of it"

    @abstractmethod
    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index a folder that has this dataset's layout."""

    def accept(self, picture: npt.NDArray[np.uint8]) -> None:
        """Raise ValueError for an RGB picture (H, W, 3) of a size that this dataset cannot have."""
        height, width = picture.shape[:2]
        if min(height, width) < SIDE_PX:
            raise ValueError(f"a picture of {self.title} must have at least 48x48 pixels, got {width}x{height}")

    def face(self, picture: npt.NDArray[np.uint8], margin: float) -> npt.NDArray[np.uint8] | None:
        """The prepared face (48, 48, 3) of an RGB picture (H, W, 3), None where no frontal face is found."""
        self.accept(picture)
        box = find_face(picture) or find_face(picture, scale=1.0)  # the full size finds what the half overlooks
        return None if box is None else cut_face(picture, box, margin, self.colour)


def _bare(name: str) -> str:
    """A file name without what people get wrong: case, suffix, separators."""
    return Path(name).stem.casefold().replace("_", "").replace("-", "").replace(" ", "")
