# SPDX-License-Identifier: Apache-2.0
"""Which frames of a source are wanted: a span of its time, and every so many of its frames."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """The frames that a source is to yield; they keep the index and the time that they have in the source.

    Attributes:
        start_s: Time of the first, None for the beginning.
        end_s: Time before which they end, None for the end.
        every: Frames 0, every, 2 * every and so on of the source.

    Raises:
        ValueError: The span is empty, or `every` is below 1.
    """

    start_s: float | None = None
    end_s: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"need every >= 1, got {self.every}")
        start_s = self.start_s or 0.0
        if not 0 <= start_s < (float("inf") if self.end_s is None else self.end_s):
            raise ValueError(f"need 0 <= start < end in seconds, got start {start_s:g} and end {self.end_s}")

    @property
    def by_time(self) -> bool:
        """Whether it asks for a span of time."""
        return self.start_s is not None or self.end_s is not None

    def takes(self, index: int, time_s: float) -> bool:
        """Whether a frame is wanted."""
        return index % self.every == 0 and time_s >= (self.start_s or 0.0) and not self.is_over(time_s)

    def is_over(self, time_s: float) -> bool:
        """Whether no frame from this time on is wanted."""
        return self.end_s is not None and time_s >= self.end_s

    def expected(self, count: int | None, fps: float) -> int | None:
        """About how many of `count` frames at an even rate are wanted."""
        if count is None:
            return None
        first = round((self.start_s or 0.0) * fps)
        last = count if self.end_s is None else min(count, round(self.end_s * fps))
        return max(0, -(-last // self.every) - -(-first // self.every))


ALL = Selection()


def parse_time(text: str) -> float:
    """Seconds of a time as a user writes it: seconds such as 12.5, or mm:ss or hh:mm:ss with or without a fraction.

    Raises:
        ValueError: It is neither.
    """
    if not re.fullmatch(r"(\d+:)?(\d+:)?\d+(\.\d*)?", text):
        raise ValueError(f"a time must be seconds or hh:mm:ss, such as 12.5 or 0:01:30, got {text!r}")
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
