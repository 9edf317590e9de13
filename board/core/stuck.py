# SPDX-License-Identifier: Apache-2.0
"""Which stream of a dataflow graph is stuck, told from the handshakes at which nothing moves any more."""

from __future__ import annotations

from collections.abc import Sequence

from board.core.weights import FILE

BETWEEN = "->"
"""In a stream's name, between the node that it comes from and the node that it goes to."""
State = tuple[str, bool, bool]
"""A stream's name, whether it is valid, and whether it is ready."""


def stuck_streams(states: Sequence[State]) -> list[str]:
    """The blocked streams (valid, not ready) that wait for nothing but the node that they go to, or missing weights.

    A stream is blocked by another one where its node waits for another input, or cannot get rid of an output. What is
    left are the inputs of the node at fault, several where it takes none of them. Memory gives weights ahead, so those
    that are not valid while their node is ready for them are at fault themselves.

    Args:
        states: Of all streams, upstream first. The names of inner ones have both nodes, as in "conv1->conv1_q", those
            of weights the file and the node, as in "weights.bin->fc1"; an input goes to the nodes that no inner stream
            goes to, an output comes from those that none comes from. Where no name has nodes, the last one that is
            blocked is told.

    Returns:
        Names, upstream first; none where nothing is blocked.
    """
    ends = {name: tuple(name.split(BETWEEN)) for name, _, _ in states if BETWEEN in name}
    sources, sinks = {end[0] for end in ends.values()}, {end[1] for end in ends.values()}
    firsts, lasts = sources - sinks - {FILE}, sinks - sources
    inner = [index for index, (name, _, _) in enumerate(states) if name in ends]

    def nodes(index: int) -> tuple[set[str], set[str]]:
        """Those a stream may come from and go to; the outside is none."""
        name = states[index][0]
        if name in ends:
            return {ends[name][0]}, {ends[name][1]}
        return (set(), firsts) if not inner or index < inner[0] else (lasts, set())

    blocked = [
        index for index, (name, valid, ready) in enumerate(states) if valid and not ready and not is_weights(name)
    ]
    stuck = []
    for index in blocked if inner else ():
        sink = nodes(index)[1]
        others = [other for other in range(len(states)) if other != index and sink & nodes(other)[1]]
        waits = any(not states[other][1] for other in others)
        held = any(sink & nodes(other)[0] for other in blocked)
        if not (waits or held):
            stuck.append(states[index][0])
    missing = [name for name, valid, ready in states if is_weights(name) and ready and not valid]
    return missing or stuck or [states[index][0] for index in blocked[-1:]]


def is_weights(stream: str) -> bool:
    """Whether it has weights from memory."""
    return stream.startswith(FILE + BETWEEN)


def sentence(names: Sequence[str], beats: int | None = None) -> str:
    """What `stuck_streams` found, in a clause.

    Args:
        names: At least one.
        beats: Of the last one so far; None does not tell.
    """
    after = "" if beats is None else f", after {beats} beats"
    how, which = "valid, never ready", ", which goes to the same node"
    if is_weights(names[-1]):
        how, which = "ready, never valid", ""
    others = f"; so is {', '.join(map(repr, names[:-1]))}{which}" if names[1:] else ""
    return f"stream {names[-1]!r} is stuck: {how}{after}{others}"
