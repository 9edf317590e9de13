# SPDX-License-Identifier: Apache-2.0
"""Dataset, the class that every dataset derives from: attributes, how its folder is read, how its faces are cut."""

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
from board.faces.crop import SIDE_PX, cut_face
from board.faces.find import find_face
from qnn.data.faces import UNKNOWN_EMOTION, Faces
from qnn.data.finder import finder

log = logging.getLogger("auflow")

REMEDY = "copy the dataset again; `auflow data check` tells all that is wrong"


class Source(NamedTuple):
    """Where one picture lies: a file, or a frame of a video or row of an .npz, counted from 0."""

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

    def wrong(self, kind: str, sentence: str, remedy: str = REMEDY) -> None:
        """Take a problem that training must not start with; its remedy is empty where the sentence tells it."""
        if self.strict:
            raise ValueError(f"{sentence}: {remedy}" if remedy else sentence)
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
            self.wrong("misnamed", f"{sentence}: rename {near}, which lies there", "")
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
    """One dataset in its official layout; a file of qnn/data/datasets holds a class that derives from this.

    Attributes:
        name: As commands take it: the file's.
        title: As its authors write it.
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

    def default_split(self, protocol: str) -> str:
        """The split to test on where none is asked for: with `official` the first after training, else `valid`."""
        return self.official_splits[1] if protocol == "official" and self.official_splits else "valid"

    def recognises(self, root: Path) -> bool:
        """Whether a folder has this dataset's layout, at a glance."""
        return any(next(root.glob(marker), None) is not None for marker in self.markers)

    @abstractmethod
    def scan(self, root: Path, labels: str, splits: Sequence[str] | None, report: Report) -> Index:
        """Index a folder that has this dataset's layout, reading labels but no pictures.

        Args:
            root: The folder.
            labels: One of label_rules.
            splits: Some of official_splits; None takes all that the folder holds.
            report: Is told what is missing or cannot be understood.
        """

    def accept(self, picture: npt.NDArray[np.uint8]) -> None:
        """Raise ValueError for an RGB picture (H, W, 3) of a size that this dataset cannot have."""
        height, width = picture.shape[:2]
        if min(height, width) < SIDE_PX:
            raise ValueError(f"a picture of {self.title} must have at least 48x48 pixels, got {width}x{height}")

    def face(self, picture: npt.NDArray[np.uint8], margin: float) -> npt.NDArray[np.uint8] | None:
        """The prepared face (48, 48, 3) of an RGB picture (H, W, 3) by the picture rule, None where none is found."""
        self.accept(picture)
        face = find_face(picture, finder().search_still)
        return None if face is None else cut_face(picture, face.box, margin, self.colour, face.roll_deg)


def _bare(name: str) -> str:
    """A file name without what people get wrong: case, suffix, separators."""
    return Path(name).stem.casefold().replace("_", "").replace("-", "").replace(" ", "")
