# SPDX-License-Identifier: Apache-2.0
"""Text that anybody may have named, made safe to show: on a terminal, in a row, in a picture."""

from __future__ import annotations

import unicodedata

FORMULA = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet computes."""


def printable(text: str) -> str:
    r"""A text of one line, whose characters all show.

    Control characters, which would steer a terminal, line breaks, and marks that turn the direction of writing become
    escapes such as \x1b, and so do the bytes of a file name that is not UTF-8.
    """
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def cell(text: str) -> str:
    """A text for a cell of CSV: `printable`, and with ' before it where a spreadsheet would compute it."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def ascii_only(text: str) -> str:
    r"""A text for fonts that have ASCII only: accents are left off, other characters become escapes such as \u8a9e."""
    letters = unicodedata.normalize("NFKD", printable(text).translate(LETTERS))
    return "".join(c for c in letters if not unicodedata.combining(c)).encode("ascii", "backslashreplace").decode()


LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L"}
    | dict.fromkeys("‘’‚", "'")
    | dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("–—‐‑", "-")
)
"""What Unicode does not take apart into a letter and its accent."""


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
