# SPDX-License-Identifier: Apache-2.0
"""Parity: walk the rungs from Brevitas to RTL over real faces and name the first difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from board.core.graph import identifier
from qnn.export.executors import Rung

BATCH = 50
"""Faces at once: bounds memory, and lets progress be seen."""


@dataclass(frozen=True)
class Difference:
    """Where a rung first leaves the one it is held against.

    Attributes:
        rung: Name of the form that differs.
        layer: First layer that differs, in stream order.
        sample: Index of the face.
        element: (row, column, channel) in the layer.
        expected: Value of the reference.
        actual: Value of the rung.
    """

    rung: str
    layer: str
    sample: int
    element: tuple[int, ...]
    expected: int
    actual: int

    def __str__(self) -> str:
        return (
            f"{self.rung} differs at layer {self.layer}, face {self.sample}, element {list(self.element)}: "
            f"got {self.actual}, need {self.expected}"
        )


@dataclass(frozen=True)
class RungResult:
    """What one rung showed.

    Attributes:
        name: Of the rung.
        faces: Compared.
        mismatches: Faces with another integer anywhere in their accumulators.
        seconds: Spent in the rung.
    """

    name: str
    faces: int
    mismatches: int
    seconds: float


@dataclass(frozen=True)
class Parity:
    """All rungs up to the first that differs."""

    rungs: tuple[RungResult, ...]
    difference: Difference | None

    def as_json(self) -> dict[str, Any]:
        """Content for report/parity.json."""
        return {
            "rungs": [asdict(rung) for rung in self.rungs],
            "difference": None if self.difference is None else asdict(self.difference),
        }


def compare(
    rungs: Sequence[tuple[Rung, int | None]],
    faces: np.ndarray,
    order: Sequence[str],
    progress: Callable[[str, int], None] = lambda rung, faces: None,
) -> Parity:
    """Hold every rung against the first one; stop at the first that differs.

    Args:
        rungs: Forms of one network, the reference first, and how many faces each is asked for at most.
        faces: uint8 of shape (N, 48, 48, 3).
        order: Layer names in stream order.
        progress: Called with a rung's name and the faces it has done.
    """
    results: list[RungResult] = []
    expected = np.empty((0, 0), np.int64)
    for index, (rung, limit) in enumerate(rungs):
        asked = faces[:limit]
        start, parts = time.monotonic(), []
        for first in range(0, len(asked), BATCH):
            parts.append(rung.accumulators(asked[first : first + BATCH]))
            progress(rung.name, min(first + BATCH, len(asked)))
        answer = np.concatenate(parts) if parts else np.empty((0, *expected.shape[1:]), np.int64)
        if index == 0:
            expected = answer
        wrong = (answer != expected[: len(asked)]).any(axis=1)
        results.append(RungResult(rung.name, len(asked), int(wrong.sum()), round(time.monotonic() - start, 2)))
        if wrong.any():
            sample = int(wrong.argmax())
            output = int((answer[sample] != expected[sample]).argmax())
            at_output = order[-1], (0, 0, output), int(expected[sample, output]), int(answer[sample, output])
            equal = [reference for reference, _ in rungs[:index]]
            where = _locate(equal, rung, faces[sample : sample + 1], order) or at_output
            return Parity(tuple(results), Difference(rung.name, where[0], sample, *where[1:]))
    return Parity(tuple(results), None)


def _locate(
    references: Sequence[Rung], rung: Rung, face: np.ndarray, order: Sequence[str]
) -> tuple[str, tuple[int, ...], int, int] | None:
    """First layer at which a rung leaves the equal ones before it: name, element, expected and actual value."""
    known: dict[str, np.ndarray] = {}
    for reference in references:
        known = {**_layers(reference, face), **known}
    shown = _layers(rung, face)
    for layer in order:
        if layer in known and layer in shown and (wrong := known[layer] != shown[layer]).any():
            row, column, channel = (int(i) for i in np.unravel_index(wrong.argmax(), wrong.shape))
            need, got = (int(array[row, column, channel]) for array in (known[layer], shown[layer]))
            return layer, (row, column, channel), need, got
    return None


def _layers(rung: Rung, face: np.ndarray) -> dict[str, np.ndarray]:
    """A rung's layers (H, W, C) of one face, by their names in the integer graph."""
    return {identifier(name): np.asarray(value)[0] for name, value in rung.codes(face).items()}
