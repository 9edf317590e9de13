# SPDX-License-Identifier: Apache-2.0
"""Steps of an exploration whose worker dies the first time, for a cluster's workers to import."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hls_build.cluster.task import Result
from hls_build.explore import steps


def fold_after_death(arguments: Mapping[str, Any], results: Sequence[Result], place: Path) -> Result:
    """The folding, but the first worker that takes it is gone in the middle."""
    marker = place.with_suffix(".died")
    found = steps.fold(arguments, results, place)
    if not marker.exists():
        marker.write_text("died")
        os._exit(9)
    return found
