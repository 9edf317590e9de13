#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs inside the armhf root, in the folder that scripts/armhf/tests.sh filled: installs the wheel as the archive's README
# says, runs pytest with the arguments given as an ordinary user, and detects with every executor that runs here.
set -euo pipefail
export PIP_BREAK_SYSTEM_PACKAGES=1 PYTHONDONTWRITEBYTECODE=1 AUFLOW_QEMU=1 AUFLOW_DEPLOY=/share/deploy
python3 -m zipfile -e build.zip deploy
pip install --quiet --root-user-action=ignore --no-index deploy/auflow_board-*.whl
echo /share/packages >/usr/lib/python3/dist-packages/share.pth # behind Debian's own
useradd --create-home tester
status=0
runuser -u tester -- env HOME=/home/tester python3 -m pytest -q -p no:cacheprovider -m "not slow" -rs "$@" || status=$?
python3 compare.py answers . armhf numpy fpga rtl onnx 2>detect.log || {
  status=$?
  tail -n 3 detect.log >&2
}
exit $status
