# SPDX-License-Identifier: Apache-2.0
"""Text files that grow row by row, are never half a file under their final name, and can be resumed."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from board.results import Observation
from board.sources import Frame


class RowsOutput(ABC):
    """A file of rows, one or more for each frame, in the order of frames.

    It grows under the name with `.partial` behind it and gets its own name in the end. Rows of a frame are written
    together. An interrupted file goes on after its last frame that is followed by another one: the rows of the very
    last frame may be too few.

    Args:
        path: The file.
        resume: Go on with what an interrupted run left; without it, begin anew.

    Attributes:
        next_frame: Index of the frame to go on with.

    Raises:
        ValueError: What an interrupted run left is not of this kind.
        RuntimeError: The file cannot be written.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path, self._partial = path, path.with_name(path.name + ".partial")
        self.next_frame = 0
        kept = ""
        if resume and self._partial.is_file():
            kept, self.next_frame = self._complete(self._partial.read_text(errors="replace"))
        self._file = self._open(kept)

    @abstractmethod
    def header(self) -> str:
        """First lines of the file."""

    @abstractmethod
    def frame_of(self, line: str) -> int:
        """Index of the frame that a line belongs to; ValueError or KeyError where it is no row."""

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

    def _open(self, kept: str) -> io.TextIOBase:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open(self._partial, "w", newline="")  # noqa: SIM115 # closed by close and abandon
            file.write(kept or self.header())
            file.flush()
        except OSError as error:
            raise self._unwritable(error) from None
        return file

    def _complete(self, text: str) -> tuple[str, int]:
        """What is certainly whole of an interrupted file, and the frame that comes next."""
        header = self.header()
        if not text.startswith(header):
            raise ValueError(
                f"{self._partial} must be left by the same command to be resumed, got another kind of file: run without"
                " --resume"
            )
        lines = text[len(header) :].splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # torn
        try:
            frames = [self.frame_of(line) for line in lines]
        except (ValueError, KeyError, IndexError):
            raise ValueError(f"{self._partial} must hold rows only, got something else: run without --resume") from None
        if not frames:
            return header, 0
        whole = [line for line, frame in zip(lines, frames, strict=True) if frame != frames[-1]]
        return header + "".join(whole), frames[-1]

    def _unwritable(self, error: OSError) -> RuntimeError:
        return RuntimeError(f"cannot write {self.path}: {error.strerror or error}")
