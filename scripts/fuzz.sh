#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Damages files of every kind that a user can hand over, and holds their readers to a sentence or a result.
#
#   scripts/fuzz.sh          2,200 cases of each surface, over 100,000 in all, others in every run; 20 minutes of a core
#   scripts/fuzz.sh 100      so many
#   scripts/fuzz.sh 100 -k archive --hypothesis-seed=22
#
# AUFLOW_FUZZ_TABLE names a file that keeps the counts: surfaces that it has as many cases of are not run again, so that a
# run that was ended goes on, and one on mended readers runs what failed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
AUFLOW_FUZZ_TABLE=${AUFLOW_FUZZ_TABLE:-$(mktemp)}
export AUFLOW_FUZZ_TABLE
status=0
AUFLOW_FUZZ=${1:-2200} .venv/bin/python -m pytest tests/test_fuzz.py -q "${@:2}" || status=$?
.venv/bin/python - "$AUFLOW_FUZZ_TABLE" <<'PYTHON'
import json, sys

rows = {row["surface"]: row for row in map(json.loads, open(sys.argv[1]))}  # the last of each
total = {kind: sum(row[kind] for row in rows.values()) for kind in ("taken", "refused", "wrong")}
print(f"{len(rows)} surfaces: {total['taken'] + total['refused']:,} cases,", *(f"{n:,} {kind}" for kind, n in total.items()))
PYTHON
exit "$status"
