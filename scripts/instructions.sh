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

logged() { "$@" >"$share/log" 2>&1 || { tail -n 5 "$share/log" >&2 && exit 1; }; }

share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
armhf_counter "$share"
cp -r board "$share/board"
cp scripts/armhf/{instructions,known,live,stages}.py "$share/"
armhf_ncnn "$share"
.venv/bin/python scripts/armhf/instructions.py prepare "$share" ${deploy:+"$deploy"}

armhf_run "$share" python3 -m compileall -q board
echo "instructions: counting the start" >&2
armhf_counted "$share" start.python -c pass
armhf_counted "$share" start.opencv -c "from board.core.opencv import load_opencv; load_opencv()"
logged armhf_counted "$share" start.detect known.py detect deploy/example.jpg --deploy deploy --executor numpy
echo "instructions: counting the stages" >&2
armhf_counted "$share" stages.counts stages.py deploy clip.mp4 stages.counts stages.json

# a function of root.sh, for programs that start it
call=(env "AUFLOW_ARMHF_ROOT=$armhf_root" bash -euc 'source scripts/armhf/root.sh; armhf_make; "$@"' bash)
viewer=(.venv/bin/python scripts/armhf/viewer.py "$share")
echo "instructions: counting the live page" >&2
for colour in grey colour; do
  for looks in no yes; do
    logged "${viewer[@]}" $looks "${call[@]}" armhf_counted "$share" page.counts live.py "page.$colour.$looks.json" \
      /dev/video0 $([[ $colour == grey ]] || echo --colour)
  done
done
echo "instructions: measuring memory" >&2
memory() { logged .venv/bin/python scripts/armhf/memory.py "$share/memory.$1.json" "${@:2}"; }
based=("${call[@]}" armhf_based "$share")
memory detect "${based[@]}" known.py detect clip.mp4 --deploy deploy --executor numpy --out rows.csv
memory live "${viewer[@]}" yes "${based[@]}" live.py memory.json clip.mp4 --loop
memory grey "${viewer[@]}" yes "${based[@]}" live.py memory.json /dev/video0
memory colour "${viewer[@]}" yes "${based[@]}" live.py memory.json /dev/video0 --colour
.venv/bin/python scripts/armhf/instructions.py table "$share" ${json:+"$json"}
