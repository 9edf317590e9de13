#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Counts what detection costs a board's processor: instructions of 32-bit ARM, stage by stage, in an armhf Debian under
# qemu. A count is the same in every run, unlike a time on a shared machine.
#
#   scripts/instructions.sh [--deploy DIR] [--json F]
#
# --deploy names a deployment (default: the weights in the repository). Root and cache are those of
# scripts/armhf/root.sh; besides it needs a C compiler and a qemu-arm that loads plugins. Exit status 3 where it cannot
# run.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/armhf/root.sh

deploy="" json=""
while [[ $# != 0 ]]; do
  case $1 in
    --deploy) deploy=$2 && shift 2 ;;
    --json) json=$2 && shift 2 ;;
    *) sed -n '4,12s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
  esac
done

lacks=$(armhf_counter_lacks)
if [[ -n $lacks ]]; then
  echo "instructions: $lacks" >&2
  exit 3
fi
scripts/setup.sh
armhf_make

share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
armhf_counter "$share"
cp -r board "$share/board"
cp scripts/armhf/{stages,known}.py "$share/"
armhf_ncnn "$share"
.venv/bin/python scripts/armhf/instructions.py prepare "$share" ${deploy:+"$deploy"}

armhf_run "$share" python3 -m compileall -q board
echo "instructions: counting the start" >&2
armhf_counted "$share" start.python -c pass
armhf_counted "$share" start.opencv -c "from board.core.opencv import load_opencv; load_opencv()"
armhf_counted "$share" start.detect known.py detect deploy/example.jpg --deploy deploy --executor numpy >/dev/null 2>&1
echo "instructions: counting the stages" >&2
armhf_counted "$share" stages.counts stages.py deploy clip.mp4 stages.counts stages.json
echo "instructions: measuring memory" >&2
.venv/bin/python scripts/armhf/memory.py "$share/memory.json" 0x100000000 \
  bash -c "source scripts/armhf/root.sh; armhf_root='$armhf_root'; armhf_run '$share' env PYTHONPATH=/share \
    qemu/ld.so --library-path /share/qemu qemu/qemu-arm -B 0x100000000 /usr/bin/python3 known.py detect clip.mp4 \
    --deploy deploy --executor numpy --out rows.csv" >/dev/null 2>&1
.venv/bin/python scripts/armhf/instructions.py table "$share" ${json:+"$json"}
