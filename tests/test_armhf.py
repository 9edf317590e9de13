# SPDX-License-Identifier: Apache-2.0
"""The scripts that run the board's side on 32-bit ARM: what is missing is named, and a count is the same each time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def bash(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euc", f"cd {ROOT}; source scripts/armhf/root.sh; {code}", "bash", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def counting() -> None:
    """A root that `scripts/test.sh --armhf` made, and a qemu that counts."""
    if lacks := bash("armhf_counter_lacks").stdout.strip():
        pytest.skip(lacks)
    if not bash('debootstrap() { false; }; armhf_make >/dev/null 2>&1 && echo "$armhf_root"').stdout:
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
