#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Proves the handshake, order, content and progress of every kernel without bound, by Yosys and ABC's PDR; Yices has a
# second look at the first cycles. Needs berkeley-abc (Debian, Ubuntu: apt install berkeley-abc).
#
#   scripts/prove.sh                      small sizes, about a minute
#   scripts/prove.sh --slow gate          larger ones too, of one kernel
#   scripts/prove.sh --page               all of them, and their table in docs/proofs.md
#   scripts/prove.sh --mutants            mistakes planted in the kernels, which proofs must refute
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
PYTHONPATH=.:tests/support exec .venv/bin/python tests/support/proof_bench.py "$@"
