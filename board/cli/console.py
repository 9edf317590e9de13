# SPDX-License-Identifier: Apache-2.0
"""The terminal of the host's commands: whatever text holds, it is shown as it is and steers nothing."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from board.core.text import printable


class PlainConsole(Console):
    """Prints what text says, names of strangers' files included: no markup, no emoji, no control characters."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"markup": False, "highlight": False, "emoji": False, **settings})

    def render_str(self, text: str, **settings: Any) -> Text:
        """A text, and a cell of a table, as rich shows it."""
        return super().render_str("\n".join(map(printable, text.split("\n"))), **settings)
