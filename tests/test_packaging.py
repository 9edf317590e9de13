# SPDX-License-Identifier: Apache-2.0
"""Two distributions: `auflow-board` holds package board and the script, `auflow` adds qnn and hls_build."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import board
from board.cli.program import missing

ROOT = Path(__file__).parents[1]
PACKAGES = ("board", "qnn", "hls_build")
WITHOUT = """
import sys
blocked = sys.argv.pop(1)

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
from board.cli.program import program
program()
"""
"""Runs `auflow` where a package, its first argument, is not installed."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, built from a copy: setuptools leaves files beside what it builds."""
    place = tmp_path_factory.mktemp("wheels")
    source = place / "source"
    ignore = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for package in PACKAGES:
        # hls_build/build is a package of ours
        shutil.copytree(ROOT / package, source / package, ignore=None if package == "hls_build" else ignore)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copyfile(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(place), "./board", "."], cwd=source, check=True, capture_output=True)
    return {path.name.partition("-")[0]: path for path in place.glob("*.whl")}


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, as pip installs them."""
    out = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(out)]
    subprocess.run([*command, *map(str, wheels.values())], check=True, capture_output=True)
    return out


def auflow(installed: Path, *arguments: str, without: str = "nothing") -> subprocess.CompletedProcess[str]:
    """Run the installed `auflow`, away from this repository."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, without, *arguments],
        cwd=installed, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def member(wheel: Path, name: str) -> str:
    """A file of a wheel's .dist-info."""
    with ZipFile(wheel) as packed:
        (path,) = (path for path in packed.namelist() if re.fullmatch(rf"[^/]+\.dist-info/{name}", path))
        return packed.read(path).decode()


def record(wheel: Path) -> set[str]:
    """All files that a wheel installs."""
    return {row[0] for row in csv.reader(member(wheel, "RECORD").splitlines())}


def metadata(wheel: Path) -> Message:
    return Parser().parsestr(member(wheel, "METADATA"))


def requirements(wheel: Path) -> dict[str, Requirement]:
    """What a wheel needs in any case, by name."""
    found = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist") or []]
    return {canonicalize_name(one.name): one for one in found if one.marker is None}


def test_no_file_is_installed_by_both(wheels: dict[str, Path]) -> None:
    assert wheels.keys() == {"auflow", "auflow_board"}
    assert record(wheels["auflow"]) & record(wheels["auflow_board"]) == set()


def test_one_of_them_has_the_script(wheels: dict[str, Path]) -> None:
    scripts = [name for name, wheel in wheels.items() if "[console_scripts]" in member(wheel, "entry_points.txt")]
    assert scripts == ["auflow_board"]


def test_every_file_of_the_packages_is_in_a_wheel(wheels: dict[str, Path]) -> None:
    installed = record(wheels["auflow"]) | record(wheels["auflow_board"])
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    ours = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {path for path in ours if ".egg-info/" not in path} - installed == set()


def test_the_version_is_the_same_and_binds_them(wheels: dict[str, Path]) -> None:
    assert [metadata(wheel)["Version"] for wheel in wheels.values()] == [board.__version__] * 2
    assert str(requirements(wheels["auflow"])["auflow-board"].specifier) == f"=={board.__version__}"


def test_the_oldest_python_is_the_one_that_works(wheels: dict[str, Path]) -> None:
    oldest = {name: SpecifierSet(metadata(wheel)["Requires-Python"]) for name, wheel in wheels.items()}
    assert "3.10" in oldest["auflow_board"]  # the image's
    assert "3.10" not in oldest["auflow"] and "3.11" in oldest["auflow"]  # tomllib


def test_the_host_needs_what_it_imports_at_versions_that_are_tested(wheels: dict[str, Path]) -> None:
    direct = (ROOT / "requirements/host.txt").read_text().partition("# needed by those above")[0]
    pins = {canonicalize_name(name): pin for name, pin in re.findall(r"^([\w.-]+)==([\w.]+)", direct, re.MULTILINE)}
    needs = requirements(wheels["auflow"])
    assert needs.keys() - {"auflow-board"} == pins.keys()
    assert {str(needs[name]): pin for name, pin in pins.items() if pin not in needs[name].specifier} == {}


def test_what_is_optional_is_an_extra_at_versions_that_are_tested(wheels: dict[str, Path]) -> None:
    lines = [Requirement(line) for line in metadata(wheels["auflow"]).get_all("Requires-Dist") or []]
    extra = {one.name: one.specifier for one in lines if one.marker is not None}
    direct = (ROOT / "requirements/cluster.txt").read_text().partition("# needed by those above")[0]
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", direct, re.MULTILINE))
    assert metadata(wheels["auflow"]).get_all("Provides-Extra") == ["cluster"] and extra.keys() == pins.keys()
    assert all(pin in extra[name] for name, pin in pins.items())


def test_an_installed_pair_starts(installed: Path) -> None:
    helped = auflow(installed, "--help")
    assert helped.returncode == 0, helped.stderr
    assert all(command in helped.stdout for command in ("train", "export", "build", "fold", "detect"))
    assert auflow(installed, "--version").stdout == f"auflow {board.__version__}\n"


def test_the_script_is_installed(installed: Path) -> None:
    script = installed / "bin" / "auflow"
    done = subprocess.run([sys.executable, str(script), "--version"], env={"PYTHONPATH": str(installed)},
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout == f"auflow {board.__version__}\n"


@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        ("finn", "pip install --no-deps --requirement requirements/host-nodeps.txt"),
        ("torch", "pip install --requirement requirements/host.txt"),
    ],
)
def test_a_missing_package_is_one_sentence(installed: Path, tmp_path: Path, package: str, remedy: str) -> None:
    done = auflow(installed, "build", "--out", str(tmp_path / "out"), without=package)
    assert done.returncode == 1
    assert done.stderr == (
        f"auflow: this needs the Python package {package}, which is not installed: in AUFlow's repository run"
        f" `{remedy}`\n"
    )


def test_help_needs_neither_finn_nor_torch(installed: Path) -> None:
    for package in ("finn", "torch"):
        assert auflow(installed, "--help", without=package).returncode == 0, package


def test_the_boards_distribution_alone_names_its_extra(wheels: dict[str, Path], tmp_path: Path) -> None:
    with ZipFile(wheels["auflow_board"]) as packed:
        packed.extractall(tmp_path)
    command = [sys.executable, "-S", "-c", WITHOUT, "nothing", "detect", "photo.jpg"]  # -S: no numpy either
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "auflow: this needs the Python package numpy, which is not installed: run `pip install 'auflow-board[pc]'`;"
        " a PYNQ image has it\n"
    )


def test_a_module_of_ours_that_is_missing_is_no_matter_of_installation() -> None:
    with pytest.raises(ModuleNotFoundError):
        missing(ModuleNotFoundError(name="hls_build.nowhere"), on_host=True)


def test_the_board_lists_all_its_packages() -> None:
    project = tomllib.loads((ROOT / "board/pyproject.toml").read_text())
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "board").rglob("__init__.py")}
    assert set(project["tool"]["setuptools"]["packages"]) == packages
