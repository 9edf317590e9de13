# SPDX-License-Identifier: Apache-2.0
"""Names of layers: one identifier, legal in Verilog, for a node of every form of the network."""

from __future__ import annotations

import re

import pytest

from board.core.node import identifier


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv1_q", "conv1_q"),
        ("attention1.channel_gate_q", "attention1_channel_gate_q"),
        ("/features/0/Conv", "_features_0_Conv"),
        ("2nd", "_2nd"),
        ("größe", "gr__e"),
        ("a$b", "a_b"),
        ("output", "output_"),
        ("Output", "Output"),
    ],
)
def test_an_identifier_is_legal_and_stays_one(name: str, expected: str) -> None:
    assert identifier(name) == expected
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", expected)
    assert identifier(expected) == expected


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="a layer needs a name, got an empty one"):
        identifier("")
