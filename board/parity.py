# SPDX-License-Identifier: Apache-2.0
"""Parity: hold every backend of a deployment that this machine can run against the integer reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from board.deployment import Deployment
from board.executors import EXECUTORS, open_executor

REFERENCE = "numpy"
BATCH = 16
"""Faces at once, so that progress is seen."""


@dataclass(frozen=True)
class Compared:
    """What one backend answered.

    Attributes:
        backend: Its name.
        description: What it ran on, or why it could not run.
        faces: Compared; 0 where it could not run.
        mismatches: Faces with another integer anywhere.
        seconds: Spent in it.
        difference: The first difference in words; None where there is none.
    """

    backend: str
    description: str
    faces: int
    mismatches: int
    seconds: float
    difference: str | None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def compare(
    deployment: Deployment,
    faces: np.ndarray,
    limits: dict[str, int | None] | None = None,
    names: Sequence[str] = tuple(EXECUTORS),
    progress: Callable[[str, int], None] = lambda backend, faces: None,
) -> list[Compared]:
    """Run faces through backends and compare all integers with `==`.

    Args:
        deployment: What to run.
        faces: uint8 of shape (N, 48, 48, 3).
        limits: How many faces a backend is asked for at most, such as {"rtl": 4}.
        names: Which backends; one that cannot run here is reported with its reason.
        progress: Called with a backend's name and the faces it did since the last call.

    Raises:
        ValueError: A name is none of a backend.
    """
    if unknown := [name for name in names if name not in EXECUTORS]:
        raise ValueError(f"a backend must be one of {', '.join(EXECUTORS)}, got {unknown[0]!r}")
    expected = open_executor(deployment, REFERENCE).accumulators(faces)
    found = []
    for name in names:
        asked = faces[: (limits or {}).get(name)]
        if not len(asked):
            found.append(Compared(name, "not asked", 0, 0, 0.0, None))
            continue
        try:
            backend = open_executor(deployment, name)
        except (ValueError, RuntimeError) as error:
            found.append(Compared(name, str(error), 0, 0, 0.0, None))
            continue
        try:
            start, parts = time.perf_counter(), []
            for first in range(0, len(asked), BATCH):
                parts.append(backend.accumulators(asked[first : first + BATCH]))
                progress(name, len(parts[-1]))
            seconds = time.perf_counter() - start
        finally:
            backend.close()
        answer = np.concatenate(parts)
        wrong = (answer != expected[: len(asked)]).any(axis=1)
        difference = _first(name, deployment, answer, expected) if wrong.any() else None
        found.append(Compared(name, backend.description, len(asked), int(wrong.sum()), round(seconds, 3), difference))
    return found


def _first(name: str, deployment: Deployment, answer: np.ndarray, expected: np.ndarray) -> str:
    """The first difference, in words."""
    face, unit = (int(index) for index in np.argwhere(answer != expected[: len(answer)])[0])
    return (
        f"{name} differs at face {face}, {deployment.contract.au_names[unit]}: got {answer[face, unit]},"
        f" need {expected[face, unit]}"
    )
