#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes requirements/hashes/, the digests that scripts/setup.sh holds packages to, anew from requirements/*.txt: those of
# all files of every pinned release that pip finds, so that they serve every Python and processor.
#
#   scripts/pin.sh              after a pin was changed
#   scripts/pin.sh --check      only tells which pins have no digests
#
# It needs the package index that pip is configured for. PyTorch's builds for the CPU have digests for those that pip finds
# here: point pip at PyTorch's index (PIP_EXTRA_INDEX_URL) for all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if [[ ${1:-} == --check ]]; then
  exec "$python" scripts/pin.py --check
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet --quiet install pip-tools==7.6.2
"$folder/venv/bin/python" scripts/pin.py
