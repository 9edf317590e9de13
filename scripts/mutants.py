# SPDX-License-Identifier: Apache-2.0
"""Plant the mutants of tests/mutants.toml one at a time in a copy, and see which the tests of their rooms kill.

    nice .venv/bin/python scripts/mutants.py                    all of them, an hour or more
    .venv/bin/python scripts/mutants.py tracker margin          those whose line, file or text holds one of the words
    .venv/bin/python scripts/mutants.py --out mutants.json      the table as JSON too, with which a run that was ended
                                                                goes on where no file has changed

In the end the tests that killed run without any mutant: one that fails there too kills nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
from mutants import mutants  # noqa: E402 # of the tests' support

from board.core.files import sha256  # noqa: E402 # of the working tree, as the mutants are

TIMEOUT_S = 1800
"""A mutant may hang, which counts as neither killed nor survived: a machine with much to do hangs as well."""
PASSED, NONE_RAN, HUNG = 0, 5, -1
"""Exit statuses of pytest, and none."""


def copy_of_repository(folder: Path) -> tuple[Path, str]:
    """The files that git knows or would take, without what is built; and a digest of them."""
    digest = hashlib.sha256()
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, check=True)  # fmt: skip
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
            digest.update(f"{name}\0{sha256(folder / name)}\0".encode())
    return folder, digest.hexdigest()


def known_rows(out: Path | None, sources: str) -> dict[str, dict[str, Any]]:
    """By mutant, what a run of the same files has found; nothing of one that hung."""
    kept = json.loads(out.read_text()) if out is not None and out.is_file() else {}
    if kept.get("sources") != sources:
        return {}
    return {f"{row['file']}: {row['says']}": row for row in kept["mutants"] if row["verdict"] != "hung"}


def python_of(environment: str) -> str:
    """The Python of an environment that scripts/setup.sh made beside the host's."""
    if not environment:
        return sys.executable
    found = Path(sys.prefix).with_name(f".venv-{environment}") / "bin/python"
    if not found.is_file():
        raise SystemExit(f"{found} is missing: run scripts/setup.sh {environment}")
    return str(found)


def run(copy: Path, cache: Path, tests: tuple[str, ...], environment: str = "") -> tuple[int, str]:
    """Exit status of pytest, and the test that failed."""
    command = [python_of(environment), "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *tests]
    # compiled bytecode goes by time and size, which two mutants may share
    variables = {**os.environ, "PYTHONPATH": str(copy), "AUFLOW_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    variables.setdefault("OMP_NUM_THREADS", "1")
    try:
        done = subprocess.run(command, cwd=copy, env=variables, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return HUNG, f"no end within {TIMEOUT_S} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))]
    return done.returncode, failed[0].partition(" - ")[0] if failed else ""


def main() -> int:
    """Run the mutants that are asked for; 1 if one survives that should not."""
    parser = argparse.ArgumentParser(description="Plant mutants one at a time and run the tests of their rooms.")
    parser.add_argument("words", nargs="*", help="only mutants that hold one of these words")
    parser.add_argument("--out", type=Path, help="write the table as JSON, or go on with it")
    parser.add_argument("--cache", type=Path, help="keep what is compiled here, for the next time")
    options = parser.parse_args()
    chosen = [one for one in mutants() if not options.words or any(word in str(one) for word in options.words)]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="auflow-mutants-") as temporary:
        copy, sources = copy_of_repository(Path(temporary) / "copy")
        known = known_rows(options.out, sources)
        cache = (options.cache or Path(temporary) / "cache").absolute()
        for number, mutant in enumerate(chosen, 1):
            name = f"{mutant.file}: {mutant.says}"
            if name in known:
                rows.append(known[name])
                continue
            before, began = mutant.plant(copy), time.monotonic()
            try:
                status, killer = run(copy, cache, mutant.tests, mutant.environment)
            finally:
                (copy / mutant.file).write_text(before)
            if status == NONE_RAN:
                raise SystemExit(f"{' '.join(mutant.tests)} holds no test")
            verdict = {PASSED: "survived", HUNG: "hung"}.get(status, "killed")
            rows.append({"verdict": verdict, "says": mutant.says, "file": mutant.file, "killer": killer,
                         "seconds": round(time.monotonic() - began, 1), "survives": mutant.survives})  # fmt: skip
            print(f"{number:3} {verdict:8} {mutant.file}: {mutant.says}  {killer or mutant.survives}", flush=True)
            known[name] = rows[-1]
            if options.out:
                table = {"sources": sources, "mutants": list(known.values())}
                options.out.write_text(json.dumps(table, indent=2) + "\n")
        for environment in dict.fromkeys(one.environment for one in chosen):
            mine = [row for row, one in zip(rows, chosen, strict=True) if one.environment == environment]
            killers = tuple(dict.fromkeys(row["killer"].split(" ", 1)[1] for row in mine if " tests/" in row["killer"]))
            status, failed = run(copy, cache, killers, environment) if killers else (PASSED, "")
            if status != PASSED:
                print(f"without a mutant too, this test fails: {failed or status}")
                return 1
    others = [row for row in rows if row["verdict"] != "killed"]
    print(f"{len(rows) - len(others)} of {len(rows)} killed, {sum(row['verdict'] == 'hung' for row in others)} hung")
    return int(any(not row["survives"] for row in others))


if __name__ == "__main__":
    sys.exit(main())
