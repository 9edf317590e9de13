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
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
import tomllib

from hls_build.build import package

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHECKPOINTS = ROOT / "qnn" / "checkpoints"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", *CHECKPOINTS.glob("[A-Z]*.md")])
HOW_TO = sorted(DOCS.glob("add-a-*.md"))
BESIDES = {
    "extra.css", "chain.svg", "cost_w4a4.png", "detect.jpg", "draw.py", "rooms_board.svg", "rooms_hls_build.svg",
    "rooms_qnn.svg",
}  # fmt: skip
"""All that docs may hold besides pages: drawings, plots, and the public-domain example picture."""
PYTEST = ("--durations=10",)
"""Options of other programs that pages name by themselves."""
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
    assert wrong_commands([*lines, *CODE.findall(prose(page))]) == []


def test_commands_of_a_deployments_readme_exist() -> None:
    commands = [command for line in package.README.splitlines() for command in re.split(r" && | ; |: ", line)]
    assert wrong_commands(commands) == []
    assert len([command for command in commands if command.startswith("auflow ")]) == 4


def wrong_commands(lines: Iterable[str]) -> list[str]:
    """Commands of `auflow` in some lines that are none, and options that they do not have."""
    wrong = []
    for line in lines:
        found = re.search(r"(?:^|/| -[mE] )(?:auflow|board) ((?:data )?[a-z]+)\b(.*)", line.partition("    #")[0])
        if found is None or found[1] == "is":
            continue
        known = help_of(found[1])
        if known is None:
            wrong.append(f"{found[1]}: no such command")
        else:
            options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", found[2])
            wrong += [f"{found[1]} {option}" for option in options if option not in known]
    return wrong


@each_page
def test_options_without_a_command_exist(page: Path) -> None:
    """`--resume` by itself is an option of a command of `auflow`, or of a script."""
    scripts = "".join(path.read_text() for path in (ROOT / "scripts").glob("*.sh"))
    named = {code.split()[0] for code in CODE.findall(prose(page)) if code.startswith("--")}
    known = {option for command in all_commands() for option in help_of(command) or ()}
    assert [option for option in sorted(named - known) if option not in scripts and option not in PYTEST] == []


@cache
def all_commands() -> tuple[str, ...]:
    """All of `auflow`, by their names in its help."""
    done = subprocess.run(
        [sys.executable, "-m", "hls_build.cli.main", "--help"],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200", "TERM": "dumb"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", done.stdout, re.MULTILINE))


@cache
def help_of(command: str) -> set[str] | None:
    """Options of a command of `auflow`, None where there is none of this name."""
    done = subprocess.run(
        [sys.executable, "-m", "hls_build.cli.main", *command.split(), "--help"],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200", "TERM": "dumb"}, capture_output=True, text=True,
    )  # fmt: skip
    return None if done.returncode else set(re.findall(r"--[a-z][a-z-]*", done.stdout))


def test_the_architecture_lists_every_room_with_its_arrows() -> None:
    """Rooms, and what they import of other packages, as tests/arrows.toml says and the code does."""
    listed = {}
    text = (DOCS / "architecture.md").read_text()
    for path, cells in re.findall(r"^\| `((?:board|qnn|hls_build)/\w+(?:\.py)?)` \|[^|]+\|(.*)$", text, re.MULTILINE):
        owner, _, room = path.removesuffix(".py").partition("/")
        others = [cell.strip() for cell in cells.split("|")[:-1]]
        listed[owner, room] = [set() if cell == "–" else set(cell.split(", ")) for cell in others]
    table = tomllib.loads((ROOT / "tests" / "arrows.toml").read_text())
    of = {"board": (), "qnn": ("board",), "hls_build": ("board", "qnn")}
    assert listed == {
        (owner, room): [set(arrows.get(other, "").split()) for other in of[owner]]
        for owner, rooms in table.items()
        for room, arrows in rooms.items()
    }


@pytest.mark.parametrize("page", [page for page in PAGES if page not in HOW_TO], ids=lambda page: page.stem)
def test_listings_of_files_are_theirs(page: Path) -> None:
    """How-to pages alone show files that are to be written."""
    titled = [(title, body) for _, title, body in FENCE.findall(page.read_text()) if title and (ROOT / title).exists()]
    assert [title for title, body in titled if body not in (ROOT / title).read_text()] == []


@pytest.mark.verilator
@pytest.mark.parametrize("page", ["index.md", "finn-engine.md"])
def test_python_of_a_page_runs(page: str, tmp_path: Path) -> None:
    if page == "index.md":  # which opens what a build left
        package.write_software(CHECKPOINTS / "tiny.safetensors", tmp_path / "build" / "pynq-z2_w4a4" / "deploy")
    listings = [
        body for kind, title, body in FENCE.findall((DOCS / page).read_text()) if kind == "python" and not title
    ]
    assert listings
    given = "from qnn.data.example import example_picture\npicture = example_picture()\n"
    done = subprocess.run(
        [sys.executable, "-c", given + "\n".join(listings)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_drawings_are_what_the_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("draw", DOCS / "images" / "draw.py")
    assert spec is not None and spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    for name, drawn in draw.DRAWN.items():
        assert (DOCS / "images" / name).read_text() == drawn(), f"run docs/images/draw.py: {name} is another"


def test_images_are_those_that_may_be_shown() -> None:
    assert {path.name for path in DOCS.rglob("*") if path.is_file() and path.suffix != ".md"} == BESIDES


def test_the_readme_fits_on_a_screen_and_a_half() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if not line.startswith("![")]
    assert len(lines) <= 75 and max(map(len, lines)) <= 100


ADDED = {
    "add-a-board": {"hls_build/config/boards/Zybo-Z7-20.toml"},
    "add-a-dataset": {"qnn/data/datasets/emofolders.py", "tests/qnn/data/datasets/test_emofolders.py"},
    "add-a-kernel": {
        "board/core/layers/magnitude.py", "hls_build/kernels/magnitude", "tests/hls_build/kernels/test_magnitude.py",
        "tests/hls_build/kernels/properties/magnitude.sv",
    },
    "add-a-preset": {"qnn/network/presets.toml"},
}  # fmt: skip
"""What each how-to page adds or edits: a file, a folder, and a test."""


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_little_is_added(page: Path) -> None:
    files = [title for _, title, _ in FENCE.findall(page.read_text()) if title]
    folders = {Path(file).parent.as_posix() for file in files if not (ROOT / file).parent.exists()}
    assert folders | {file for file in files if Path(file).parent.as_posix() not in folders} == ADDED[page.stem]


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
