# SPDX-License-Identifier: Apache-2.0
"""Fuzz: whatever happened to a file, its reader takes it or refuses it in one sentence that names it.

AUFLOW_FUZZ sets the cases of each surface; without it they are few and the same in every run. scripts/fuzz.sh runs
many, each time others, and counts.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from surfaces import SURFACES

from board.cli.command import sentence

CASES = int(os.environ.get("AUFLOW_FUZZ", "0"))
SECONDS, GROWTH_KIB = 10, 1 << 20
"""Most processor time that one case may take, and that a surface may add to this process's memory."""
HANG_S = 900.0
"""After which a case is taken for one that waits for ever; a busy computer may take minutes for some."""


@pytest.mark.parametrize("name", SURFACES)
def test_a_damaged_file_is_taken_or_refused_in_one_sentence(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    surface, counts = SURFACES[name], Counter[str]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with capfd.disabled():
        terminal = os.dup(2)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "surface"
        folder.mkdir()
        surface.make(folder)
        damaged = folder / surface.file
        whole = damaged.read_bytes()
        surface.read(folder)  # a whole file is taken

        @settings(
            max_examples=CASES or 15,
            derandomize=not CASES,
            database=None,
            deadline=None,  # of time that others may take
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def damage(data: st.DataObject) -> None:
            damaged.write_bytes(data.draw(surface.damage(whole)))
            try:
                surface.seal(folder)
            except (ValueError, OSError):  # what guards the file is damaged itself
                return
            began = time.process_time()
            faulthandler.dump_traceback_later(HANG_S, exit=True, file=terminal)
            try:
                surface.read(folder)
                counts["taken"] += 1
            except (ValueError, RuntimeError) as error:
                counts["refused"] += 1
                said = sentence(error)
                assert folder.name in said or damaged.name in said, f"no path in: {said}"
                assert said.isprintable(), f"no sentence: {said!r}"
            finally:
                faulthandler.cancel_dump_traceback_later()
            assert (took := time.process_time() - began) < SECONDS, f"it took {took:.1f} s of processor time"

        damage()
    os.close(terminal)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < GROWTH_KIB, f"{grown >> 10} MiB more"
    capfd.readouterr()  # what decoders say by themselves
    with capfd.disabled():
        if CASES:
            print(f"{name:<24}{counts['taken']:>8,} taken {counts['refused']:>8,} refused        0 wrong")
