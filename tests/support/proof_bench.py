# SPDX-License-Identifier: Apache-2.0
"""Prove the kernels' properties and plant their mutants, as tables: see scripts/prove.sh."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutants import ROOT, mutants
from proof_cases import FAST, PROOFS
from prover import PROPERTIES, Proof, killed, prove, search, solver

PAGE = ROOT / "docs" / "proofs.md"
TIMEOUT_S = 600
CYCLES = 12
HEAD = "| module and parameters | bits of state | AND gates | PDR | CPU s | Yices |\n|---|---|---|---|---|---|\n"
_TABLE = re.compile(r"^\| module and parameters .*?\n(?!\|)", re.MULTILINE | re.DOTALL)


def rows(proofs: list[Proof]) -> Iterator[dict[str, Any]]:
    """A row for each proof, as it is done."""
    for proof in proofs:
        verdict = prove(proof, TIMEOUT_S)
        yield {
            "proof": proof.label,
            "registers": verdict.registers,
            "gates": verdict.gates,
            "verdict": str(verdict),
            "cpu_s": round(verdict.cpu_s, 1),
            "second": second_opinion(proof),
        }


def second_opinion(proof: Proof) -> str:
    """What Yices says of the first cycles."""
    if solver() is None:
        return "-"
    verdict = search(proof, CYCLES)
    return f"held, {CYCLES} cycles" if verdict.outcome == "held" else str(verdict)


def line(row: dict[str, Any]) -> str:
    """A row of the page's table."""
    cells = (row[key] for key in ("registers", "gates", "verdict", "cpu_s", "second"))
    return f"| `{row['proof']}` | {' | '.join(str(cell) for cell in cells)} |\n"


def prove_all(options: argparse.Namespace) -> int:
    """Print the table of proofs; 1 unless all are proved."""
    every = options.slow or options.page
    chosen = [proof for proof in PROOFS if (every or not proof.slow) and _named(proof.label, options)]
    found = []
    sys.stdout.write(HEAD)
    for row in rows(chosen):
        sys.stdout.write(line(row))
        sys.stdout.flush()
        found.append(row)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.page:
        text, changed = _TABLE.subn(lambda _: HEAD + "".join(map(line, found)), PAGE.read_text())
        assert changed == 1, f"{PAGE} must have one table of proofs, has {changed}"
        PAGE.write_text(text)
    wrong = [row for row in found if row["verdict"] != "proved" or row["second"].startswith("refuted")]
    print(f"\n{len(found) - len(wrong)} of {len(found)} proved without bound")
    return int(bool(wrong))


def plant_all(options: argparse.Namespace) -> int:
    """Print what refutes each mutant; 1 if one survives that should not, or the other way round."""
    verdicts = []
    for mutant in mutants(PROPERTIES / "mutants.toml"):
        if not _named(f"{Path(mutant.file).stem} {mutant.says}", options):
            continue
        found = killed(mutant, FAST, TIMEOUT_S)
        said = f"{found[1]}, {found[0].label}" if found else f"survives: {mutant.survives or 'nobody knows why'}"
        verdicts.append((bool(found), bool(mutant.survives)))
        print(f"{Path(mutant.file).stem}: {mutant.says}  {said}", flush=True)
    print(f"{sum(dead for dead, _ in verdicts)} of {len(verdicts)} refuted")
    return int(any(dead == survives for dead, survives in verdicts))


def _named(text: str, options: argparse.Namespace) -> bool:
    return not options.words or any(word in text for word in options.words)


def main() -> int:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/prove.sh", description=__doc__)
    parser.add_argument("words", nargs="*", help="only what has one of these words in it")
    parser.add_argument("--slow", action="store_true", help="larger sizes too")
    parser.add_argument("--page", action="store_true", help="all sizes, and write the table of docs/proofs.md")
    parser.add_argument("--json", type=Path, metavar="F.json", help="write the table as JSON too")
    parser.add_argument("--mutants", action="store_true", help="plant mistakes in the kernels instead")
    options = parser.parse_args()
    if options.page and options.words:
        parser.error("--page takes all proofs: leave out the words")
    return plant_all(options) if options.mutants else prove_all(options)


if __name__ == "__main__":
    sys.exit(main())
