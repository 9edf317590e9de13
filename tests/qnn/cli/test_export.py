# SPDX-License-Identifier: Apache-2.0
"""`auflow complexity` and `auflow export` do what their functions do, and print it."""

from __future__ import annotations

import json
from pathlib import Path

from commands import refused, run_cli
from quantized_networks import save_network

from qnn.network.model import Architecture


def test_complexity_writes_json_and_prints_a_table(tmp_path: Path) -> None:
    ran = run_cli("complexity", "--json", tmp_path / "c.json", "--aus", 7)
    assert ran.status == 0, ran.stderr
    text = " ".join(ran.stdout.split())
    for figure in ("1,446,605 trainable", "256 non-trainable", "0.11 GMAC", "5.52 MiB", "432.0 KiB"):
        assert figure in text
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["trainable"] == 1_446_605
    assert set(content["weight_bytes"]) >= {"float", "w4a4", "w3a3", "w2a4", "w2a2"}


def test_a_small_networks_macs_are_told() -> None:
    text = " ".join(run_cli("complexity", "--divisor", 8).stdout.split())
    assert "0.002 GMAC per face, 0.0913 MiB" in text


def test_export_writes_a_folder_and_prints_the_sigmoids(tmp_path: Path) -> None:
    path = save_network(tmp_path, Architecture(attention=False, divisor=8), "w2a2")
    ran = run_cli("export", "--checkpoint", path, "--out", tmp_path / "out", "--preset", "w2a2")
    assert ran.status == 0, ran.stderr
    assert "w2a2: 0 of 0 sigmoids corrected" in ran.stdout
    report = json.loads((tmp_path / "out" / "export.json").read_text())
    for name, digest in (("model.onnx", report["model_sha256"]), ("standard.onnx", report["standard_sha256"])):
        assert f"written: {tmp_path / 'out' / name}, sha256 {digest}" in ran.stdout
    assert f"written: {tmp_path / 'out' / 'export.json'}, " in ran.stdout


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    said = refused("export", "--checkpoint", tmp_path / "none.safetensors", "--out", tmp_path)
    assert said.startswith("no checkpoint at")
