# SPDX-License-Identifier: Apache-2.0
"""The pages say what is there: links, paths, names of code, commands with options, and the steps of how-to pages."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))])
HOW_TO = sorted(DOCS.glob("add-a-*.md"))
IMAGES = {"chain.svg", "cost_w4a4.png", "detect.jpg", "draw.py", "rooms.svg"}
"""All that docs/images may hold: drawings, plots, and the public-domain example picture."""
TOP = ("board", "qnn", "hls_build", "tests", "scripts", "docs", "requirements")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[\w.-]+)?\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """A page without its listings."""
    return FENCE.sub("", page.read_text())


def made(page: Path) -> set[str]:
    """Files that a how-to page tells to write, and their folders."""
    files = {Path(title) for _, title, _ in FENCE.findall(page.read_text()) if title}
    return {path.as_posix() for file in files for path in (file, *file.parents)}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """mkdocs checks links between its pages; this also holds for those of the repository's own files."""
    broken = [link for link in LINK.findall(prose(page)) if not (page.parent / link).exists()]
    assert broken == []


@each_page
def test_paths_exist(page: Path) -> None:
    named = {code for code in CODE.findall(prose(page)) if re.fullmatch(rf"({'|'.join(TOP)})/[\w./-]*", code)}
    assert [path for path in sorted(named - made(page)) if not (ROOT / path).exists()] == []


@each_page
def test_names_of_code_exist(page: Path) -> None:
    """In prose, in listings and where the API reference asks for them."""
    names = {code for code in CODE.findall(prose(page)) if re.fullmatch(r"(board|qnn|hls_build)(\.\w+)+", code)}
    names |= set(re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE))
    files = ("md", "toml", "txt", "py", "sh", "sv")
    assert [name for name in sorted(names) if name.rpartition(".")[2] not in files and not is_defined(name)] == []


def is_defined(name: str) -> bool:
    """Whether a dotted name is a module of ours, or what a module or a class in it defines."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.is_file():
            return has(ast.parse(file.read_text()).body, parts[length:])
    return False


def has(body: list[ast.stmt], names: list[str]) -> bool:
    """Whether a module's or class's body defines a name, and in it the next."""
    if not names:
        return True
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == names[0]:
            return has(node.body, names[1:]) if isinstance(node, ast.ClassDef) else len(names) == 1
        if isinstance(node, ast.ImportFrom) and names[0] in {alias.asname or alias.name for alias in node.names}:
            return True
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == names[0] for target in targets):
            return len(names) == 1
    return False


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    text = page.read_text()
    lines = [line for _, title, body in FENCE.findall(text) if not title for line in body.splitlines()]
    wrong = []
    for line in [*lines, *CODE.findall(prose(page))]:
        found = re.search(r"(?:^|/| -[mE] )(?:auflow|board) ((?:data )?[a-z]+)\b(.*)", line.partition("    #")[0])
        if found is None or found[1] == "is":
            continue
        known = help_of(found[1])
        if known is None:
            wrong.append(f"{found[1]}: no such command")
        else:
            options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", found[2])
            wrong += [f"{found[1]} {option}" for option in options if option not in known]
    assert wrong == []


@cache
def help_of(command: str) -> set[str] | None:
    """Options of a command of `auflow`, None where there is none of this name."""
    done = subprocess.run(
        [sys.executable, "-m", "hls_build.cli.main", *command.split(), "--help"],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200", "TERM": "dumb"}, capture_output=True, text=True,
    )  # fmt: skip
    return None if done.returncode else set(re.findall(r"--[a-z][a-z-]*", done.stdout))


def test_every_room_is_in_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text()
    rooms = [
        init.parent.relative_to(ROOT).as_posix()
        for package in ("board", "qnn", "hls_build")
        for init in (ROOT / package).glob("*/__init__.py")
    ]
    assert [room for room in rooms if f"`{room}`" not in text] == []


def test_drawings_are_what_the_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("draw", DOCS / "images" / "draw.py")
    assert spec is not None and spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    for name, drawn in draw.DRAWN.items():
        assert (DOCS / "images" / name).read_text() == drawn(), f"run docs/images/draw.py: {name} is another"


def test_images_are_those_that_may_be_shown() -> None:
    assert {path.name for path in DOCS.rglob("*") if path.is_file() and path.suffix != ".md"} == IMAGES


def test_the_readme_fits_on_a_screen_and_a_half() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 75


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.yosys
@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_page_can_be_followed(page: Path, tmp_path: Path) -> None:
    """Write its files into a copy of the repository, and run the commands that check them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    commands = []
    for language, title, body in FENCE.findall(page.read_text()):
        if title:
            (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
            with (tmp_path / title).open("a") as file:  # a listing of a file that is there goes on with it
                file.write(body)
        elif language == "sh":
            commands += body.splitlines()
    assert commands
    binaries = Path(sys.executable).parent
    for command in commands:
        command = command.replace(".venv/bin/auflow", ".venv/bin/python -m hls_build.cli.main")
        command = command.replace(".venv/bin/", f"{binaries}/")
        done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
