# SPDX-License-Identifier: Apache-2.0
"""The published figures are complete, as printed, and add up where they do; where they do not, a note says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board.core.facs import AUS
from qnn.evaluation import published
from qnn.evaluation.published import AVERAGE, FILE, PublishedTable

AU_TABLES = (6, 7, 8)


@pytest.fixture(scope="module")
def paper() -> published.Published:
    return published.load()


def values(table: PublishedTable, name: str) -> list[float | None]:
    return [cell.value for cell in table.row(name).values]


def test_every_table_has_its_rows_and_columns(paper: published.Published) -> None:
    sizes = {number: (len(table.rows), len(table.columns)) for number, table in paper.tables.items()}
    assert sizes == {5: (10, 1), 6: (8, 14), 7: (15, 13), 8: (17, 7), 9: (9, 2), 10: (6, 2)}


def test_the_tables_name_their_datasets(paper: published.Published) -> None:
    found = {name: paper.table_of(name) for name in ("bp4d", "disfa", "ckplus", "rafdb", "ferplus", "other")}
    assert found == {"bp4d": 6, "disfa": 7, "ckplus": 8, "rafdb": 9, "ferplus": 10, "other": None}


def test_the_rows_are_the_datasets_aus(paper: published.Published) -> None:
    rows = {number: [row.name for row in paper.tables[number].rows if row.name[:2] == "AU"] for number in AU_TABLES}
    assert rows[6] == ["AU6", "AU10", "AU12", "AU14", "AU17"]
    assert rows[7] == [f"AU{number}" for number in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)]
    ours = [row.name for row in paper.tables[8].rows if row.values[-1].value is not None and row.name != AVERAGE]
    assert ours == [f"AU{number}" for number in AUS]


def test_some_figures_of_every_table(paper: published.Published) -> None:
    tables = paper.tables
    assert [cell.value for cell in tables[5].row("FSNet [20]").values] == [8.19]
    assert values(tables[6], "AU14")[-6:] == [0.70, 73.10, 62.8, 64, 65.98, 94.36]
    assert values(tables[6], AVERAGE) == [
        0.73,
        0.62,
        0.74,
        0.65,
        0.74,
        0.73,
        0.74,
        0.77,
        0.69,
        83.1,
        75.94,
        68,
        76.46,
        91.07,
    ]
    assert values(tables[7], "AU5") == [None] * 4 + [0.17] + [None] * 3 + [0.85] + [None] * 3 + [0.85]
    assert values(tables[7], AVERAGE)[-5:] == [0.92, 0.92, 0.93, 0.91, 0.92]
    assert values(tables[8], AVERAGE) == [0.81, 0.85, 0.76, 0.73, 0.73, 0.93, 0.98]
    assert values(tables[9], "Ours") == [94.87, 1.5]
    assert values(tables[10], "Ours") == [92.15, 1.5]


def test_what_is_printed_otherwise_keeps_its_print(paper: published.Published) -> None:
    assert paper.tables[5].row("Zhang [5]").values[0].printed == ">138"
    lgr = [column.name for column in paper.tables[7].columns].index("LGR")
    cells = {row.name: row.values[lgr] for row in paper.tables[7].rows}
    in_percent = {name: (cell.value, cell.printed) for name, cell in cells.items() if cell.printed and name[:2] == "AU"}
    assert in_percent == {
        "AU1": (0.62, "62"), "AU2": (0.64, "64"), "AU4": (0.72, "72"),
        "AU6": (0.46, "46"), "AU9": (0.48, "48"), "AU12": (0.75, "75"),
    }  # fmt: skip
    assert (cells["AU25"].value, cells["AU26"].value) == (0.94, 0.73)


@pytest.mark.parametrize("number", AU_TABLES)
def test_an_average_that_is_none_is_named_in_a_note(paper: published.Published, number: int) -> None:
    """A slip in any figure of a column shows here: the mean leaves its printed average."""
    table = paper.tables[number]
    (note,) = (note for note in table.notes if note.startswith(AVERAGE))
    for index, column in enumerate(table.columns):
        of_aus = [row.values[index].value for row in table.rows if row.name.startswith("AU")]
        mean = np.mean([value for value in of_aus if value is not None])
        printed = table.row(AVERAGE).values[index].value
        assert printed is not None
        off = abs(mean - printed) > (0.0051 if column.unit == "fraction" else 0.51)
        named = f" {column.group} {column.name} ({mean:.{3 if column.unit == 'fraction' else 1}f})" in note
        assert named == off, column


def test_the_figures_of_the_text(paper: published.Published) -> None:
    assert {name: (figure.value, figure.unit) for name, figure in paper.figures.items()} == {
        "ferplus_accuracy": (92.15, "percent"),
        "rafdb_accuracy": (94.87, "percent"),
        "trainable_parameters": (1_446_605, "count"),
        "non_trainable_parameters": (256, "count"),
        "macs": (0.11, "GMAC"),
        "weights": (5.52, "MiB"),
        "activations": (432, "KiB"),
    }
    assert all(figure.source for figure in paper.figures.values())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("tables", "6", "rows", 0, "values"), [0.5], "must have 14 values, got 1 in AU6 of Table 6"),
        (("tables", "7", "rows", 0, "values", 5), 62, "need 0 <= value <= 1, got 62 in AU1 of Table 7"),
        (("tables", "9", "columns", 0, "unit"), "stars", "a unit must be one of .* got 'stars' in Table 9"),
        (("tables", "8", "rows", 1, "name"), "AU1", "rows must have distinct names"),
        (("tables", "8", "surprise"), 1, "must hold the paper's figures and tables"),
        (("figures",), None, "must hold the paper's figures and tables"),
    ],
)
def test_a_damaged_file_is_refused(path: tuple[Any, ...], value: Any, said: str, tmp_path: Path) -> None:
    content = json.loads(FILE.read_text())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (tmp_path / "damaged.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=said):
        published.load(tmp_path / "damaged.json")
