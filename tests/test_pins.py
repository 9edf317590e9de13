# SPDX-License-Identifier: Apache-2.0
"""Every pin has the digests of its files, and set-up installs by these lists alone."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETUP = (ROOT / "scripts/setup.sh").read_text()
HASHES = sorted((ROOT / "requirements/hashes").glob("*.txt"))


def test_every_pin_has_digests_and_no_other_has() -> None:
    done = subprocess.run([sys.executable, "scripts/pin.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_changed_pin_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = spec_from_file_location("pin", ROOT / "scripts/pin.py")
    assert spec is not None and spec.loader is not None
    pin = module_from_spec(spec)
    spec.loader.exec_module(pin)
    (tmp_path / "hashes").mkdir()
    (tmp_path / "a.txt").write_text("numpy==2.4.7  # used\nonnx==1.21.0\n")
    digest = f"sha256:{'0' * 64}"
    (tmp_path / "hashes/a.txt").write_text(pin.entry("numpy", "2.4.6", [digest]) + "onnx==1.21.0\n")
    monkeypatch.setattr(pin, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(pin, "HASHES", tmp_path / "hashes")
    assert pin.lacking() == ["a.txt: numpy==2.4.7", "hashes/a.txt: onnx==1.21.0"]


@pytest.mark.parametrize("path", HASHES, ids=lambda path: path.name)
def test_a_list_holds_pins_and_digests_and_names_no_index(path: Path) -> None:
    for line in path.read_text().splitlines():
        allowed = r"(#.*|[\w.-]+==[\w.]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?)"
        assert re.fullmatch(allowed, line) and "://" not in line, line


def test_set_up_takes_nothing_unpinned() -> None:
    """What is not among the lists of `packages` is torch, where its build is asked for, and the project itself."""
    calls = re.findall(r'^ *(?:install|"\$\{pip\[@\]\}" (?:install|download)) (.*)$', SETUP, re.MULTILINE)
    own = [call for call in calls if "${wanted[@]}" not in call and "${nodeps[@]}" not in call]
    unchecked = [
        call for call in own if "--require-hashes" not in call and not call.startswith(('"$@"', "--no-deps --only"))
    ]
    assert unchecked == [
        '--no-deps "$torch+cpu"',
        '"$torch"',
        "--no-deps --no-build-isolation --editable ./board --editable .",
    ]
    assert "echo --require-hashes" in SETUP
