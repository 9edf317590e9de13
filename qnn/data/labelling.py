# SPDX-License-Identifier: Apache-2.0
"""Run the teacher over prepared faces, in several processes; what it saw is cached, so that a killed run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import nullcontext
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np

from board.core.arrays import Pixels
from board.core.files import cache_folder, write_npz
from board.core.reading import read_arrays
from board.progress import bar
from qnn.data import teacher
from qnn.data.faces import Faces
from qnn.data.loading import executor
from qnn.data.soft_labels import SoftLabels, digests, neutral_faces

FACES_PER_LOT = 64
"""About two seconds of work, which is all that a killed process loses."""


def label(
    faces: Faces, data: str, model: Path, workers: int | None = None, progress: bool = True, cache: Path | None = None
) -> SoftLabels:
    """What the teacher sees in faces.

    Args:
        faces: N of them, in the order of the result.
        data: What they are, for the label file.
        model: The teacher's model, face_landmarker.task.
        workers: Processes; by default one per core.
        progress: Show a bar on standard error.
        cache: Folder of what was seen already; by default board.core.files.cache_folder("labels").

    Raises:
        RuntimeError: MediaPipe is not installed.
        ValueError: The model cannot be used.
    """
    digest = teacher.model_digest(model)
    lots = [faces.pixels[start : start + FACES_PER_LOT] for start in range(0, len(faces), FACES_PER_LOT)]
    files = [_file(cache or cache_folder("labels"), digest, lot) for lot in lots]
    missing = [(file, lot) for file, lot in zip(files, lots, strict=True) if _restore(file, len(lot)) is None]
    if missing:
        with bar("labelling", len(faces), "faces") if progress else nullcontext(lambda count: None) as done:
            done(len(faces) - sum(len(lot) for _, lot in missing))
            for count in _see_all(missing, model, workers):
                done(count)
    seen = [_known(file, len(lot)) for file, lot in zip(files, lots, strict=True)]
    return SoftLabels(
        digests=digests(faces.pixels),
        **{name: np.concatenate([one[name] for one in seen]) for name in ("found", "blendshapes", "brows")},
        neutral=neutral_faces(faces),
        splits=faces.splits,
        data=data,
        teacher_sha256=digest,
    )


def see(landmarker: teacher.Landmarker, lot: Pixels) -> dict[str, np.ndarray]:
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


def _see_all(missing: Sequence[tuple[Path, Pixels]], model: Path, workers: int | None) -> Iterator[int]:
    """Look at all lots and write their files; yields how many faces each had."""
    landmarker = teacher.MediaPipe(model)  # what is wrong with the model is told before any process starts
    try:
        with executor(workers, len(missing), processes=True) as pool:
            if pool is None:
                for file, lot in missing:
                    write_npz(file, see(landmarker, lot))
                    yield len(lot)
            else:
                for future in as_completed([pool.submit(_see_there, file, model, lot) for file, lot in missing]):
                    yield future.result()
    finally:
        landmarker.close()


def _see_there(file: Path, model: Path, lot: Pixels) -> int:
    """Look at a lot in a process of its own."""
    write_npz(file, see(_of_process(model), lot))
    return len(lot)


@lru_cache(maxsize=1)
def _of_process(model: Path) -> teacher.Landmarker:
    """A process opens one, which lasts as long as it does."""
    return teacher.MediaPipe(model)


def _file(cache: Path, model_sha256: str, lot: Pixels) -> Path:
    """File for a lot: its name digests all that decides what is seen."""
    try:
        package = version("mediapipe")
    except PackageNotFoundError:
        package = "none"
    digest = hashlib.sha256(repr((teacher.RULE, model_sha256, package, cv2.__version__, lot.shape)).encode())
    digest.update(lot.tobytes())
    return cache / f"{digest.hexdigest()[:32]}.npz"


def _restore(file: Path, count: int) -> dict[str, np.ndarray] | None:
    """What a cached file holds, None where it is absent or was cut short."""
    try:
        arrays = read_arrays(file, "what the teacher saw", "label again")
    except ValueError:
        return None
    return arrays if {len(arrays.get(name, ())) for name in ("found", "blendshapes", "brows")} == {count} else None


def _known(file: Path, count: int) -> dict[str, np.ndarray]:
    """What a file just written holds."""
    if (arrays := _restore(file, count)) is None:
        raise RuntimeError(f"a cached file must be readable once it is written, {file} is not: free space")
    return arrays
