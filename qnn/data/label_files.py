# SPDX-License-Identifier: Apache-2.0
"""Label files: small tables of whole numbers, one line a frame, an AU or an emotion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from board.core.reading import read_rows
from qnn.data.dataset import REMEDY, Report

LONGEST = 200
"""Characters of a line in a sentence."""


def read_numbers(
    path: Path, columns: Sequence[str], report: Report, delimiter: str | None = ","
) -> npt.NDArray[np.int64] | None:
    """Whole numbers (rows, columns) of a file without a header, None where it cannot be understood.

    Args:
        path: The file; empty lines are passed over.
        columns: What each column holds.
        report: Is told the first line that is not like that.
        delimiter: Between columns; None for blanks.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        row = whole_numbers(line.split(delimiter))
        if row is None or len(row) != len(columns):
            report.wrong(
                "label line",
                f"a line must hold {' and '.join(columns)} as whole numbers,"
                f" got {shown(line.strip())} in line {number} of {path}",
            )
            return None
        rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(-1, len(columns))


def read_table(path: Path, title: str, report: Report) -> list[list[str]] | None:
    """Rows of a CSV file of a dataset, None where it is no CSV."""
    try:
        return read_rows(path, f"{title}'s labels", REMEDY)
    except ValueError as error:
        report.wrong("label file", str(error).removesuffix(f": {REMEDY}"))
        return None


def shown(line: str) -> str:
    """A line of a file as a sentence shows it, however long it is."""
    return repr(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…")


def whole_numbers(cells: Sequence[str]) -> list[int] | None:
    """Numbers such as 3, 3.0 or 3.0e+00, None where one is not whole or larger than a float holds exactly."""
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    return (
        [int(number) for number in numbers]
        if all(number.is_integer() and abs(number) < 2**53 for number in numbers)
        else None
    )
