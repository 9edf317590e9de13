# SPDX-License-Identifier: Apache-2.0
"""Finder: one way to search a picture for faces."""

from __future__ import annotations

from typing import Protocol

from board.core.arrays import Pixels
from board.faces.find import Face


class Finder(Protocol):
    """One way to search. Not for two threads at once.

    Attributes:
        name: Short, for programs: "yunet" or "haar".
        description: What it is and what computes it, for a person.
        search_every: Frames of a video from one search to the next that its speed is made for.
    """

    name: str
    description: str
    search_every: int

    def search(self, picture: Pixels, followed_px: int | None = None) -> list[Face]:
        """Search a frame of a video, quickly.

        Args:
            picture: uint8, grey (H, W) or RGB (H, W, 3).
            followed_px: Side of the smallest face that is followed, where others need not be found: a search that is
                just fine enough for it will do.

        Returns:
            The faces, the largest first.
        """

    def search_still(self, picture: Pixels) -> list[Face]:
        """Search a picture that is not followed by another: slower; smaller faces are found, and each has its roll."""

    def with_roll(self, picture: Pixels, face: Face) -> Face:
        """A face that was found in a picture, with how far it leans, where the finder can tell."""
