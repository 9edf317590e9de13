# SPDX-License-Identifier: Apache-2.0
"""`auflow detect` where the compiler is: the board's, and besides over an archive of films on several workers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from board.cli import detect
from board.cli.command import FAILED
from board.cli.options import deployment
from board.core.files import sha256
from board.core.text import printable
from board.progress import bar
from hls_build.cli.options import add_workers, weights, workers

if TYPE_CHECKING:
    from board.deployment import Deployment
    from board.sources.frame import Source
    from hls_build.cluster.run import Workers
    from hls_build.cluster.task import Result, Task

KEPT = "tasks"
"""Folder beside the tables that tells which are finished."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    detect.add_arguments(parser, weights)
    add_workers(parser, "none: films one after the other in this process")


def _run(options: argparse.Namespace) -> int:
    given, who = vars(options), workers(options)
    alone = argparse.Namespace(**{name: value for name, value in given.items() if name not in ("workers", "scheduler")})
    return detect.run(alone, weights) if who is None else _on_workers(alone, who)


def _on_workers(options: argparse.Namespace, who: Workers) -> int:
    """Detect in each film as a task of its own."""
    from board.outputs import Places
    from hls_build.build.shipped import program
    from hls_build.cluster.needs import check_installed
    from hls_build.cluster.run import run

    if options.annotate is not None or options.attention:
        raise ValueError("with --workers or --scheduler there are rows alone: leave --annotate and --attention out")
    check_installed()
    deployed = deployment(options.deploy, weights, options.trust)
    sources = detect.named_sources(options, deployed)
    places = Places(sources, options.out, None, options.resume)
    if options.out is None or places.one_table:
        raise ValueError(
            f"with several workers each film has a table of its own, got --out {options.out}: name a folder"
        )
    places.check(options.inputs)
    tables = [Path(places.table(number) or "") for number in range(len(sources))]
    tasks = [_task(options, source, table, deployed) for source, table in zip(sources, tables, strict=True)]
    with bar("detecting", len(tasks), "films") as step:
        found = run(tasks, options.out / KEPT, who, program(), lambda name, total: step(1), not options.resume)
    for name, why in found.failures.items():
        print(printable(f"auflow: {name} failed: {why}"), file=sys.stderr)
    done = len(found.results) - found.kept
    told = f"{len(tasks)} films: rows of {done} written, of {found.kept} before, {len(found.failures)} failed"
    print(f"{told}; in {options.out}", file=sys.stderr)
    return FAILED if found.failures else 0


def _task(options: argparse.Namespace, source: Source, table: Path, deployed: Deployment) -> Task:
    """Detection in one film.

    Raises:
        ValueError: A source that is no single file.
    """
    from hls_build.cluster.task import Task

    path = getattr(source, "path", None)
    if source.live or not isinstance(path, Path):
        raise ValueError(f"workers take films, a file each, got {source.name}: run pictures and cameras without them")
    arguments = {
        "source": source.name,
        "fingerprint": source.fingerprint,
        "network": deployed.manifest.files,
        "options": detect.deciding(options),
    }
    where = {"path": str(path), "table": str(table), "folder": str(Path.cwd()), "given": vars(options)}
    return Task(f"detect {table.stem}", film, arguments, {}, leaves=(table,), where=where)


def film(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """Detect in one film, on a worker; one that died has left rows that this one goes on with."""
    from board.sources.array import ArraySource
    from board.sources.video import VideoSource

    del results, place
    table = Path(arguments["table"])
    own = {"inputs": [arguments["path"]], "recursive": False, "out": table, "resume": True}
    options = argparse.Namespace(**{**arguments["given"], **own})
    with chdir(arguments["folder"]):
        deployed = deployment(options.deploy, weights, options.trust)
        (source,) = detect.named_sources(options, deployed)
        if source.name != arguments["source"]:  # as it is called beside others of its name
            assert isinstance(source, VideoSource | ArraySource), "what has one path is"
            source.use_paths()
        detect.detect(options, deployed, [source])
        return {"sha256": sha256(table)}


BOARDS = detect.command(weights)
COMMAND = replace(
    BOARDS,
    arguments=_arguments,
    run=_run,
    examples=(
        *BOARDS.examples,
        "auflow detect archive/ --recursive --out rows/ --workers 4         # a film at a time on each of four workers",
        "auflow detect archive/ --recursive --out rows/ --resume --scheduler tcp://10.0.0.1:8786",
    ),
    details=f"{BOARDS.details}\n\nWith --workers or --scheduler every film is a task of a cluster: --out DIR gets the"
    " same tables, and DIR/tasks tells which are finished. A worker that dies gives its film to another one, which goes"
    " on after its last row; --resume does only the films that are not finished. Pictures and cameras are not taken."
    " Needs dask.distributed: `pip install --requirement requirements/cluster.txt`.",
)
