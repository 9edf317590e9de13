# SPDX-License-Identifier: Apache-2.0
"""Fuzz: whatever happened to a file, its reader takes it or refuses it in one sentence that names it.

AUFLOW_FUZZ sets the cases of each surface; without it they are few and the same in every run. scripts/fuzz.sh runs
many, each time others, and counts; with AUFLOW_FUZZ_TABLE, the file of the counts, a run that was ended goes on.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from surfaces import SURFACES

from board.cli.command import sentence

CASES = int(os.environ.get("AUFLOW_FUZZ", "0"))
TABLE = Path(os.environ.get("AUFLOW_FUZZ_TABLE", os.devnull))
"""A line of JSON for each surface that was run to its end or to what is wrong."""
SECONDS, GROWTH_BYTES = 10, 1 << 30
"""Most processor time that one case may take, and most memory that a surface may take beside what there was before."""
VERBS = """`auflow build change convert copy delete export give go mend name rename render restore run save train unpack
use write"""
REMEDY = re.compile(rf": ({'|'.join(VERBS.split())})\b[^:]*$")
"""What to do, at the end of a refusal."""
HANG_S = 900.0
"""After which a case is taken for one that waits for ever; a busy computer may take minutes for some."""


def counted_before(name: str) -> bool:
    """Whether the table has as many cases of a surface as are asked for, and nothing wrong."""
    rows = [json.loads(line) for line in TABLE.read_text().splitlines()] if TABLE.is_file() else []
    return any(row["surface"] == name and row["asked"] >= CASES and not row["wrong"] for row in rows)


def memory_bytes(field: str) -> int:
    """VmRSS, what this process holds; VmHWM, the most that it held since `forget_peak`."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.parametrize("name", SURFACES)
def test_a_damaged_file_is_taken_or_refused_in_one_sentence(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    if CASES and counted_before(name):
        pytest.skip(f"{TABLE} has its {CASES} cases")
    surface, counts = SURFACES[name], Counter[str]()
    forget_peak()
    before = memory_bytes("VmRSS")
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
        @given(surface.damage(whole))
        def damage(content: bytes) -> None:
            damaged.write_bytes(content)
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
                assert str(folder) in said, f"no path in: {said}"
                assert REMEDY.search(said), f"nothing to do in: {said}"
                assert said.isprintable(), f"no sentence: {said!r}"
            finally:
                faulthandler.cancel_dump_traceback_later()
            assert (took := time.process_time() - began) < SECONDS, f"it took {took:.1f} s of processor time"

        try:
            damage()
            grown = memory_bytes("VmHWM") - before
            assert grown < GROWTH_BYTES, f"{grown >> 20} MiB more"
        except BaseException:
            counts["wrong"] += 1
            raise
        finally:
            os.close(terminal)
            capfd.readouterr()  # what decoders say by themselves
            if CASES:
                with capfd.disabled():
                    report(name, counts)


def report(name: str, counts: Counter[str]) -> None:
    """Print a surface's line over pytest's dots, and add it to the table."""
    row = {kind: counts[kind] for kind in ("taken", "refused", "wrong")}
    print(f"\r{name:<28}", *(f"{count:>7,} {kind}" for kind, count in row.items()), flush=True)
    with open(TABLE, "a") as file:
        file.write(json.dumps({"surface": name, "asked": CASES, **row}) + "\n")


def test_the_table_knows_what_was_run_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "TABLE", tmp_path / "table")
    monkeypatch.setitem(globals(), "CASES", 3)
    assert not counted_before("card")
    report("card", Counter(taken=1, refused=1, wrong=1))
    assert not counted_before("card")
    report("card", Counter(taken=1, refused=2))
    assert counted_before("card") and not counted_before("weights")
    monkeypatch.setitem(globals(), "CASES", 4)
    assert not counted_before("card")
