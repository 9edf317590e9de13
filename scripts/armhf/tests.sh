#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The board's tests on 32-bit ARM: in an armhf Debian under qemu, with the wheel that an archive brings; then `auflow
# detect` there and here with every executor that runs there, whose accumulators must be equal.
#
#   scripts/armhf/tests.sh ARCHIVE          the tests that FAST names, a few faces of the archive's and the default weights
#   scripts/armhf/tests.sh ARCHIVE --all    all of the board's tests, 50 faces of every network in the repository
#
# qemu takes about twenty times as long as this machine. Exit status 3 where it cannot run.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/armhf/root.sh

# What depends on the width of a word, on the packages' versions or on threads; the rest is the same Python as elsewhere.
FAST=(
  tests/board/core/test_{arithmetic,contract,decoding,graph,lanes,layers}.py tests/board/faces/test_crop.py
  tests/board/driver/test_transfer.py tests/board/outputs/test_outputs.py tests/board/sources tests/board/test_pipeline.py
)

lacks=$(armhf_lacks)
if [[ -n $lacks ]]; then
  echo "test: skipped the armhf tests: $lacks" >&2
  exit 3
fi
armhf_make
archive=$1 count=6 weights=(w4a4) tests=("${FAST[@]}")
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
chmod a+rx "$share" # the tests' user's too
mkdir -p "$share"/{tests,packages}
if [[ ${2:-} == --all ]]; then
  count=50 weights=(all) tests=(-n logical --dist loadfile tests/board)
  armhf_ncnn "$share/packages"
fi
cp -r tests/board tests/support tests/conftest.py "$share/tests/"
cp pyproject.toml scripts/armhf/compare.py scripts/armhf/guest.sh "$share/"
cp "$archive" "$share/build.zip"
.venv/bin/python scripts/armhf/compare.py prepare "$share" "$archive" "$count" "${weights[@]}"
# pynq and what it needs, as far as that is Python alone; the root has the rest
site=.venv-board-3.1/lib/python3.11/site-packages
if [[ -d $site ]]; then
  cp -r "$site"/{IPython,pycparser,pydantic,pygments,pynq,pynqmetadata,pynqutils,tqdm,traitlets,typing_extensions.py} \
    "$site"/pynq-*.dist-info "$share/packages/"
fi
status=0
armhf_run "$share" bash guest.sh "${tests[@]}" || status=$?
.venv/bin/python scripts/armhf/compare.py answers "$share" "$share/here" numpy 2>/dev/null
.venv/bin/python scripts/armhf/compare.py equal "$share/here" "$share/armhf" || status=1
exit $status
