# SPDX-License-Identifier: Apache-2.0
"""Names show on one line, steer no terminal and compute nothing in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os

import pytest

from board.core.text import ascii_only, cell, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo 1.jpg", "photo 1.jpg"),
        ("zé 読む.jpg", "zé 読む.jpg"),
        ("a\x1b[31mb\x07", r"a\x1b[31mb\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("a\u2028b\x85c\u202ed", r"a\u2028b\x85c\u202ed"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_what_does_not_show_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x.mp4", "@sum"])
def test_a_cell_is_not_computed(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "\t=1", "a,b", 'a"b'])
def test_other_cells_are_as_they_are(text: str) -> None:
    assert cell(text) == printable(text)


def test_no_name_breaks_a_row() -> None:
    names = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([cell(name)] for name in names)
    assert len(text.getvalue().splitlines()) == len(names)
    assert text.getvalue().replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "drawn"),
    [("Gerät Łódź", "Gerat Lodz"), ("“Straße” – ½", '"Strasse" - 1\\u20442'), ("語", r"\u8a9e"), ("a\x1b", r"a\x1b")],
)
def test_ascii_keeps_letters_readable(text: str, drawn: str) -> None:
    assert ascii_only(text) == drawn
