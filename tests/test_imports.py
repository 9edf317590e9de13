# SPDX-License-Identifier: Apache-2.0
"""Imports flow one way: board needs nothing of the host's, qnn nothing of the compiler's."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOST_ONLY = (
    "torch", "brevitas", "finn", "qonnx", "onnx", "onnxruntime", "onnxscript", "safetensors",
    "skimage", "scipy", "matplotlib", "pydantic", "PIL", "yaml", "qnn", "hls_build",
)  # fmt: skip

IMPORT_WITHOUT = """
import importlib, sys
blocked = set(sys.argv[1].split(","))

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(f"{module} imports {name}")

sys.meta_path.insert(0, Refuse())
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


def modules(package: str) -> list[str]:
    """Every module of a package, by its dotted name."""
    found = pkgutil.walk_packages([str(ROOT / package)], prefix=f"{package}.")
    return [package, *(module.name for module in found)]


def import_without(blocked: tuple[str, ...], names: list[str]) -> None:
    """Import modules in a fresh interpreter that refuses some packages."""
    command = [sys.executable, "-c", IMPORT_WITHOUT, ",".join(blocked), *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]


def test_board_needs_nothing_of_the_host() -> None:
    import_without(HOST_ONLY, modules("board"))


def test_qnn_needs_nothing_of_the_compiler() -> None:
    import_without(("hls_build", "finn"), modules("qnn"))


def test_a_forbidden_import_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"qnn\.facs imports numpy"):
        import_without(("numpy",), ["qnn.facs"])
