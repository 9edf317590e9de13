# SPDX-License-Identifier: Apache-2.0
"""Load a dataset as prepared faces; what took long, finding and cutting them, is done once and cached as files."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from board.core import cache
from board.core.contract import UPRIGHT
from board.core.files import write_npz
from board.core.reading import read_arrays
from board.progress import bar
from qnn.data.dataset import Dataset, Source, log
from qnn.data.datasets import find
from qnn.data.faces import Faces
from qnn.data.finder import finder
from qnn.data.indexing import index
from qnn.data.reading import lots, prepare

Result = TypeVar("Result")
KIND, ARRAYS = "faces", "faces.npz"
"""Where the cache keeps prepared faces."""
Prepared = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


def load(
    name: str,
    root: Path,
    labels: str = "paper",
    splits: Sequence[str] | None = None,
    progress: bool = True,
    *,
    margin: float = 0.0,
    workers: int | None = None,
) -> Faces:
    """Read a dataset, its pictures the first time and cached files afterwards; labels are read anew every time.

    Pictures without a face are left out, and counted in a warning.

    Args:
        name: One of datasets.NAMES.
        root: The dataset's folder.
        labels: One of the dataset's label_rules.
        splits: Some of its official_splits; by default all that the folder holds.
        progress: Show a bar on standard error while pictures are prepared.
        margin: The contract's crop margin, for datasets whose faces are cut here.
        workers: Processes that prepare; by default one per core.

    Raises:
        ValueError: Another dataset's folder, a missing or misunderstood file, an unreadable or wrongly sized picture,
            no face at all.
    """
    dataset = find(name)
    indexed = index(dataset, root, labels, splits)
    by_key = {_key(dataset, root, lot, margin): lot for lot in lots(indexed.sources)}
    prepared = {key: _restore(key) for key in by_key}
    jobs = [(key, dataset.name, by_key[key], margin) for key, known in prepared.items() if known is None]
    # OpenCV's detector serves one caller at a time, so faces are looked for in processes; decoding is fine in threads
    with executor(workers, len(jobs), processes=not dataset.cropped) as pool:
        for key in completed(pool, _prepare_and_store, jobs, f"preparing {dataset.title}", progress):
            # a cache with a small limit may have let it go
            prepared[key] = _restore(key) or prepare(dataset, by_key[key], margin)
    ready = [one for one in prepared.values() if one is not None]
    found = np.concatenate([one[1] for one in ready])
    if not found.any():
        raise ValueError(f"{dataset.title} needs at least one face, found none in {len(found):,} pictures in {root}")
    if lost := np.count_nonzero(~found):
        log.warning("%s: no face in %s of %s pictures, left out", dataset.title, f"{lost:,}", f"{len(found):,}")
    pixels = np.concatenate([one[0] for one in ready])
    return indexed.faces(pixels, found, dataset.aus)


def completed(
    pool: Executor | None, function: Callable[..., Result], jobs: Sequence[tuple], title: str, progress: bool
) -> Iterator[Result]:
    """Results of function(*job) of all jobs, as they come, under a bar on standard error; no pool means here."""
    with bar(title, len(jobs), "files") if progress and jobs else nullcontext(lambda count: None) as done:
        if pool is None:
            results = (function(*job) for job in jobs)
        else:
            results = (future.result() for future in as_completed([pool.submit(function, *job) for job in jobs]))
        for result in results:
            yield result
            done(1)


@contextmanager
def executor(workers: int | None, jobs: int, processes: bool) -> Iterator[Executor | None]:
    """A pool with one OpenCV thread per worker, None where a single job needs none."""
    workers = min(workers or os.cpu_count() or 1, jobs)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool: Executor | None = None
    try:
        if workers > 1 and processes:
            # a fork would inherit torch's threads in whatever state they are
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_process)
        elif workers > 1:
            pool = ThreadPoolExecutor(workers)
        yield pool
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)


def _start_process() -> None:
    """Work alone, and end at once on Ctrl-C, and when the process that started this one is no more."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end, which a pool's queues do not tell a worker."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _prepare_and_store(key: str, name: str, lot: Sequence[Source], margin: float) -> str:
    """Prepare a lot of a dataset and put it into the cache."""

    def make(folder: Path) -> None:
        pixels, found = prepare(find(name), lot, margin)
        write_npz(folder / ARRAYS, {"pixels": pixels, "found": found})

    cache.release(cache.entry(KIND, key, make))
    return key


def _restore(key: str) -> Prepared | None:
    """What the cache holds, None where that is nothing whole."""
    if (place := cache.find(KIND, key)) is None:
        return None
    arrays = read_arrays(place / ARRAYS, "prepared faces", "prepare them again")
    cache.release(place)
    return arrays["pixels"], arrays["found"]


def _search() -> tuple[str, str]:
    """What finds faces, and how they are cut."""
    return finder().description, UPRIGHT


def _key(dataset: Dataset, root: Path, lot: Sequence[Source], margin: float) -> str:
    """Name of a lot in the cache: it digests what decides the pixels, so that a changed picture is read anew."""
    rule = (dataset.name, dataset.colour) if dataset.cropped else (dataset.name, dataset.colour, margin, *_search())
    digest = hashlib.sha256(repr((cv2.__version__, *rule)).encode())
    for source in lot:
        stat = source.path.stat()
        place = source.path.relative_to(root).as_posix()
        digest.update(repr((place, source.frame, stat.st_size, stat.st_mtime_ns)).encode())
    return f"{dataset.name}-{digest.hexdigest()[:32]}"
