# SPDX-License-Identifier: Apache-2.0
"""Imports flow one way: board needs nothing of the host's, qnn nothing of the compiler's."""

import ast
import pkgutil
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOST_ONLY = (
    "torch", "brevitas", "finn", "qonnx", "onnx", "onnxruntime", "onnxscript", "safetensors",
    "skimage", "scipy", "matplotlib", "pydantic", "PIL", "yaml", "qnn", "hls_build",
)  # fmt: skip

OPTIONAL = {"board": {"onnxruntime", "rich", "rich_argparse", "argcomplete"}}
"""Imported where they are found; nothing else depends on them."""

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
    with pytest.raises(AssertionError, match=r"board\.core\.facs imports numpy"):
        import_without(("numpy",), ["board.core.facs"])


def pinned(*files: str) -> set[str]:
    """Names of the packages that requirement files pin, in lower case with hyphens."""
    lines = "\n".join((ROOT / "requirements" / file).read_text() for file in files).splitlines()
    return {normal(line.partition("==")[0]) for line in lines if re.match(r"[\w.-]+==[\w.]+( |$)", line)}


def normal(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(package: str) -> set[str]:
    """Names of the installed distributions that a package's files import."""
    names = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    outside = (
        names - set(sys.stdlib_module_names) - {"auflow", "board", "qnn", "hls_build"} - OPTIONAL.get(package, set())
    )
    owners = packages_distributions()
    return {normal(owners[name][0]) for name in outside if name in owners}


@pytest.mark.parametrize(
    ("package", "files"),
    [
        ("board", ("board.txt",)),
        ("qnn", ("host.txt",)),
        ("hls_build", ("host.txt", "host-nodeps.txt")),
        ("tests", ("host.txt", "host-nodeps.txt", "dev.txt")),
    ],
)
def test_what_is_imported_is_pinned(package: str, files: tuple[str, ...]) -> None:
    assert imported(package) - pinned(*files) == set()
