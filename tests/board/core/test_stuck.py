# SPDX-License-Identifier: Apache-2.0
"""The stuck stream is the one that others wait for, not one that waits."""

from __future__ import annotations

import pytest

from board.core.stuck import sentence, stuck_streams

STREAMS = ("in0", "a->fork", "fork->fifo", "fork->b", "fifo->join", "b->join", "join->c", "out0")
"""in0 goes to a, out0 comes from c."""


def states(blocked: set[str], starved: set[str] = frozenset()) -> list[tuple[str, bool, bool]]:  # type: ignore[assignment]
    """Streams that are blocked, those that have nothing, and others at which nothing is amiss."""
    return [(name, name not in starved, name not in blocked) for name in STREAMS]


@pytest.mark.parametrize(
    ("blocked", "starved", "stuck"),
    [
        (set(), set(), []),
        ({"in0"}, {"a->fork"}, ["in0"]),  # a takes nothing
        ({"in0", "a->fork", "fork->b"}, {"b->join", "join->c", "out0", "fifo->join"}, ["fork->b"]),
        # b is silent: the join waits for it, the FIFO fills, the fork stops
        (
            {"in0", "a->fork", "fork->fifo", "fork->b", "fifo->join"},
            {"b->join", "join->c", "out0"},
            ["fork->b"],
        ),
        # the join takes neither input
        (
            {"in0", "a->fork", "fork->fifo", "fork->b", "fifo->join", "b->join"},
            {"join->c", "out0"},
            ["fifo->join", "b->join"],
        ),
        ({*STREAMS}, set(), ["out0"]),  # nobody takes the output
        ({*STREAMS} - {"out0"}, {"out0"}, ["join->c"]),  # the last node is at fault
    ],
)
def test_the_stream_that_others_wait_for_is_named(blocked: set[str], starved: set[str], stuck: list[str]) -> None:
    assert stuck_streams(states(blocked - starved, starved)) == stuck


def test_without_nodes_the_last_blocked_one_is_named() -> None:
    assert stuck_streams([("s_axis", True, False), ("a", True, False), ("b", False, True)]) == ["a"]


def test_the_clause_names_all() -> None:
    assert sentence(["a->b"]) == "stream 'a->b' is stuck: valid, never ready"
    assert sentence(["a->c", "b->c"], 3) == (
        "stream 'b->c' is stuck: valid, never ready, after 3 beats; so is 'a->c', which goes to the same node"
    )


def test_missing_weights_are_named_and_not_what_waits_for_them() -> None:
    inner = [("in0", True, False), ("a->fc1", True, False), ("fc1->b", False, True)]
    for valid, stuck in ((False, "weights.bin->fc1"), (True, "a->fc1")):
        named = stuck_streams([*inner, ("weights.bin->fc1", valid, not valid), ("out0", False, True)])
        assert named[0] == stuck
    assert stuck_streams([("in0", False, True), ("a->fc1", False, True), ("weights.bin->fc1", True, False)]) == []
    assert sentence(["weights.bin->fc1"], 3) == "stream 'weights.bin->fc1' is stuck: ready, never valid, after 3 beats"


def test_weights_of_several_nodes_are_not_said_to_go_to_one() -> None:
    names = stuck_streams([("weights.bin->fc1", False, True), ("weights.bin->fc2", False, True)])
    assert sentence(names) == "stream 'weights.bin->fc2' is stuck: ready, never valid; so is 'weights.bin->fc1'"
