#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Tries every RTL node of FINN+ once on the simulation engine, by itself and in a stitched graph.
#
#   scripts/finn_nodes.sh                 all of them, some minutes
#   scripts/finn_nodes.sh VVAU            those whose names hold a word
#   scripts/finn_nodes.sh --page          all of them, and their table in docs/finn-engine.md
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
PYTHONPATH=.:tests/support exec .venv/bin/python tests/support/finn_nodes.py "$@"
