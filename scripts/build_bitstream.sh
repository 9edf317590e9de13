#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds an accelerator and checks it; sets up .venv on first use. Arguments go to `auflow build`; without any,
# hls_build/config/builds/pynq-z2_w4a4.toml is built from the checkpoint in the repository.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

"$root/scripts/setup.sh"
exec "$root/.venv/bin/auflow" build "$@"
