# SPDX-License-Identifier: Apache-2.0
"""Tasks for tests of the cluster: a sum, one whose worker dies the first time, and one that fails."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hls_build.cluster.task import Result

needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="dask.distributed is not installed: requirements/cluster.txt has it"
)


def add(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """The sum of a number and of all results, counted in a file that tells how often it ran."""
    with open(arguments["log"], "a") as log:
        log.write(f"{arguments['number']}\n")
    if "file" in arguments:
        place.mkdir(parents=True, exist_ok=True)
        (place / "copy").write_bytes(Path(arguments["file"]).read_bytes())
    return {"sum": arguments["number"] + sum(result["sum"] for result in results)}


def die_once(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """As `add`, but the first worker that takes it is gone before it ends."""
    marker = Path(arguments["marker"])
    if not marker.exists():
        marker.write_text("died")
        os._exit(9)
    return add(arguments, results, place)


def always_die(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """No worker survives it."""
    del arguments, results, place
    os._exit(9)


def fail(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """Has no result."""
    del results, place
    raise ValueError(f"need a number below 3, got {arguments['number']}")
