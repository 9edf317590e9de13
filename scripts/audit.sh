#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Asks PyPI's index of known vulnerabilities about every pinned package, by pip-audit; 1 if one is known to be vulnerable,
# 0 with a sentence where the index cannot be asked.
#
#   scripts/audit.sh
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet --quiet install pip-audit==2.10.1
status=0
for file in requirements/*.txt; do
  "$folder/venv/bin/pip-audit" --progress-spinner off --disable-pip --no-deps --format json --requirement "$file" \
    >"$folder/found.json" 2>"$folder/said" || true  # its status does not tell a vulnerability from no answer
  "$folder/venv/bin/python" - "$file" "$folder" <<'PYTHON' || status=1
import json, pathlib, sys

file, folder = sys.argv[1], pathlib.Path(sys.argv[2])
try:
    packages = json.loads((folder / "found.json").read_text())["dependencies"]
except ValueError:
    packages = []
asked = [package for package in packages if "skip_reason" not in package]
if not asked:
    print(f"audit: nothing is known of {file}: the index of known vulnerabilities cannot be asked from here")
    sys.exit(0)
known = [(package, found) for package in asked for found in package["vulns"]]
for package, found in known:
    mended = ", ".join(found["fix_versions"]) or "no version"
    print(f"audit: {package['name']} {package['version']} of {file} has {found['id']}, mended in {mended}")
print(f"audit: {len(asked)} of {len(packages)} packages of {file} asked about, {len(known)} vulnerabilities known")
sys.exit(bool(known))
PYTHON
done
exit "$status"
