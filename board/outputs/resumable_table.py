# SPDX-License-Identifier: Apache-2.0
"""The resumable table: a text file that grows row by row and is never half a file under its final name."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, ClassVar, cast

from board.core.files import check_writable, unwritable
from board.core.lock import lock_name, locked
from board.observation import Observation
from board.outputs.record import MadeBy, Record, record_name
from board.sources.frame import Frame

ANEW = "delete it to begin anew"


def partial_of(path: Path) -> Path:
    """Where a table grows."""
    return path.with_name(path.name + ".partial")


class ResumableTable(ABC):
    """Rows in a text file, one or more for each frame, in the order of frames, input after input.

    It grows under the name with `.partial` behind it and gets its own name in the end. Meanwhile it is locked, and a
    `Record` of what makes it lies beside it. Rows of a frame are written together. An interrupted file goes on after
    its last frame that is followed by another one: the rows of the very last frame may be too few. Rows whose record is
    missing go on only as they are proven: every row is computed again and must be the same.

    Args:
        path: The file.
        resume: Go on with what an interrupted run left; without it, begin anew.
        made_by: What decides over the rows.
        keep_record: Whether the record outlives the finished table, to tell a resumed run that this one is complete.

    Attributes:
        next_input: Index of the input to go on with.
        next_frame: Index of its frame to go on with.
        complete: Whether an interrupted run had finished this table: there is nothing to write.

    Raises:
        ValueError: What an interrupted run left is not of this kind or made by something else, or is there and was not
            to be resumed.
        RuntimeError: The file cannot be written, or another process does.
    """

    HEADER: ClassVar[bytes] = b""
    """How the file begins."""

    def __init__(
        self, path: Path, resume: bool = False, made_by: MadeBy | None = None, keep_record: bool = False
    ) -> None:
        self.path, self._partial = path, partial_of(path)
        self._record_path, self._keep_record = record_name(path), keep_record
        self.next_input = self.next_frame = 0
        self.complete = False
        self._unproven: BinaryIO | None = None
        self._proven = len(self.HEADER)
        """Bytes of rows that were computed again."""
        self._record = Record(dict(made_by or {}), (self._proven,))
        check_writable(path.parent)
        self._held = ExitStack()
        self._held.enter_context(locked(lock_name(path), f"the table {path}"))
        self._held.callback(self._delete_empty)
        try:
            self._open(resume)
        except OSError as error:
            self.abandon()
            raise unwritable(path, error) from None
        except BaseException:
            self.abandon()
            raise

    def _open(self, resume: bool) -> None:
        if not resume:
            self._refuse_left(self.path)
        size, record = 0, Record.read(self._record_path) if resume else None
        if self._is_left(self.path):
            self._check_header()
            if record is None:
                self._unproven = self._opened("rb")
                self._unproven.seek(len(self.HEADER))
                return
            record.check(self._record.made_by, self._partial)
            size = self._go_on(record)
        elif record is not None and record.complete and self.path.is_file():
            record.check(self._record.made_by, self.path)
            self.complete = True
            return
        self._save(self._record)
        # what is there is shortened in place: written anew, a crash or a full disk could take all of it
        self._file = self._opened("r+b" if size else "wb")
        self._file.truncate(size)
        if not self._file.seek(0, io.SEEK_END):
            self._add(self.HEADER)

    @classmethod
    def check_free(cls, path: Path, resume: bool) -> None:
        """Refuse a table that another process writes, or of which an interrupted run left rows, unless to resume it."""
        with locked(lock_name(path), f"the table {path}"):
            if not resume:
                cls._refuse_left(path)

    @classmethod
    def _is_left(cls, path: Path) -> bool:
        partial = partial_of(path)
        return partial.is_file() and partial.stat().st_size > len(cls.HEADER)

    @classmethod
    def _refuse_left(cls, path: Path) -> None:
        if cls._is_left(path):
            raise ValueError(f"{partial_of(path)} holds what an interrupted run found: go on with --resume, or {ANEW}")

    @abstractmethod
    def frame_of(self, line: str) -> int:
        """Index of the frame that a line belongs to; ValueError or KeyError where it is no row."""

    @abstractmethod
    def values_of(self, line: str) -> dict[str, object]:
        """What a row says, by name, without its latency; ValueError where it is no row."""

    @abstractmethod
    def rows(self, observations: list[Observation]) -> str:
        """Lines of the observations of one frame."""

    def begin(self, number: int) -> None:
        """Tell that the frames that follow are of an input, by its index; each but the first is told, in order."""
        if number < len(self._record.begun):
            return  # the one that is resumed
        if self._unproven is None:
            self._save(self._record.begin(self._file.tell()))
        else:
            self._record = self._record.begin(self._proven)

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Add the rows of the next frame.

        Raises:
            ValueError: They are not the ones that an interrupted run without a record left.
            RuntimeError: They cannot be written.
        """
        rows = self.rows(observations).encode()
        if self._unproven is not None:
            rows = self._prove(rows, self._unproven)
        try:
            self._add(rows)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def close(self) -> None:
        """Finish the file under its own name."""
        try:
            if self.complete:
                pass
            elif self._unproven is not None and self._unproven.readline():
                raise ValueError(
                    f"{self._partial} must hold rows of this input only, got more than it has frames: name the input"
                    f" that it was begun with, or {ANEW}"
                )
            else:
                if self._unproven is None:
                    self._file.close()
                self._save(replace(self._record, complete=True))
                os.replace(self._partial, self.path)
            if not self._keep_record:
                self._record_path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave the file as it is, to be resumed; one without a row is deleted."""
        with suppress(OSError):  # of the row that could not be written, which was told already
            self._held.close()

    def _delete_empty(self) -> None:
        if self._partial.is_file() and not self._is_left(self.path):
            self._partial.unlink()
            self._record_path.unlink(missing_ok=True)

    def _opened(self, mode: str) -> BinaryIO:
        """The growing file, open until this is closed or abandoned."""
        file = open(self._partial, mode)  # noqa: SIM115 # closed with the lock
        self._held.callback(file.close)
        return cast(BinaryIO, file)

    def _add(self, rows: bytes) -> None:
        if rows:
            self._file.write(rows)
            self._file.flush()

    def _save(self, record: Record) -> None:
        self._record = record
        record.write(self._record_path)

    def _check_header(self) -> None:
        with open(self._partial, "rb") as file:
            if file.read(len(self.HEADER)) != self.HEADER:
                raise ValueError(
                    f"{self._partial} must be left by this version's same command to be resumed, got another kind of"
                    f" file: {ANEW}"
                )

    def _go_on(self, record: Record) -> int:
        """Take over what is certainly whole of an interrupted file, and return its size in bytes."""
        size = self._partial.stat().st_size
        # the record may be ahead of a file that lost its end
        begun = tuple(at for at in record.begun if at <= size) or (len(self.HEADER),)
        self._record = replace(record, begun=begun, complete=False)
        self.next_input = len(begun) - 1
        end = at = begun[-1]
        last = -1  # the newest frame, which is not kept
        with open(self._partial, "rb") as file:
            file.seek(at)
            for raw in file:
                if not raw.endswith(b"\n"):
                    break  # torn
                try:
                    frame = self.frame_of(raw.decode())
                except (ValueError, KeyError, IndexError, TypeError):
                    raise ValueError(f"{self._partial} must hold rows only, got something else: {ANEW}") from None
                if frame != last:
                    end, last = at, frame
                at += len(raw)
        self.next_frame = max(0, last)
        return end

    def _prove(self, rows: bytes, left: BinaryIO) -> bytes:
        """The rows of a frame without those that were left, which must be the same; then the file goes on with them."""
        new = rows.splitlines(keepends=True)
        for number, row in enumerate(new):
            line = left.readline()
            if not line.endswith(b"\n"):  # none, or torn
                self._file = self._opened("r+b")
                self._file.truncate(self._proven)
                self._file.seek(self._proven)
                self._save(self._record)
                self._unproven = None
                return b"".join(new[number:])
            made = self.values_of(row.decode())
            try:
                found = self.values_of(line.decode())
            except (ValueError, KeyError, IndexError, TypeError):
                found = {}
            if found != made:
                name = next((name for name in made if found.get(name) != made[name]), "a value")
                place = self.frame_of(row.decode()) + 1
                raise ValueError(
                    f"{self._partial} has no record of what made it and must hold the rows that are computed now, got"
                    f" another {name} in frame {place}: name the input, options and deployment"
                    f" that it was begun with, or {ANEW}"
                )
            self._proven += len(line)
        return b""
