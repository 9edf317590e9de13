#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Creates .venv with the pinned packages and the project itself; quick when that is up to date.
#
#   scripts/setup.sh            the host: training, compiler, simulation (.venv)
#   scripts/setup.sh board      what a PYNQ 3.0.1 image ships, on this machine (.venv-board)
#   scripts/setup.sh board-3.1  the same with pynq 3.1 (.venv-board-3.1)
#
# PYTHON names the interpreter. pip's own configuration (index, wheels, certificates) is left as it is, and every file that
# it takes is held to its digest in requirements/hashes/, which scripts/pin.sh writes; AUFLOW_HASHES=off takes others, such
# as wheels that somebody built anew. AUFLOW_TORCH=any takes whatever torch build pip finds, AUFLOW_TORCH=unchecked one for
# the CPU whose digest is not known: both go unchecked, with what torch needs.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

# A Python 3.10 that pyenv or uv keeps without putting it on PATH; no match stays a pattern, which does not run.
own_pythons=(
  "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10.*/bin/python3.10
  "${HOME:-}"/.local/share/uv/python/cpython-3.10.*/bin/python3.10
)

case "${1:-host}" in
  host)
    venv=.venv oldest=11 newest=99 pythons=(python3.11 python3 python3.12 python3.13)
    files=(host host-nodeps dev cluster)
    ;;
  board)
    venv=.venv-board oldest=10 newest=10 pythons=(python3.10 "${own_pythons[@]}")
    files=(board board-dev)
    ;;
  board-3.1)
    venv=.venv-board-3.1 oldest=11 newest=11 pythons=(python3.11 python3)
    files=(board-3.1 board-dev)
    ;;
  *) fail "need host, board or board-3.1, got $1" ;;
esac

# The first interpreter that fits; the pins are frozen with the first of the list. Exit status 3 if there is none.
find_python() {
  local python
  for python in ${PYTHON:+"$PYTHON"} "${pythons[@]}"; do
    if "$python" -c "import ensurepip, sys, venv; sys.exit(not $oldest <= sys.version_info.minor <= $newest)" \
      2>/dev/null; then
      echo "$python"
      return
    fi
  done
  local wanted="Python 3.$oldest" package="python3.$oldest"
  [[ $newest == 99 ]] && wanted+=" or newer" package=python3
  echo "setup: needs $wanted with its venv module: install $package and $package-venv (Debian, Ubuntu: apt install" \
    "$package $package-venv), or name one: PYTHON=/path/to/python3 scripts/setup.sh" >&2
  exit 3
}

need() {
  command -v "$1" >/dev/null || fail "needs $1, $2: install it (Debian, Ubuntu: apt install $3)"
}

python=$(find_python)
if [[ $venv == .venv ]]; then
  need g++ "which compiles the simulated accelerator" g++
  need make "which builds the simulated accelerator" make
  need perl "in which Verilator's start-up is written" perl
fi

# What was installed, written last: an interrupted run starts over.
pins=("${files[@]/%/.txt}" board-nodeps.txt)
stamp=$("$python" - "${pins[@]/#/requirements/}" "${pins[@]/#/requirements/hashes/}" pyproject.toml setup.py board/pyproject.toml board/__init__.py scripts/setup.sh <<'PYTHON'
import hashlib, pathlib, sys
content = b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])
print(hashlib.sha256(content).hexdigest(), pathlib.Path.cwd(), sys.version.split()[0])
PYTHON
)
if [[ -x $venv/bin/python && "$(cat "$venv/auflow-stamp" 2>/dev/null)" == "$stamp" ]]; then
  exit 0
fi

echo "setup: installing into $venv; the first time takes some minutes" >&2
# without a stamp an earlier run was interrupted, which can leave packages that pip stumbles over
version() { "$1" -c "import sys; print(sys.version)" 2>/dev/null; }
[[ -f $venv/auflow-stamp && "$(version "$venv/bin/python")" == "$(version "$python")" ]] ||
  "$python" -m venv --clear "$venv"
rm -f "$venv/auflow-stamp"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet --quiet)  # errors only

# Arguments of pip for files of requirements/, with digests unless those are off.
packages() {
  if [[ ${AUFLOW_HASHES:-} == off ]]; then
    printf -- '--requirement=requirements/%s.txt\n' "$@"
  else
    printf -- '--requirement=requirements/hashes/%s.txt\n' "$@"
    echo --require-hashes
  fi
}

# pip install; a package whose digest is another one is no matter of the network.
install() {
  "${pip[@]}" install "$@" || fail "pip could not install the pinned packages. If it says that hashes do not match or are" \
    "missing, the files that it finds are not those of requirements/hashes: where they are your own builds, AUFLOW_HASHES=off" \
    "takes them"
}

# torch, with the digest of its build for the CPU, in a file of its own.
torch_cpu() {
  sed -n '/^torch==/,/[^\\]$/p' requirements/hashes/host.txt | sed 's/^\(torch==[^ ]*\)/\1+cpu/'
}

mapfile -t nodeps < <(packages board-nodeps)
if [[ $venv == .venv ]]; then
  # finn-plus: or pip, finding it installed, would complain about its pins; auflow: one of 0.1.0 owns the same script
  "${pip[@]}" uninstall --yes finn-plus auflow auflow-board
  torch=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements/host.txt)
  if [[ $(uname -s) == Linux && ${AUFLOW_TORCH:-cpu} != any ]]; then
    if [[ ${AUFLOW_TORCH:-cpu} == unchecked || ${AUFLOW_HASHES:-} == off ]]; then
      "${pip[@]}" install --no-deps "$torch+cpu"
    else
      "${pip[@]}" install --no-deps --require-hashes --requirement <(torch_cpu)
    fi || fail \
      "pip could not install $torch+cpu. If it finds no such build, point it at PyTorch's index of CPU builds, which" \
      "https://pytorch.org/get-started/locally names under Linux, Pip, CPU: PIP_EXTRA_INDEX_URL=<that index>" \
      "scripts/setup.sh. If its hash does not match, it is for a Python or processor whose digest is not known:" \
      "AUFLOW_TORCH=unchecked scripts/setup.sh. To take the default build, 6 GB with CUDA: AUFLOW_TORCH=any scripts/setup.sh"
  elif [[ ${AUFLOW_TORCH:-} == any ]]; then
    "${pip[@]}" install "$torch"
  fi
  mapfile -t wanted < <(packages host dev cluster)
  install "${wanted[@]}"
  mapfile -t wanted < <(packages host-nodeps)
  install --no-deps "${wanted[@]}"
  "${pip[@]}" install --no-deps --no-build-isolation --editable ./board --editable .
  # for boards without a network; a build packs what is there and says what is not
  for platform in manylinux_2_31_armv7l manylinux_2_28_aarch64; do
    "${pip[@]}" download --no-deps --only-binary :all: --python-version 3.10 --implementation cp --abi cp310 \
      --platform "$platform" "${nodeps[@]}" --dest "$venv/wheels" ||
      echo "setup: could not fetch the packages of requirements/board-nodeps.txt for $platform; archives go without" >&2
  done
else
  mapfile -t wanted < <(packages "${files[@]}")
  install "${wanted[@]}"
fi
install --no-deps "${nodeps[@]}"
echo "$stamp" >"$venv/auflow-stamp"
echo "setup: $venv is ready" >&2
