#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs ruff, mypy, mkdocs and pytest, and the board's tests once more with the packages of a board and on 32-bit ARM;
# sets all up on first use.
#
#   scripts/test.sh              all but the slow tests
#   scripts/test.sh ARGUMENTS    pytest alone, on the host: -m slow, -k contract, tests/qnn
#   scripts/test.sh --boards     the board's tests with pynq 3.0 and 3.1; further arguments go to pytest
#   scripts/test.sh --armhf      some of them on 32-bit ARM under qemu, and its accumulators held against this machine's;
#                                --armhf --all: all of them, and 50 faces of every network in the repository
#
# AUFLOW_FERPLUS names a folder of FERPlus (FER2013Train, FER2013Valid) for the tests that use real faces.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1  # one process for each core

# A build of the tiny network in $folder, made once.
tiny() {
  [[ -n ${folder:-} ]] && return
  folder=$(mktemp -d)
  trap 'rm -rf "$folder" "${site:-}"' EXIT
  .venv/bin/auflow build --config hls_build/config/builds/pynq-z2_tiny.toml --out "$folder/tiny" >"$folder/log"
}

# With the tiny network's RTL behind the emulated board; a missing Python 3.10 skips by name.
boards() {
  local environment status
  tiny
  for environment in board board-3.1; do
    status=0
    scripts/setup.sh "$environment" || status=$?
    case $status in
      0) AUFLOW_DEPLOY=$folder/tiny/deploy ".venv-$environment/bin/python" -m pytest -rs tests/board -m "not slow" "$@" ;;
      3) echo "test: skipped the board's tests in environment $environment, which needs another Python" >&2 ;;
      *) exit "$status" ;;
    esac
  done
}

# Where root or qemu is missing, skips by name.
armhf() {
  local status=0
  tiny
  scripts/armhf/tests.sh "$folder/tiny/tiny.zip" "$@" || status=$?
  [[ $status == 3 ]] || return "$status"
}

scripts/setup.sh
if [[ ${1:-} == --boards || ${1:-} == --armhf ]]; then
  "${1#--}" "${@:2}"
  exit
fi
if [[ $# == 0 ]]; then
  .venv/bin/ruff check .
  .venv/bin/ruff format --check .
  .venv/bin/mypy board qnn hls_build tests
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet --site-dir "$site"
fi
.venv/bin/python -m pytest -rs -n logical --dist loadfile -m "not slow" "$@"
if [[ $# == 0 ]]; then
  boards
  armhf
fi
