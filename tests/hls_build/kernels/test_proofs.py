# SPDX-License-Identifier: Apache-2.0
"""Every kernel's properties hold at every parameter set, without bound; mistakes planted in the kernels break them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutants import ROOT, Mutant, mutants
from proof_cases import FAST, PROOFS
from prover import PROPERTIES, Proof, killed, prove, search

from hls_build.kernels import KERNELS

pytestmark = pytest.mark.yosys

TIMEOUT_S, SLOW_TIMEOUT_S = 120, 1800
CYCLES, SLOW_CYCLES = 8, 24
MUTANTS = mutants(PROPERTIES / "mutants.toml")
SAMPLE = [MUTANTS[0], MUTANTS[24], MUTANTS[-1]]
TRIED = ("dsp_mvu", "lut_mvu", "pumped_mvu")
"""Kernels without proofs: every weight by every activation, of a small size or a slice, is tried in their own tests.
The prover has one clock, and the last of them two."""
MODULES = ("skid_buffer", *(kernel.name for kernel in KERNELS if kernel.name not in TRIED))


def label(case: Proof | Mutant) -> str:
    """Name of a case."""
    return case.label if isinstance(case, Proof) else f"{Path(case.file).stem}: {case.says}"


def survival(mutant: Mutant) -> str:
    """Empty, or that a mutant is refuted though it should not be, or the other way round."""
    found = killed(mutant, FAST, TIMEOUT_S)
    if found and mutant.survives:
        return f"{found[0].label} refutes what should be as right as the kernel: {found[1]}"
    return "" if found or mutant.survives else "no proof refutes it"


@pytest.mark.abc
@pytest.mark.parametrize("proof", FAST, ids=label)
def test_it_is_proved(proof: Proof) -> None:
    verdict = prove(proof, TIMEOUT_S)
    assert verdict.outcome == "proved", str(verdict)


@pytest.mark.slow
@pytest.mark.abc
@pytest.mark.parametrize("proof", [proof for proof in PROOFS if proof.slow], ids=label)
def test_it_is_proved_at_a_larger_size(proof: Proof) -> None:
    verdict = prove(proof, SLOW_TIMEOUT_S)
    assert verdict.outcome == "proved", str(verdict)


@pytest.mark.yices
@pytest.mark.parametrize("proof", FAST[:4], ids=label)
def test_a_second_solver_finds_no_counterexample(proof: Proof) -> None:
    verdict = search(proof, CYCLES)
    assert verdict.outcome == "held", str(verdict)


@pytest.mark.slow
@pytest.mark.yices
@pytest.mark.parametrize("proof", FAST, ids=label)
def test_a_second_solver_finds_no_longer_counterexample(proof: Proof) -> None:
    verdict = search(proof, SLOW_CYCLES)
    assert verdict.outcome == "held", str(verdict)


@pytest.mark.yices
def test_a_second_solver_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "skid_buffer.sv").write_text(
        (ROOT / MUTANTS[0].file).read_text().replace(MUTANTS[0].old, MUTANTS[0].new)
    )
    verdict = search(FAST[0], CYCLES, tmp_path)
    assert (verdict.outcome, verdict.rule) == ("refuted", "overflow")


@pytest.mark.abc
@pytest.mark.parametrize("mutant", SAMPLE, ids=label)
def test_a_mistake_is_refuted(mutant: Mutant) -> None:
    assert not survival(mutant)


@pytest.mark.slow
@pytest.mark.abc
@pytest.mark.parametrize("mutant", MUTANTS, ids=label)
def test_every_mistake_is_refuted_or_none(mutant: Mutant) -> None:
    assert not survival(mutant)


@pytest.mark.parametrize("mutant", MUTANTS, ids=label)
def test_a_mutant_can_be_planted(mutant: Mutant, tmp_path: Path) -> None:
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    copy.write_text((ROOT / mutant.file).read_text())
    assert mutant.plant(tmp_path) != copy.read_text()


@pytest.mark.parametrize("module", MODULES)
def test_every_kernel_has_proofs(module: str) -> None:
    mine = [proof for proof in FAST if proof.module == module]
    assert len(mine) >= 2
    assert {"unstable", "wrong", "overflow", "stuck_out", "stuck_in"} <= set(mine[0].rules)


def test_few_mutants_survive() -> None:
    assert len(MUTANTS) >= 30 and sum(bool(mutant.survives) for mutant in MUTANTS) <= 3
    assert {Path(mutant.file).stem for mutant in MUTANTS} <= set(MODULES)


def test_the_page_has_every_proof() -> None:
    page = (ROOT / "docs/proofs.md").read_text()
    for proof in PROOFS:
        assert f"| `{proof.label}` |" in page, "write the page anew: scripts/prove.sh --page"
