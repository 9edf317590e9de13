# SPDX-License-Identifier: Apache-2.0
"""Settings of a run: what a stage was begun with, kept in its folder, so that it goes on with nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from board.core.files import sha256
from board.core.reading import parsing, read_json, typed
from qnn.data.splits import Splits
from qnn.network.checkpoint import Card
from qnn.network.model import Architecture
from qnn.training.augmentation import Augmentation
from qnn.training.recipes import Recipe


def settings_of(
    card: Card,
    splits: Splits,
    recipe: Recipe,
    start: Path | None,
    start_quantized: Path | None,
    teachers: Sequence[Path],
) -> dict[str, Any]:
    """All that decides a stage's outcome."""
    digest = hashlib.sha256()
    for faces in (splits.train, splits.validation, splits.test):
        for array in (faces.pixels, faces.labels, faces.votes):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return {
        "preset": card.preset,
        "architecture": asdict(card.architecture),
        "recipe": asdict(recipe),
        "faces": digest.hexdigest(),
        "start": start and sha256(start),
        "start_quantized": start_quantized and sha256(start_quantized),
        "teachers": [sha256(path) for path in teachers] or None,
    }


def file_of(folder: Path) -> Path:
    """What a stage was begun with."""
    return folder / "settings.json"


def check(folder: Path, settings: dict[str, Any]) -> None:
    """Refuse to go on with a stage that was begun with other settings."""
    path = file_of(folder)
    if not path.exists():
        return
    what = "a stage's settings", "name another --run folder"
    content = read_json(path, *what)
    with parsing(path, *what):
        found = _with_defaults(typed(dict, content, what[0]))
    for name, before, now in _differences(found, json.loads(json.dumps(settings))):
        raise ValueError(
            f"{folder} was begun with {name} {before}, got {now}: go on with the same or name another --run"
        )


def _with_defaults(found: dict[str, Any]) -> dict[str, Any]:
    """Settings of an older version with what it did not know: new ones, which changed nothing then."""
    known = {"recipe": Recipe, "architecture": Architecture, "augmentation": Augmentation}
    filled = {name: _with_defaults(value) if isinstance(value, dict) else value for name, value in found.items()}
    for name in known.keys() & filled.keys():
        if isinstance(filled[name], dict):
            defaults = {f.name: f.default for f in fields(known[name]) if f.default is not MISSING}
            filled[name] = {**defaults, **filled[name]}
    return filled


def _differences(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name, old and new value of each setting that changed."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(set(before) | set(now)):
            yield from _differences(before.get(key), now.get(key), f"{name}.{key}".strip("."))
    elif before != now:
        yield name, before, now
