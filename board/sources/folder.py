# SPDX-License-Identifier: Apache-2.0
"""What a folder holds: pictures, videos and arrays, and what is left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from board.sources.kind import ARRAY, KINDS, OTHER, PICTURE, VIDEO, kind_of
from board.sources.pictures import PICTURES

IGNORED = ("._*", ".DS_Store", "Thumbs.db", "desktop.ini")
"""Files of a file manager: those of a Mac lie beside each of its files on a stick."""


@dataclass
class Folder:
    """The files of a folder that can be read, in the order of their names, folders after the files beside them.

    Attributes:
        path: The folder.
        pictures: Picture files.
        videos: Video files.
        arrays: Numpy files.
        others: How many of what else was there, by what it is.
    """

    path: Path
    pictures: list[Path] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    arrays: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def left_out(self, videos: bool = False) -> list[str]:
        """A sentence on what is not read, none where all is.

        Args:
            videos: Whether videos and arrays are read.
        """
        others = Counter(self.others)
        if not videos:
            others.update(path.suffix.lower() for path in (*self.videos, *self.arrays))
        if not others:
            return []
        told = ", ".join(f"{count} {what}" for what, count in sorted(others.items()))
        return [f"left out of {self.path}: {told}"]


def list_folder(path: Path, recursive: bool = False) -> Folder:
    """List a folder.

    Args:
        path: The folder.
        recursive: Whether to list the folders in it too; a link that leads back is followed once.

    Raises:
        ValueError: It cannot be listed.
    """
    folder = Folder(path)
    known = {PICTURE: folder.pictures, VIDEO: folder.videos, ARRAY: folder.arrays}
    for file in _files(folder, path, {os.path.realpath(path)} if recursive else None):
        suffix = file.suffix.lower()
        try:
            # one of another suffix is not what a folder of pictures is made of, whatever it holds
            kind = kind_of(file) if suffix in KINDS else OTHER
        except OSError:
            kind = KINDS[suffix]  # reading it will say why not
        if kind == OTHER:
            folder.others[suffix or "without a suffix"] += 1
        else:
            known[kind].append(file)
    return folder


def _files(folder: Folder, path: Path, seen: set[str] | None) -> Iterator[Path]:
    """Files of a folder and, where `seen` holds the real names of those that were listed, of folders in it."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        if path != folder.path:
            folder.others["folder that cannot be read"] += 1
            return
        raise ValueError(f"a folder must be one that can be listed, got {path}: {error.strerror}") from None
    inner = [entry for entry in entries if os.path.isdir(entry)]
    for entry in entries:
        if entry in inner or any(entry.match(pattern) for pattern in IGNORED):
            continue
        if os.path.isfile(entry):
            yield entry
        else:
            folder.others["broken link or no plain file"] += 1
    for entry in inner:
        if seen is None:
            folder.others["folder (--recursive reads it too)"] += 1
        elif os.path.realpath(entry) not in seen:
            seen.add(os.path.realpath(entry))
            yield from _files(folder, entry, seen)


def pictures_in(folder: Path) -> list[Path]:
    """Picture files of a folder in the order of their names.

    Raises:
        ValueError: There are none.
    """
    return require_pictures(list_folder(folder)).pictures


def require_pictures(folder: Folder) -> Folder:
    """Refuse a folder without pictures.

    Raises:
        ValueError: There are none.
    """
    if not folder.pictures:
        found = "; ".join(folder.left_out()) or "it is empty"
        raise ValueError(
            f"a folder of pictures must hold some ({', '.join(PICTURES)}), found none in {folder.path}: {found}"
        )
    return folder
