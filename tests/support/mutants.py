# SPDX-License-Identifier: Apache-2.0
"""Mutants: small mistakes, planted one at a time in a copy, that tests or proofs must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tomllib

FILE = Path(__file__).parents[1] / "mutants.toml"
"""Those of Python, which tests must notice."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        says: What is wrong with it.
        file: Where, from the repository's root.
        old: Text that occurs there once.
        new: What stands there instead.
        tests: Arguments of pytest that should fail: files and folders of the room's tests; none where proofs should.
        environment: Of scripts/setup.sh, in which they run; empty for the host's.
        survives: Why nothing notices it; empty where one must.
    """

    says: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = ()
    environment: str = ""
    survives: str = ""

    def plant(self, root: Path) -> str:
        """Make the mistake in a copy of the repository; the file's text before it.

        Raises:
            ValueError: The old text does not occur there exactly once.
        """
        path = root / self.file
        text = path.read_text()
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"the text of a mutant must occur once, got {count} times {self.old!r} in {self.file}")
        path.write_text(text.replace(self.old, self.new))
        return text


def mutants(file: Path = FILE) -> tuple[Mutant, ...]:
    """All of a file, in its order."""
    entries = tomllib.loads(file.read_text())["mutant"]
    return tuple(Mutant(**{**entry, "tests": tuple(entry.get("tests", ()))}) for entry in entries)
