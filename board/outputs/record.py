# SPDX-License-Identifier: Apache-2.0
"""What a table that is being written is made of, kept beside it, so that nothing else goes on with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from board.core.contract import Contract
from board.core.files import sha256, write_json
from board.core.reading import read_json

FORMAT = "auflow-run-1"

WEIGHTS = "the network"
"""Name of a contract's digest in MadeBy."""
MadeBy = Mapping[str, str | int | float | bool | None]
"""What decides over the rows, by the name that a user knows it by, such as {"--max-faces": 8}."""


@dataclass(frozen=True)
class Record:
    """What a table is made of.

    Attributes:
        made_by: See MadeBy.
        begun: Size in bytes that the table had when each of its inputs began.
        complete: Whether all rows are there.
    """

    made_by: MadeBy
    begun: tuple[int, ...] = ()
    complete: bool = False
    format: str = field(default=FORMAT, kw_only=True)

    def write(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            RuntimeError: It cannot be written.
        """
        write_json(path, asdict(self))

    def begin(self, size: int) -> Record:
        """The record of the same table when its next input begins."""
        return replace(self, begun=(*self.begun, size))

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record that a run left, None where there is none.

        Raises:
            ValueError: It is none of this format.
        """
        if not path.is_file():
            return None
        what, remedy = "the record of an interrupted run", "delete it to have every row computed again and compared"
        content = read_json(path, what, remedy)
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise ValueError(f"{what} must have format {FORMAT}, got another in {path}: {remedy}")
        with suppress(TypeError):
            record = cls(**content)
            if isinstance(record.made_by, dict) and all(type(size) is int and size >= 0 for size in record.begun):
                return replace(record, begun=tuple(record.begun))
        raise ValueError(f"{what} must have its keys, got others in {path}: {remedy}")

    def check(self, made_by: MadeBy, table: Path) -> None:
        """Refuse to go on with a table by something else than what began it.

        Raises:
            ValueError: Something differs; the sentence names the first.
        """
        for name in (*self.made_by, *made_by):
            before, now = self.made_by.get(name), made_by.get(name)
            if before != now:
                raise ValueError(
                    f"{table} must be resumed with what it was begun with, {name} {_shown(before)}, got {_shown(now)}:"
                    " give the same, or delete it to begin anew"
                )


def _shown(value: object) -> str:
    return "not given" if value is None else str(value)


def record_name(path: Path) -> Path:
    """The record of a table: hidden beside it."""
    return path.with_name(f".{path.name}.run.json")


def digest(contract: Contract) -> str:
    """Sixteen digits that change with anything in a contract that decides over rows: not with the accelerator."""
    decides = {"model": contract.model_sha256, "input": asdict(contract.input), "decoding": contract.decoding}
    content = contract.as_json()
    outputs = [content[key] for key in ("action_units", "emotions") if key in content]
    return sha256(json.dumps([decides, *outputs], sort_keys=True).encode())[:16]
