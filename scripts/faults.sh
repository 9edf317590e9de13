#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs commands of auflow on full and read-only disks, kills them, sets clocks back, and holds what they leave in the end
# to what an undisturbed run leaves.
#
#   scripts/faults.sh                          all commands; hours
#   scripts/faults.sh detect export            some
#   scripts/faults.sh train --kills 5 --out faults.json --keep /tmp/faults
#
# As root, disks are small ones in memory; else a limit on the size of files stands for a full disk.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
PYTHONPATH=.:tests/support exec .venv/bin/python tests/support/fault_bench.py "$@"
