# SPDX-License-Identifier: Apache-2.0
"""Weights that come from memory: one file, and a region of it per layer, read round and round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from board.core.files import sha256
from board.core.reading import is_count, keys_of, typed

FILE = "weights.bin"
ALIGNMENT = 4096
"""Of regions, in bytes: no burst that begins at a multiple of its length within one crosses 4 KiB."""
WHOLE_BYTES = 16
"""A region is a multiple of so many bytes: whole words of every memory port."""


@dataclass(frozen=True)
class WeightStream:
    """Where one layer's beats lie, one after the other, their first byte least significant.

    Attributes:
        layer: Whose weights.
        offset: Of its first byte in the file.
        bytes_per_beat: Bytes of a padded beat.
        beats: Of the region: those of one frame, repeated until they fill whole words.
    """

    layer: str
    offset: int
    bytes_per_beat: int
    beats: int

    def __post_init__(self) -> None:
        typed(str, self.layer, "weights.streams.layer")
        for key in ("bytes_per_beat", "beats"):
            if not is_count(getattr(self, key)):
                raise ValueError(f"need {key} >= 1 in weights.streams, got {getattr(self, key)!r}")
        if type(self.offset) is not int or self.offset < 0 or self.offset % ALIGNMENT:
            raise ValueError(f"offset must be a multiple of {ALIGNMENT} in weights.streams, got {self.offset!r}")
        if self.size % WHOLE_BYTES:
            raise ValueError(f"a region of weights must fill {WHOLE_BYTES} bytes wholly, got {self.size} bytes")

    @property
    def size(self) -> int:
        """Bytes of the region."""
        return self.bytes_per_beat * self.beats


@dataclass(frozen=True)
class Weights:
    """The file of all streams.

    Attributes:
        sha256: Of the file.
        streams: In the order of the accelerator's ports in1, in2 and so on, and of their regions.
    """

    sha256: str
    streams: tuple[WeightStream, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"weights.sha256 must be 64 hexadecimal digits, got {self.sha256!r}")
        if not self.streams:
            raise ValueError("weights must have at least one stream, got none")
        for before, after in zip(self.streams, self.streams[1:], strict=False):
            if after.offset < before.offset + before.size:
                raise ValueError(f"regions of weights must follow each other, got {before} and {after}")

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.streams[-1].offset + self.streams[-1].size

    def read(self, path: Path) -> bytes:
        """The file's content.

        Raises:
            ValueError: It is missing, or another build's.
        """
        if not path.is_file():
            raise ValueError(f"this accelerator needs its weights, got no {path}: copy it from the same build")
        content = path.read_bytes()
        if (actual := sha256(content)) != self.sha256:
            raise ValueError(
                f"{path.name} must have sha256 {self.sha256[:12]}..., got {actual[:12]}... for {path}:"
                " use the files of one build"
            )
        return content

    def beats(self, content: bytes) -> Iterator[tuple[str, np.ndarray]]:
        """The accelerator's ports with their beats, uint8 (beats, bytes_per_beat), of the file's content."""
        for number, stream in enumerate(self.streams, 1):
            region = np.frombuffer(content, np.uint8, stream.size, stream.offset)
            yield f"in{number}", region.reshape(stream.beats, stream.bytes_per_beat)

    @classmethod
    def parse(cls, content: Any) -> Weights:
        """Of a JSON object; a missing or unknown key or a bad value is refused."""
        top = dict(keys_of(cls, content, "weights"))
        streams = typed(list, top["streams"], "weights.streams")
        top["streams"] = tuple(WeightStream(**keys_of(WeightStream, each, "weights.streams")) for each in streams)
        return cls(**top)
