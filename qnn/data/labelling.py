# SPDX-License-Identifier: Apache-2.0
"""Run the teacher over prepared faces, in several processes; what it saw is cached, so that a killed run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import as_completed
from contextlib import nullcontext
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from board.core import cache
from board.core.arrays import Pixels
from board.core.files import write_npz
from board.core.reading import read_arrays
from board.progress import bar
from qnn.data import teacher
from qnn.data.faces import Faces
from qnn.data.loading import executor
from qnn.data.soft_labels import SoftLabels, digests, neutral_faces

Seen: TypeAlias = dict[str, npt.NDArray[Any]]
ARRAYS = ("found", "blendshapes", "brows")
KIND, FILE = "labels", "seen.npz"
"""Where the cache keeps what the teacher saw."""
FACES_PER_LOT = 64
"""About two seconds of work, which is all that a killed process loses."""


def label(faces: Faces, data: str, model: Path, workers: int | None = None, progress: bool = True) -> SoftLabels:
    """What the teacher sees in faces; what it saw before is in the cache.

    Args:
        faces: N of them, in the order of the result.
        data: What they are, for the label file.
        model: The teacher's model, face_landmarker.task.
        workers: Processes; by default one per core.
        progress: Show a bar on standard error.

    Raises:
        RuntimeError: MediaPipe is not installed, or the cache cannot be written.
        ValueError: The model cannot be used.
    """
    digest = teacher.model_digest(model)
    lots = [faces.pixels[start : start + FACES_PER_LOT] for start in range(0, len(faces), FACES_PER_LOT)]
    keys = [_key(digest, lot) for lot in lots]
    seen = {key: known for key, lot in zip(keys, lots, strict=True) if (known := _restore(key, len(lot))) is not None}
    missing = {key: lot for key, lot in zip(keys, lots, strict=True) if key not in seen}
    if missing:
        with bar("labelling", len(faces), "faces") if progress else nullcontext(lambda count: None) as done:
            done(len(faces) - sum(map(len, missing.values())))
            for key, arrays in _see_all(missing, model, workers):
                seen[key] = arrays
                done(len(missing[key]))
    return SoftLabels(
        digests=digests(faces.pixels),
        **{name: np.concatenate([seen[key][name] for key in keys]) for name in ARRAYS},
        neutral=neutral_faces(faces),
        splits=faces.splits,
        data=data,
        teacher_sha256=digest,
    )


def see(landmarker: teacher.Landmarker, lot: Pixels) -> Seen:
    """What a landmarker sees in N prepared faces.

    Returns:
        found bool (N,), blendshapes float16 (N, 52) and brows float32 (N, 2), NaN where no face is found.
    """
    found = np.zeros(len(lot), bool)
    blendshapes = np.full((len(lot), len(teacher.BLENDSHAPES)), np.nan, np.float16)
    brows = np.full((len(lot), 2), np.nan, np.float32)
    for row, face in enumerate(lot):
        if (seen := landmarker(teacher.enlarged(face))) is not None:
            found[row] = True
            blendshapes[row] = seen.blendshapes
            brows[row] = teacher.brow_heights(seen.landmarks)
    return {"found": found, "blendshapes": blendshapes, "brows": brows}


def _see_all(missing: Mapping[str, Pixels], model: Path, workers: int | None) -> Iterator[tuple[str, Seen]]:
    """Look at all lots and put what is seen into the cache; yields it with its key."""
    landmarker = teacher.MediaPipe(model)  # what is wrong with the model is told before any process starts
    try:
        with executor(workers, len(missing), processes=True) as pool:
            if pool is None:
                for key, lot in missing.items():
                    yield key, _store(key, see(landmarker, lot))
            else:
                jobs = {pool.submit(_see_there, key, model, lot): key for key, lot in missing.items()}
                for future in as_completed(jobs):
                    yield jobs[future], future.result()
    finally:
        landmarker.close()


def _see_there(key: str, model: Path, lot: Pixels) -> Seen:
    """Look at a lot in a process of its own."""
    return _store(key, see(_of_process(model), lot))


@lru_cache(maxsize=1)
def _of_process(model: Path) -> teacher.Landmarker:
    """A process opens one, which lasts as long as it does."""
    return teacher.MediaPipe(model)


def _key(model_sha256: str, lot: Pixels) -> str:
    """Name of a lot in the cache: it digests all that decides what is seen."""
    try:
        package = version("mediapipe")
    except PackageNotFoundError:
        package = "none"
    digest = hashlib.sha256(repr((teacher.RULE, model_sha256, package, cv2.__version__, lot.shape)).encode())
    digest.update(lot.tobytes())
    return digest.hexdigest()[:32]


def _store(key: str, seen: Seen) -> Seen:
    """Put what was seen into the cache."""
    cache.release(cache.entry(KIND, key, lambda folder: write_npz(folder / FILE, seen)))
    return seen


def _restore(key: str, count: int) -> Seen | None:
    """What the cache holds, None where that is nothing whole."""
    if (place := cache.find(KIND, key)) is None:
        return None
    arrays = read_arrays(place / FILE, "what the teacher saw", "label again")
    cache.release(place)
    return arrays if {len(arrays.get(name, ())) for name in ARRAYS} == {count} else None
