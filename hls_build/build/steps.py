# SPDX-License-Identifier: Apache-2.0
"""Steps that fill a build's folder: done in order, logged, locked, and gone on with where they were interrupted."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from rich.console import Console

from board.core.files import sha256
from board.core.lock import IN_FOLDER, lock_in, locked
from hls_build.build_folder import BuildFolder, State, files_of
from hls_build.vivado import bitstream
from hls_build.vivado.tools import Tools

log = logging.getLogger("auflow.build")


class Work(Protocol):
    """What any job has: a folder, a place where a person reads, and Vivado where it is."""

    @property
    def folder(self) -> BuildFolder:
        """Where all is kept."""

    @property
    def console(self) -> Console:
        """Where a person reads."""

    @property
    def vivado(self) -> Tools | None:
        """What makes bitstreams; None where it is not on PATH."""


Job = TypeVar("Job", bound=Work)


def tell(job: Work, line: str, style: str = "") -> None:
    """Say something of the step at work."""
    job.console.print(f"  {line}", style=style, markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Step(Generic[Job]):
    """One step of a build.

    Attributes:
        about: What it does, for a person.
        do: Does it.
        leaves: The files that it makes, of which a failed one keeps none.
    """

    about: str
    do: Callable[[Job], None]
    leaves: Callable[[BuildFolder], tuple[Path, ...]]

    def digests(self, folder: BuildFolder) -> dict[str, str]:
        """Digest of every file that it made and that is still there, by its path in the build."""
        made = (path for path in self.leaves(folder) if path != folder.finn)  # which nothing reads again
        files = [file for path in made for file in (files_of(path) if path.is_dir() else [path]) if file.is_file()]
        return {file.relative_to(folder.root).as_posix(): sha256(file) for file in files}


def check_stop(steps: Mapping[str, Step[Job]], stop_after: str | None) -> None:
    """Refuse to stop after a step that there is not."""
    if stop_after is not None and stop_after not in steps:
        raise ValueError(f"stop-after must be one of {', '.join(steps)}, got {stop_after!r}")


def carry_out(
    job: Job, steps: Mapping[str, Step[Job]], key: str, source: str, stop_after: str | None, resume: bool
) -> dict[str, Any]:
    """Do all steps, or those that an interrupted build left.

    Args:
        job: What they work with.
        steps: In order.
        key: Digest of all that they are made from.
        source: The checkpoint, for `State`; empty where there is none.
        stop_after: Last step, None for all.
        resume: Keep finished steps.

    Returns:
        The finished steps, with what each took.

    Raises:
        ValueError: The folder is none, or holds something else.
        RuntimeError: A step failed.
    """
    folder, console = job.folder, job.console
    if folder.root.exists() and not folder.root.is_dir():
        raise ValueError(f"a build needs a folder, got the file {folder.root}: give another --out")
    with locked(lock_in(folder.root), f"the build {folder.root}"):
        done = _open(steps, folder, key, source, resume, console)
        if job.vivado and "bitstream" in done and not bitstream.is_made(folder):
            done = {name: entry for name, entry in done.items() if name not in ("bitstream", "deploy")}
        with _logged(folder.log):
            for name, step in steps.items():
                if name in done:
                    console.print(f"[bold]{name}[/]: done before", markup=True)
                else:
                    done[name] = _carried_out(job, name, step)
                    if name == "bitstream":  # which binds the contract that step compile made to the bitfile
                        done["compile"]["files"] = steps["compile"].digests(folder)
                    folder.write_state(State(key, source, done))
                if name == stop_after:
                    break
    return done


def _carried_out(job: Job, name: str, step: Step[Job]) -> dict[str, Any]:
    """Do one step; what it took, and the digests of what it left, for `State`."""
    job.console.print(f"[bold]{name}[/]: {step.about}", markup=True, highlight=False, soft_wrap=True)
    start = time.monotonic()
    log.info("%s begins", name)
    try:
        step.do(job)
    except BaseException as error:
        log.error("%s failed: %s", name, " ".join(str(error).split()) or type(error).__name__)
        _remove(*step.leaves(job.folder))
        raise
    seconds = time.monotonic() - start
    log.info("%s took %.1f s", name, seconds)
    return {"seconds": round(seconds, 1), "files": step.digests(job.folder)}


def _open(
    steps: Mapping[str, Step[Job]], folder: BuildFolder, key: str, source: str, resume: bool, console: Console
) -> dict[str, Any]:
    """Prepare the folder; the finished steps to keep."""
    if not folder.state.exists() and not all(_is_of_begun_build(path) for path in folder.root.iterdir()):
        raise ValueError(f"{folder.root} holds files but no build: give another --out or empty it")
    if resume and folder.state.exists():
        before = folder.read_state()
        if before.key != key:
            raise ValueError(
                f"the build in {folder.root} was begun from another configuration, board, output, checkpoint or model: "
                "build without --resume"
            )
        try:
            folder.check_made_here()
        except RuntimeError as error:
            raise RuntimeError(f"{error}; or build without --resume") from None
        return unchanged(steps, folder, before.steps, console)
    folder.write_state(State(key, source, {}))
    _remove(folder.vivado, *(path for step in steps.values() for path in step.leaves(folder)))
    return {}


def _is_of_begun_build(path: Path) -> bool:
    """Whether a build leaves a file that is killed before its state is whole."""
    return path.name == IN_FOLDER or path.match(".build.*.partial.json")


def unchanged(
    steps: Mapping[str, Step[Job]], folder: BuildFolder, finished: Mapping[str, Any], console: Console
) -> dict[str, Any]:
    """The finished steps up to the first whose files are no longer what it made; what later ones made is deleted."""
    kept: dict[str, Any] = {}
    for name, step in steps.items():
        if name not in finished:
            break
        there = step.digests(folder)
        made = finished[name]["files"]
        if changed := next((file for file, digest in made.items() if there.get(file) != digest), None):
            said = f"{changed} is not what step {name} made: the build goes on from there"
            console.print(said, markup=False, highlight=False, soft_wrap=True)
            break
        kept[name] = finished[name]
    _remove(*(path for name, step in steps.items() if name not in kept for path in step.leaves(folder)))
    return kept


def _remove(*paths: Path) -> None:
    """Delete a step's files and folders, so that none is left half done."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Append to a build's log meanwhile."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # an error ends in the program's own sentence
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
