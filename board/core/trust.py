# SPDX-License-Identifier: Apache-2.0
"""Trust: program code is run only where this user built it on this computer, or says to trust it.

A simulation library is code of whoever compiled it, and a build's RTL becomes such a library. What is built here leaves
its digest in the user's cache, from which neither a limit nor `auflow cache --clear` deletes it.
"""

from __future__ import annotations

from pathlib import Path

from board.core.files import cache_folder, sha256, writable_cache, write_text

TRUSTED = "trusted"
"""Folder of the cache; a file in it is called like the digest of what was built here."""


def record(made: Path) -> None:
    """Remember a file as built here.

    Raises:
        RuntimeError: The cache cannot be written, or the file not be read.
    """
    if not is_recorded(digest := _digest(made)):
        write_text(writable_cache(TRUSTED) / digest, f"{made.absolute()}\n")


def check(path: Path, what: str) -> None:
    """Refuse a file that was not built here.

    Args:
        path: The file.
        what: What it is, for the sentence, such as "the simulation library".

    Raises:
        RuntimeError: It was not recorded, or cannot be read.
    """
    if not is_recorded(digest := _digest(path)):
        raise RuntimeError(
            f"{what} {path} is program code, and no build of this user on this computer made it (sha256"
            f" {digest[:12]}...): build here, choose another executor, or say --trust if you trust who made it"
        )


def is_recorded(digest: str) -> bool:
    """Whether a build here made a file of this digest."""
    if (cache_folder(TRUSTED) / digest).is_file():
        return True
    try:
        return (writable_cache(TRUSTED) / digest).is_file()
    except RuntimeError:  # no folder serves instead
        return False


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise RuntimeError(f"cannot read {path}: {error.strerror}") from None
