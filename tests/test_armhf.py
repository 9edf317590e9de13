# SPDX-License-Identifier: Apache-2.0
"""The scripts that run the board's side on 32-bit ARM: they name what is missing, count the same each time, find a row
that differs, and look at the page that they measure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from packages import faces, write_package

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts/armhf"


def python(script: str, *words: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def bash(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euc", f"cd {ROOT}; source scripts/armhf/root.sh; {code}", "bash", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def counting() -> None:
    """A root that `scripts/test.sh --armhf` made, and a qemu that counts."""
    if lacks := bash("armhf_counter_lacks").stdout.strip():
        pytest.skip(lacks)
    if bash("armhf_find").returncode:
        pytest.skip("needs the armhf root, which scripts/test.sh --armhf makes")


@pytest.mark.parametrize("script", ["scripts/armhf/tests.sh", "scripts/instructions.sh"])
def test_where_qemu_is_missing_the_scripts_say_so(script: str, tmp_path: Path) -> None:
    for name in ("bash", "dirname", "id"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run([ROOT / script], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 3
    assert "needs root privileges" in done.stderr or "needs qemu-arm-static" in done.stderr


@pytest.mark.usefixtures("counting")
def test_the_same_program_takes_the_same_instructions_each_time(tmp_path: Path) -> None:
    program = (
        "import mmap; file = open('/share/counts', 'rb'); counter = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ);"
        "read = lambda: int.from_bytes(counter[:8], 'little');"
        "taken = lambda n: -read() + (sum(range(n)), read())[1]; taken(9); print(taken(1000), taken(21000))"
    )
    code = 'armhf_make; armhf_counter $1; for run in 1 2; do armhf_counted $1 counts -c "$2"; done'
    done = bash(code, str(tmp_path), program)
    assert done.returncode == 0, done.stderr
    one, other = (list(map(int, line.split())) for line in done.stdout.splitlines())
    assert one == other
    assert 20_000 * 10 < one[1] - one[0] < 20_000 * 500  # of a loop in C over Python's integers


def test_a_row_that_differs_or_lacks_is_found(tmp_path: Path) -> None:
    row = {"frame": 3, "status": "ok", "face_id": 0, "box": [1, 2, 3], "emotion": "fear"}
    rows = [{**row, "action_units": {"AU1": {"accumulator": number}}} for number in (5, 6)]

    def differs(other: list[dict[str, object]]) -> tuple[int, str]:
        for folder, found, executor in (("x86", rows, "numpy"), ("armhf", other, "fpga")):
            (tmp_path / folder).mkdir(exist_ok=True)
            lines = "".join(json.dumps(one) + "\n" for one in found)
            (tmp_path / folder / f"tiny {executor} faces.npy.jsonl").write_text(lines)
        done = python("compare.py", "equal", tmp_path / "x86", tmp_path / "armhf")
        return done.returncode, done.stdout.splitlines()[-1]

    assert differs(rows) == (0, "armhf: 0 rows differ, 2 accumulators compared")
    assert differs([rows[0], {**rows[1], "action_units": {"AU1": {"accumulator": 7}}}])[0] == 1
    assert differs(rows[:1])[0] == 1


def test_the_page_whose_memory_is_measured_is_looked_at(tmp_path: Path) -> None:
    write_package(tmp_path / "deploy")
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 60.0, (48, 48))
    for face in faces(20):
        writer.write(face)
    writer.release()
    run = [sys.executable, SCRIPTS / "live.py", "live.json", "clip.avi", "--loop"]
    viewer = (sys.executable, SCRIPTS / "viewer.py", ".", "yes")
    watched = python("memory.py", "memory.json", *viewer, *run, folder=tmp_path)
    assert watched.returncode == 0, watched.stderr
    found = json.loads((tmp_path / "live.json").read_text())
    assert found["frames"] == 48 and found["pictures"] > 0
    assert json.loads((tmp_path / "memory.json").read_text())["qemu_mb"] > 10
    alone = python("viewer.py", ".", "no", *run, folder=tmp_path)
    assert alone.returncode == 0 and json.loads((tmp_path / "live.json").read_text())["pictures"] == 0
