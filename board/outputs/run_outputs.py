# SPDX-License-Identifier: Apache-2.0
"""The outputs of a run over one input or several: checked before the work begins, held open, and resumed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from board.core.contract import Contract
from board.core.files import check_writable
from board.core.text import printable
from board.outputs.jsonl import JsonlOutput
from board.outputs.openface_csv import CsvOutput
from board.outputs.output import Output
from board.outputs.pictures import DRAWN, PicturesOutput
from board.outputs.record import MadeBy, record_name
from board.outputs.terminal import TerminalOutput
from board.outputs.video import CODECS, VideoOutput, smooth
from board.sources.array import ARRAYS
from board.sources.frame import Source
from board.sources.pictures import PICTURES
from board.sources.video import VIDEOS

TABLES: dict[str, type[CsvOutput] | type[JsonlOutput]] = {".csv": CsvOutput, ".jsonl": JsonlOutput}


@dataclass(frozen=True)
class Places:
    """Where a run writes.

    Attributes:
        sources: What it reads, one after the other.
        out: A .csv or .jsonl file for the rows of all of them, or a folder for one .csv each; None prints a line for
            each observation.
        annotate: A video or the name of a picture, where there is one source; or a folder: of a picture for each of its
            frames, or of a video or pictures for each of several sources.
        resume: Whether to go on where an interrupted run stopped.
    """

    sources: Sequence[Source]
    out: Path | None = None
    annotate: Path | None = None
    resume: bool = False

    @property
    def one_table(self) -> bool:
        """Whether the rows of all sources go to one file."""
        return self.out is not None and self.out.suffix.lower() in TABLES and not self.out.is_dir()

    def table(self, number: int) -> Path | None:
        """The table of a source, None where its rows are printed."""
        if self.out is None or self.one_table:
            return self.out
        return self.out / f"{self.labels[number]}.csv"

    def drawn(self, number: int) -> Path | None:
        """The video, picture or folder of a source's annotated frames, None where there is none."""
        if self.annotate is None or len(self.sources) == 1:
            return self.annotate
        source, label = self.sources[number], self.labels[number]
        if source.moving:
            return self.annotate / f"{label}.mp4"
        return self.annotate / (f"{label}.jpg" if source.count == 1 else label)

    @cached_property
    def labels(self) -> list[str]:
        """A name for the files of each source, all different."""
        whole = [printable(source.name).replace("/", "_").lstrip("_") for source in self.sources]
        short = [Path(name).stem for name in whole]
        labels: dict[str, None] = {}
        for name in whole if len(set(short)) < len(short) == len(set(whole)) else short:
            number = 2
            label = name
            while label in labels:
                label, number = f"{name}-{number}", number + 1
            labels[label] = None
        return list(labels)

    def check(self, inputs: Sequence[str]) -> None:
        """Refuse what cannot be, before anything is computed.

        Args:
            inputs: As the user named them: none of them may be overwritten.

        Raises:
            ValueError: A file's name does not tell its kind, is an input's or holds what an interrupted run left, or
                what is asked for cannot be resumed.
            RuntimeError: A place cannot be written.
        """
        for place in self._all():
            if any(_is_read(place, Path(name)) for name in inputs):
                raise ValueError(f"an output must not be the input, got {place} for both: name another")
        if self.out is not None and not self.one_table and not _may_be_folder(self.out):
            raise ValueError(f"rows go to a file that ends in {' or '.join(TABLES)}, or to a folder, got {self.out}")
        if len(self.sources) > 1 and any(source.live for source in self.sources):
            raise ValueError(f"a camera must be the only input, got {len(self.sources)} inputs: run it by itself")
        if self.resume and (self.out is None or self.sources[0].live):
            raise ValueError(
                "to be resumed a run needs a file for its rows and a source with an end: name --out, no camera"
            )
        self._check_annotate()
        for folder in dict.fromkeys(place if place.is_dir() else place.parent for place in self._all()):
            check_writable(folder)
        for number in range(len(self.sources)):
            table = self.table(number)
            if table is not None:
                kind(table).check_free(table, self.resume)

    def _all(self) -> list[Path]:
        """Every file and folder that is written."""
        numbers = range(len(self.sources))
        found = [self.out, self.annotate, *map(self.table, numbers), *map(self.drawn, numbers)]
        return [place for place in dict.fromkeys(found) if place is not None]

    def _check_annotate(self) -> None:
        path, suffix = self.annotate, "" if self.annotate is None else self.annotate.suffix.lower()
        if path is None:
            return
        if suffix and not path.is_dir():
            if suffix not in (*CODECS, *DRAWN):
                raise ValueError(f"annotated frames go to {', '.join((*CODECS, *DRAWN))} or a folder, got {path}")
            if len(self.sources) > 1:
                raise ValueError(
                    f"one annotated file is for one input, got {path} for {len(self.sources)}: name a folder"
                )
            if suffix in DRAWN and self.sources[0].count != 1:
                raise ValueError(
                    f"one annotated picture is for an input of one, got {path} for {self.sources[0].name}:"
                    " name a folder"
                )
        for number in range(len(self.sources)):
            drawn = self.drawn(number)
            if self.resume and drawn is not None and drawn.suffix.lower() in CODECS and not drawn.is_dir():
                raise ValueError(
                    f"an annotated video cannot be continued, got {drawn}: run without --resume or --annotate"
                )


def kind(table: Path) -> type[CsvOutput] | type[JsonlOutput]:
    """What writes a table, by its name."""
    return TABLES[table.suffix.lower()]


def _may_be_folder(path: Path) -> bool:
    """Whether a path that names no table is meant as a folder; `-` is what other programs call their terminal."""
    return path.is_dir() or not (path.suffix or path.exists() or path == Path("-"))


def _is_read(place: Path, named: Path) -> bool:
    """Whether what is written is an input, or one of the files that may be read of a folder that is."""
    if not place.exists() or not named.exists():
        return False
    if os.path.samefile(place, named):
        return True
    readable = place.suffix.lower() in (*PICTURES, *VIDEOS, *ARRAYS)
    return named.is_dir() and readable and named.resolve() in place.resolve().parents


class RunOutputs:
    """The outputs of a run, one source after the other; a context that abandons what is not finished.

    Args:
        places: Where they are, checked.
        contract: Names the action units.
        options: What decides over the rows besides sources and contract.

    Attributes:
        first: Index of the source to begin with.

    Raises:
        ValueError: What an interrupted run left cannot be resumed.
        RuntimeError: A file cannot be written, or another process does.
    """

    def __init__(self, places: Places, contract: Contract, options: MadeBy) -> None:
        self._places, self._contract, self._options = places, contract, options
        self._open: list[Output] = []
        self._kept: list[Path] = []  # records of tables that are complete before the run is
        self._table: CsvOutput | JsonlOutput | None = None
        self.first = 0
        if places.one_table:
            assert places.out is not None, "one_table says so"
            made_by = self._made_by(places.sources)
            self._table = kind(places.out)(places.out, contract, places.resume, made_by)
            self._open.append(self._table)
            self.first = len(places.sources) if self._table.complete else self._table.next_input

    def __enter__(self) -> RunOutputs:
        return self

    def __exit__(self, *_: object) -> None:
        for output in self._open:
            output.abandon()

    def of(self, number: int) -> tuple[list[Output], int] | None:
        """The outputs of a source and the index of the frame to begin with; None where an earlier run did all."""
        places, source = self._places, self._places.sources[number]
        path, start = places.table(number), 0
        if path is None:
            table: Output = TerminalOutput(self._contract, source)
        elif self._table is not None:
            self._table.begin(number)
            start = self._table.next_frame if number == self._table.next_input else 0
            table = _Part(self._table, last=number == len(places.sources) - 1)
        else:
            table = CsvOutput(path, self._contract, places.resume, self._made_by([source]), keep_record=True)
            self._kept.append(record_name(path))
            start = table.next_frame
            if table.complete:
                table.close()
                return None
        self._open.append(table)
        drawn = places.drawn(number)
        if drawn is None:
            return [table], start
        annotated = _annotated(drawn, self._contract, source)
        self._open.append(annotated)
        return [table, annotated], start

    def finish(self) -> None:
        """Tell that all sources had their turn and nothing is left to resume."""
        if self._table is not None and self._table.complete:
            self._table.close()
        for record in self._kept:
            record.unlink(missing_ok=True)

    def _made_by(self, sources: Iterable[Source]) -> MadeBy:
        return {**self._options, **{f"input {number}": fingerprint(one) for number, one in enumerate(sources, 1)}}


class _Part:
    """One table for several sources: it is finished with the last."""

    def __init__(self, table: Output, last: bool) -> None:
        self.write, self.abandon = table.write, table.abandon
        self._table, self._last = table, last

    def close(self) -> None:
        if self._last:
            self._table.close()


def fingerprint(source: Source) -> str:
    """What tells a source from another one of the same name."""
    return f"{printable(source.name)} ({source.fingerprint})"


def _annotated(path: Path, contract: Contract, source: Source) -> VideoOutput | PicturesOutput:
    suffix = "" if path.is_dir() else path.suffix.lower()
    if suffix in CODECS:
        original = getattr(source, "path", None)
        return VideoOutput(path, contract, smooth(source.fps) if source.moving else source.fps, original)
    return PicturesOutput(path, contract, single=suffix in DRAWN)
