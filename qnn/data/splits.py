# SPDX-License-Identifier: Apache-2.0
"""The faces of a training run: those that teach, those that choose, and those that judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnn.data.datasets import find
from qnn.data.faces import Faces
from qnn.data.loading import load
from qnn.data.protocols import held_out, split


@dataclass(frozen=True)
class Parts:
    """The faces of a run.

    Attributes:
        learn: Faces that set weights.
        held_out: Training faces that only choose the best epoch and tune thresholds.
        test: Faces that the figures are measured on, none of them a copy of a training face.
        colour: The contract's colour rule, grey or rgb.
        crop_margin: The contract's crop margin.
        origin: What they are and under which terms, for the card.
    """

    learn: Faces
    held_out: Faces
    test: Faces
    colour: str
    crop_margin: float
    origin: dict[str, Any]


def load_parts(
    name: str,
    root: Path,
    protocol: str | None = None,
    part: str | None = None,
    fold: int = 0,
    labels: str = "paper",
    share: float = 0.1,
    seed: int = 0,
) -> Parts:
    """Read a dataset and divide it.

    Args:
        name: The dataset.
        root: Its folder.
        protocol: `official`, `paper` or `subjects`; by default the dataset's usual one.
        part: With `official`, the part that judges; by default the first after training.
        fold: With `subjects`, the fold that judges.
        labels: The label rule, `paper` or `usual`.
        share: Share of the training faces that is held out.
        seed: Draws the split and the held-out faces.

    Raises:
        ValueError: An unknown name, protocol or rule, a folder that is not the dataset's, faces too few to divide.
    """
    dataset = find(name)
    protocol = protocol or dataset.default_protocol
    official = protocol == "official"
    part = part or (dataset.official_parts[1] if official and dataset.official_parts else "valid")
    faces = load(name, root, labels, ("train", part) if official else None)
    rows = split(faces, protocol, part, fold, seed)
    kept, held = held_out(faces, rows.train, share, seed)
    taught = faces.take(rows.train)
    test = faces.take(rows.test).without_copies_of(taught)
    origin = {
        "data": dataset.title,
        "terms": dataset.terms,
        "labels": labels,
        "protocol": protocol,
        "part": part if official else None,
        "fold": fold if protocol == "subjects" else None,
        "faces": {"learn": len(kept), "held_out": len(held), "test": len(test)},
        "copies_left_out": len(rows.test) - len(test),
        "seed": seed,
    }
    return Parts(faces.take(kept), faces.take(held), test, dataset.colour, dataset.crop_margin, origin)
