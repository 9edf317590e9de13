# SPDX-License-Identifier: Apache-2.0
"""TOML files read into dataclasses: every key known, none missing, every value of its type."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import tomllib

from board.core.reading import read_text

T = TypeVar("T")
REMEDY = "mend that file, or name another"


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        what: What it configures, such as "a build".

    Raises:
        ValueError: It is missing or no TOML.
    """
    text = read_text(path, f"{what}'s configuration", REMEDY)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of numbers of thousands of digits
        said = "one that is nested too deep" if isinstance(error, RecursionError) else error
        raise ValueError(f"{what}'s configuration must be TOML, got {said} in {path}: {REMEDY}") from None


def parse(cls: type[T], values: Any, where: str, **known: Any) -> T:
    """A dataclass out of a TOML table.

    Args:
        cls: The dataclass.
        values: The table; an array becomes a tuple.
        where: What an error calls the table, such as "folding.conv1".
        **known: Fields that do not come from the table.

    Raises:
        ValueError: A key is unknown or missing, or a value is of another type or refused by the dataclass.
    """
    table = typed(dict, values, where)
    hints = {key: hint for key, hint in get_type_hints(cls).items() if key not in known}
    if unknown := sorted(set(table) - set(hints)):
        raise ValueError(f"{where} has only the keys {', '.join(hints)}, got {unknown[0]!r}")
    own = [field for field in fields(cls) if field.name in hints]  # type: ignore[arg-type]  # T is a dataclass
    required = [field.name for field in own if field.default is MISSING and field.default_factory is MISSING]
    if missing := [key for key in required if key not in table]:
        raise ValueError(f"{where} must have the key {missing[0]!r}, got none")
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    for key, value in given.items():
        if not _fits(value, hints[key]):
            raise ValueError(f"{where} needs {key} of type {hints[key]}, got {value!r}")
    try:
        return cls(**given, **known)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def typed(kind: type[T], value: Any, where: str) -> T:
    """A value of a type.

    Raises:
        ValueError: It is of another one.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be of type {kind.__name__}, got {value!r}")
    return value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a TOML value is of an annotated type; an integer is a float too, a boolean is neither."""
    if isinstance(hint, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    origin = get_origin(hint)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(entry, int) for entry in value)
    if origin is not None:
        return isinstance(value, origin)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)
