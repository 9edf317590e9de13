# SPDX-License-Identifier: Apache-2.0
"""Published results: the paper's Tables 5 to 10 and what its text states, read from published.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.json")
UNITS = ("fraction", "percent", "millions", "pixels", "count", "GMAC", "MiB", "KiB")
AVERAGE = "AVG"


@dataclass(frozen=True)
class Cell:
    """One figure.

    Attributes:
        value: The number in its unit; None where the paper prints a dash.
        printed: As the paper prints it, where that is not the value, such as ">138" or "62" for 0.62.
    """

    value: float | None
    printed: str | None = None


@dataclass(frozen=True)
class Column:
    """One column: a method, and what was measured of it."""

    name: str
    group: str
    unit: str


@dataclass(frozen=True)
class Row:
    """One row: an AU such as "AU12", AVG, a method, or a fact such as Params, whose unit is its own."""

    name: str
    values: tuple[Cell, ...]
    unit: str | None = None
    backbone: str | None = None


@dataclass(frozen=True)
class PublishedTable:
    """One table of the paper.

    Attributes:
        title: What it compares.
        source: Where it stands.
        dataset: The dataset by its name in qnn.data, None where the table is of none.
        label: What its rows are.
        columns: Methods.
        rows: Figures, one per column.
        notes: Where the print and the values differ, and what does not add up.
    """

    title: str
    source: str
    dataset: str | None
    label: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for unit in [*(column.unit for column in self.columns), *(row.unit for row in self.rows if row.unit)]:
            if unit not in UNITS:
                raise ValueError(f"a unit must be one of {', '.join(UNITS)}, got {unit!r} in {self.source}")
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError(f"rows must have distinct names, got {names} in {self.source}")
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ValueError(
                    f"a row must have {len(self.columns)} values, got {len(row.values)} in {row.name} of {self.source}"
                )
            for column, cell in zip(self.columns, row.values, strict=True):
                top = {"fraction": 1.0, "percent": 100.0}.get(row.unit or column.unit, math.inf)
                if cell.value is not None and not 0 <= cell.value <= top:
                    raise ValueError(f"need 0 <= value <= {top:g}, got {cell.value} in {row.name} of {self.source}")

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True)
class Figure:
    """A figure of the text."""

    name: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class Published:
    """All published figures.

    Attributes:
        paper: Where they were published.
        figures: Those of the text, by name.
        tables: By number, 5 to 10.
    """

    paper: str
    figures: Mapping[str, Figure]
    tables: Mapping[int, PublishedTable]

    def table_of(self, dataset: str) -> int | None:
        """Number of the table that compares methods on a dataset."""
        return next((number for number, table in self.tables.items() if table.dataset == dataset), None)


def load(path: Path = FILE) -> Published:
    """Read and check the published figures.

    Raises:
        ValueError: A missing or unknown key, an unknown unit, a row of another length or a value out of range.
    """
    try:
        content = json.loads(path.read_text())
        figures = [Figure(**figure) for figure in content["figures"]]
        tables = {int(number): _table(table) for number, table in content["tables"].items()}
        return Published(content["paper"], {figure.name: figure for figure in figures}, tables)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} must hold the paper's figures and tables, got {error!r}") from None


def _table(content: dict[str, Any]) -> PublishedTable:
    columns = tuple(Column(**column) for column in content["columns"])
    rows = tuple(Row(**{**row, "values": tuple(map(_cell, row["values"]))}) for row in content["rows"])
    return PublishedTable(**{**content, "columns": columns, "rows": rows, "notes": tuple(content["notes"])})


def _cell(content: Any) -> Cell:
    return Cell(**content) if isinstance(content, dict) else Cell(content)
