# SPDX-License-Identifier: Apache-2.0
"""Which room may import which: a table of all arrows, without a cycle; and nothing of the host's in board."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import tomllib

ROOT = Path(__file__).parents[1]
PACKAGES = ("board", "qnn", "hls_build")


def table() -> dict[str, tuple[str, ...]]:
    """arrows.toml: every room with the rooms that it may import."""
    content = tomllib.loads((ROOT / "tests" / "arrows.toml").read_text())
    return {
        f"{package}.{name}": tuple(
            sorted(f"{target}.{other}" for target, others in arrows.items() for other in others.split())
        )
        for package, rooms in content.items()
        for name, arrows in rooms.items()
    }


ARROWS = table()


def files() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str, path: Path, known: Iterable[str]) -> Iterator[str]:
    """Modules of ours that one module imports anywhere in its file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                if f"{node.module}.{alias.name}" in known:
                    yield f"{node.module}.{alias.name}"
                elif node.module in known:
                    yield node.module


def test_every_import_of_ours_is_there() -> None:
    """Mypy lets an import of a missing module pass, since it passes those of packages without types."""
    known = files()
    missing = []
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
                missing += [f"{name}: {node.module}"] * (node.module not in known)
    assert missing == []


def room(name: str) -> str:
    """The room of a module: board.core of board.core.facs, board.detector of itself."""
    return ".".join(name.split(".")[:2])


def module_arrows() -> dict[str, set[str]]:
    """Every module with the modules that it imports."""
    known = files()
    return {name: set(imports(name, path, known)) - {name} for name, path in known.items()}


def room_arrows() -> dict[str, set[str]]:
    """Every room with the rooms that it imports; the packages' own __init__ belong to none."""
    found: dict[str, set[str]] = {}
    for name, targets in module_arrows().items():
        if name not in PACKAGES:
            rooms = {room(target) for target in targets if target not in PACKAGES}
            found.setdefault(room(name), set()).update(rooms - {room(name)})
    return found


def cycle(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """One cycle, empty where there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_table_is_what_the_code_imports() -> None:
    assert {name: tuple(sorted(targets)) for name, targets in sorted(room_arrows().items())} == ARROWS


def test_rooms_have_no_cycle() -> None:
    assert cycle(ARROWS) == []


def test_modules_have_no_cycle() -> None:
    assert cycle(module_arrows()) == []


def test_board_imports_only_board() -> None:
    inside = {target for name, targets in ARROWS.items() if name.startswith("board.") for target in targets}
    assert [target for target in inside if not target.startswith("board.")] == []


def test_core_is_at_the_bottom() -> None:
    assert ARROWS["board.core"] == ()


def test_qnn_imports_nothing_of_the_compiler() -> None:
    inside = {target for name, targets in ARROWS.items() if name.startswith("qnn.") for target in targets}
    assert [target for target in inside if target.startswith("hls_build.")] == []


WITHOUT_QNN = (
    "config", "cost", "lowering", "dataflow", "kernels", "finn_settings", "finn_adapter", "compiler", "estimate", "rtl",
    "simulation", "folding", "timing", "yosys", "vivado", "build_folder",
)  # fmt: skip
"""Rooms of the compiler that serve any network."""


def test_the_compiler_proper_knows_no_network() -> None:
    inside = {(name, target) for name in WITHOUT_QNN for target in ARROWS.get(f"hls_build.{name}", ())}
    assert [arrow for arrow in inside if arrow[1].startswith("qnn.")] == []


def test_an_arrow_in_a_function_and_one_for_types_count(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from board.core import facs\n"
        "def later() -> None:\n    import qnn.network.model\n"
    )
    known = {"board.core.facs", "qnn.network.model"}
    assert set(imports("sample", path, known)) == known
    assert cycle({"a": ["b"], "b": ["a"]}) != []


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
        ("board", ("board.txt", "board-nodeps.txt")),
        ("qnn", ("host.txt", "label-nodeps.txt")),
        ("hls_build", ("host.txt", "host-nodeps.txt", "cluster.txt")),
        ("tests", ("host.txt", "host-nodeps.txt", "board-nodeps.txt", "dev.txt", "cluster.txt")),
    ],
)
def test_what_is_imported_is_pinned(package: str, files: tuple[str, ...]) -> None:
    assert imported(package) - pinned(*files) == set()
