# SPDX-License-Identifier: Apache-2.0
"""A plain contract survives its file, says what integers are worth, and refuses what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packages import plain_contract, small_contract

from board.core.contract import Contract
from board.core.plain_contract import Head, PlainContract, PlainOutput, read_contract


def test_both_kinds_survive_their_file(tmp_path: Path) -> None:
    for contract in (plain_contract(), small_contract()):
        contract.write(tmp_path / "accelerator.json")
        assert read_contract(tmp_path / "accelerator.json") == contract
    with pytest.raises(ValueError, match=r"this needs a network of `auflow compile`, got one of action units"):
        PlainContract.load(tmp_path / "accelerator.json")
    plain_contract().write(tmp_path / "accelerator.json")
    with pytest.raises(ValueError, match="must have format 2, got 'plain-1'"):
        Contract.read(tmp_path / "accelerator.json")


def test_integers_are_worth_their_channels_scale_and_offset() -> None:
    contract = plain_contract()
    frames = np.arange(144, dtype=np.int64).reshape(2, 72)
    real = contract.real(frames)
    assert real.shape == (2, 4, 6, 3)
    assert real[1, 0, 1].tolist() == [75 * 0.5, 76 * -0.1 + 1, 77 * 2 - 3]
    with pytest.raises(ValueError, match=r"need integers of shape \(N, 72\), got float64 \(2, 72\)"):
        contract.real(frames.astype(float))
    with pytest.raises(ValueError, match=r"need integers of shape \(N, 72\), got int64 \(144, 1\)"):
        contract.real(frames.reshape(144, 1))


def test_outputs_are_named_by_their_place() -> None:
    names = plain_contract().output_names
    assert (names[4], names[18], names[71]) == ("output [0, 1, 1]", "output [1, 0, 0]", "output [3, 5, 2]")
    packing = replace(plain_contract().output_stream, beats_per_frame=3)
    vector = replace(plain_contract(), output=replace(plain_contract().output, shape=(1, 1, 3)), output_stream=packing)
    assert vector.output_names == ("output 0", "output 1", "output 2")


def test_a_bitfile_is_bound_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "accelerator.bit").write_bytes(b"bits")
    with pytest.raises(ValueError, match="this accelerator was built without a bitfile"):
        plain_contract().check_bitfile(tmp_path / "accelerator.bit")
    with pytest.raises(ValueError, match="the bitfile must have sha256 1111"):
        plain_contract().with_bitfile("1" * 64).check_bitfile(tmp_path / "accelerator.bit")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: c.pop("output"), "accelerator.json must have the key 'output', got none"),
        (lambda c: c.update(action_units=[]), "accelerator.json must have only known keys, got 'action_units'"),
        (lambda c: c["input"].update(dtype="float32"), "input.dtype must be uint8, got 'float32'"),
        (lambda c: c["input"].update(shape=[4, 6]), r"input.shape must be three sizes of at least 1, got \(4, 6\)"),
        (lambda c: c["output"].update(shape=[4, 0, 3]), "output.shape must be three sizes of at least 1"),
        (lambda c: c["output"].update(scale=[1, 2]), "output.scale must be one number for each of 3 channels"),
        (lambda c: c["output"].update(scale=[1, 0, 2]), "output.scale must be other than 0"),
        (lambda c: c["output"].update(offset=[1, "2", 3]), "output.offset must be one number for each of 3 channels"),
        (lambda c: c.update(clock_mhz=0), "need clock_mhz > 0, got 0"),
        (lambda c: c.update(model_sha256="abc"), "model_sha256 must be 64 hexadecimal digits, got 'abc'"),
        (
            lambda c: c["output_stream"].update(beats_per_frame=71),
            "must be the 72 elements of a frame in output",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(change: Callable[[Any], object], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "accelerator.json"
    plain_contract().write(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=complaint) as caught:
        read_contract(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def several() -> PlainContract:
    """A contract of three classes and a map of 2x2 pixels with two channels."""
    contract = plain_contract()
    heads = (Head("classes", (1, 1, 3)), Head("map", (2, 2, 2)))
    scale, offset = (0.5, -0.1, 2.0, *[3.0] * 8), (0.0, 1.0, -3.0, *[0.0] * 8)
    packing = replace(contract.output_stream, lanes=1, bytes_per_beat=2, beats_per_frame=11)
    return replace(contract, output=PlainOutput((1, 1, 11), scale, offset, heads), output_stream=packing)


def test_several_outputs_are_told_apart(tmp_path: Path) -> None:
    contract = several()
    contract.write(tmp_path / "accelerator.json")
    assert read_contract(tmp_path / "accelerator.json") == contract
    found = contract.by_head(np.arange(22, dtype=np.int64).reshape(2, 11))
    assert list(found) == ["classes", "map"]
    np.testing.assert_allclose(found["classes"][1].ravel(), [11 * 0.5, 12 * -0.1 + 1, 13 * 2 - 3])
    assert found["map"].shape == (2, 2, 2, 2) and found["map"][1, 1, 0, 1] == 3 * (14 + 5)
    assert (contract.output_names[2], contract.output_names[8]) == ("classes 2", "map [1, 0, 1]")
    with pytest.raises(ValueError, match="this needs a network of several outputs, got one: use real"):
        plain_contract().by_head(np.zeros((1, 72), np.int64))


@pytest.mark.parametrize(
    ("heads", "complaint"),
    [
        (
            [{"name": "a", "shape": [1, 1, 4]}],
            r"output.shape must be that of a vector of a \(1, 1, 4\), got \(1, 1, 11\)",
        ),
        ([{"name": "a"}], "output.heads must have the key 'shape', got none"),
        ([{"name": 3, "shape": [1, 1, 11]}], "output.heads' name must be of type str, got int"),
        ([{"name": "a", "shape": [1, 11]}], r"output.heads' shape must be three sizes of at least 1, got \(1, 11\)"),
        (
            [{"name": "a", "shape": [1, 1, 5]}, {"name": "a", "shape": [1, 1, 6]}],
            "output.heads must have names of their",
        ),
    ],
)
def test_heads_that_cannot_be_are_refused(heads: list[dict[str, Any]], complaint: str, tmp_path: Path) -> None:
    content = several().as_json()
    content["output"]["heads"] = heads
    (tmp_path / "accelerator.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=complaint):
        read_contract(tmp_path / "accelerator.json")
