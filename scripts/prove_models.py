#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold networks against qonnx's executor by ==, through lowering, FINN+'s graph and, if asked, simulated RTL.

    scripts/prove_models.py models                    small networks, each with one thing of its own
    scripts/prove_models.py models --rtl              the same through RTL
    scripts/prove_models.py random --seeds 0 2000     random networks
    scripts/prove_models.py random --seeds 0 200 --rtl --exact 50    until 50 are exact through RTL

One line for each: exact, refused and why, or wrong and where. Status 1 if any is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from further_models import FURTHER
from random_qonnx import random_model
from random_verdicts import Verdict, judge

Named = tuple[str, int, Callable[[], onnx.ModelProto]]
"""A network's name, the seed of its frames, and what makes it."""


def networks(options: argparse.Namespace) -> Iterator[Named]:
    """Those that were asked for."""
    if options.which == "models":
        yield from ((name, 1, make) for name, make in FURTHER.items() if options.only in name)
        return
    for seed in range(*options.seeds):
        yield f"seed {seed}", seed, partial(random_model, seed)


def verdict(make: Callable[[], onnx.ModelProto], seed: int, rtl: bool) -> Verdict:
    """What a network is found to be."""
    with tempfile.TemporaryDirectory() as folder:
        return judge(make(), seed, Path(folder) if rtl else None)


def main() -> int:
    """Read the options, judge every network, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("models", "random"), help="which networks")
    parser.add_argument("--only", default="", help="of models, those whose name holds this")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 100), help="of random ones: first, and one past last")
    parser.add_argument("--rtl", action="store_true", help="through simulated RTL too")
    parser.add_argument("--exact", type=int, help="stop when so many are exact")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    for name, seed, make in networks(options):
        found = verdict(make, seed, options.rtl)
        counts[found.kind] += 1
        print(f"{name}: {found.kind} {found.said}".rstrip(), flush=True)
        if counts["exact"] == options.exact:
            break
    print(", ".join(f"{kind} {counts[kind]}" for kind in ("exact", "refused", "wrong")))
    return int(counts["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
