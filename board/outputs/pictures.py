# SPDX-License-Identifier: Apache-2.0
"""Annotated pictures: a folder of them, or a single one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import cv2

from board.core.contract import Contract
from board.core.files import check_writable, write_bytes
from board.core.lock import lock_in, lock_name, locked
from board.observation import Observation
from board.outputs.annotate import draw
from board.sources.frame import Frame

DRAWN = (".jpg", ".jpeg", ".png")


class PicturesOutput:
    """An annotated picture for every frame: a folder of them, or a single file.

    Args:
        path: A folder, or the one picture's name.
        contract: Names the action units.
        single: Whether `path` is the picture's name.

    Raises:
        RuntimeError: The folder cannot be written, or another process does.
    """

    def __init__(self, path: Path, contract: Contract, single: bool) -> None:
        self.path, self._contract, self._single = path, contract, single
        check_writable(path.parent if single else path)
        self._held = ExitStack()
        lock, kind = (lock_name(path), "picture") if single else (lock_in(path), "folder")
        self._held.enter_context(locked(lock, f"the annotated {kind} {path}"))

    def write(self, frame: Frame, observations: list[Observation]) -> None:
        """Write the picture of a frame, whole or not at all; a frame without a picture leaves none."""
        if frame.picture is None:
            return
        named = Path(frame.source).stem if frame.source else "frame"
        path = self.path if self._single else self.path / f"{named}_{frame.index + 1:06d}.jpg"
        drawn = cv2.cvtColor(draw(frame.picture, observations, self._contract), cv2.COLOR_RGB2BGR)
        done, content = cv2.imencode(path.suffix.lower(), drawn)
        assert done, "OpenCV writes the suffixes of DRAWN"
        write_bytes(path, content.tobytes())

    def close(self) -> None:
        """Every picture is complete already."""
        self._held.close()

    def abandon(self) -> None:
        """Every picture is complete already."""
        self._held.close()
