#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Damages files of every kind that a user can hand over, and holds their readers to a sentence or a result.
#
#   scripts/fuzz.sh          2,200 cases of each surface, over 100,000 in all, others in every run; about an hour
#   scripts/fuzz.sh 100      so many
#   scripts/fuzz.sh 100 -k archive
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
AUFLOW_FUZZ=${1:-2200} exec .venv/bin/python -m pytest tests/test_fuzz.py -q "${@:2}"
