# SPDX-License-Identifier: Apache-2.0
"""The resumable table: a text file that grows row by row and is never half a file under its final name."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from board.observation import Observation
from board.sources.frame import Frame


class ResumableTable(ABC):
    """Rows in a text file, one or more for each frame, in the order of frames.

    It grows under the name with `.partial` behind it and gets its own name in the end. Rows of a frame are written
    together. An interrupted file goes on after its last frame that is followed by another one: the rows of the very
    last frame may be too few.

    Args:
        path: The file.
        resume: Go on with what an interrupted run left; without it, begin anew.

    Attributes:
        next_frame: Index of the frame to go on with.
        last_source: Name of the source of the last frame that is kept; empty where none is.

    Raises:
        ValueError: What an interrupted run left is not of this kind, or is there and was not to be resumed.
        RuntimeError: The file cannot be written.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path, self._partial = path, path.with_name(path.name + ".partial")
        self.next_frame, self.last_source = 0, ""
        resumed = resume and self._partial.is_file()
        if not resume and self._partial.is_file() and self._partial.stat().st_size > len(self.header().encode()):
            raise ValueError(
                f"{self._partial} holds what an interrupted run found: go on with --resume, or delete it to begin anew"
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # what is there is shortened in place: written anew, a crash or a full disk could take all of it
            mode = "r+" if resumed else "w"
            self._file = open(  # noqa: SIM115 # closed by close and abandon
                self._partial, mode, newline="", encoding="utf-8", errors="backslashreplace"
            )
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            if resumed:
                self._file.truncate(self._go_on())
            if not self._file.seek(0, io.SEEK_END):
                self._file.write(self.header())
                self._file.flush()
        except OSError as error:
            self.abandon()
            raise self._unwritable(error) from None
        except ValueError:
            self.abandon()
            raise

    @abstractmethod
    def header(self) -> str:
        """First lines of the file."""

    @abstractmethod
    def frame_of(self, line: str) -> int:
        """Index of the frame that a line belongs to; ValueError or KeyError where it is no row."""

    @abstractmethod
    def source_of(self, line: str) -> str:
        """Name of the source of a row."""

    @abstractmethod
    def has_these_units(self, line: str) -> bool:
        """Whether a row that has action units has the contract's."""

    @abstractmethod
    def rows(self, observations: list[Observation]) -> str:
        """Lines of the observations of one frame."""

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Add the rows of the next frame."""
        try:
            self._file.write(self.rows(observations))
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from None

    def close(self) -> None:
        """Finish the file under its own name."""
        try:
            self._file.close()
            os.replace(self._partial, self.path)
        except OSError as error:
            raise self._unwritable(error) from None

    def abandon(self) -> None:
        """Leave the file as it is, to be resumed."""
        with suppress(OSError):  # of the row that could not be written, which was told already
            self._file.close()

    def _go_on(self) -> int:
        """Set `next_frame`; the size in bytes of what is certainly whole of an interrupted file."""
        header = self.header().encode()
        with open(self._partial, "rb") as file:
            start = file.read(len(header))
            if header.startswith(start) and start != header:
                return 0  # ended before its first row
            if start != header:
                raise ValueError(
                    f"{self._partial} must be left by the same command to be resumed, got another kind of file: run"
                    " without --resume"
                )
            end = size = len(header)
            last, source = -1, ""  # of the newest frame, which is not kept
            for raw in file:
                if not raw.endswith(b"\n"):
                    break  # torn
                line = raw.decode(errors="replace")
                try:
                    frame, known = self.frame_of(line), self.has_these_units(line)
                except (ValueError, KeyError, IndexError, TypeError):
                    raise ValueError(
                        f"{self._partial} must hold rows only, got something else: run without --resume"
                    ) from None
                if not known:
                    raise ValueError(
                        f"{self._partial} must hold this network's action units to be resumed, got others at frame"
                        f" {frame}: name the same deployment, or run without --resume"
                    )
                if frame != last:
                    end, last, self.last_source = size, frame, source
                    source = self.source_of(line)
                size += len(raw)
        self.next_frame = max(0, last)
        return end

    def _unwritable(self, error: OSError) -> RuntimeError:
        return RuntimeError(f"cannot write {self.path}: {error.strerror or error}")
