#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs ruff, mypy and pytest; sets up .venv on first use. Arguments go to pytest:
#
#   scripts/test.sh              all but the slow tests
#   scripts/test.sh -m slow      the slow ones
#   scripts/test.sh -k contract  those whose name holds "contract"
#
# AUFLOW_FERPLUS names a folder of FERPlus (FER2013Train, FER2013Valid) for the tests that use real faces.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy board qnn hls_build tests
export OMP_NUM_THREADS=1  # one process for each core
exec .venv/bin/python -m pytest -n logical --dist loadfile -m "not slow" "$@"
