# SPDX-License-Identifier: Apache-2.0
"""Damage: what a disk, a network, an editor or a stranger does to a file, drawn by Hypothesis."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Damage = Callable[[bytes], st.SearchStrategy[bytes]]
ODD_VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 2**31, 2**63, -(2**64), 1e300, -0.5, 1e-300, "", "x", "é\ud800"[:1], "\x1b[31m", "a\nb"),
    *("../../x", "/", "x" * 5000, [], [[]], [0] * 70, {}, {"x": {}}, [None], ["x"], 9**3000),
]
ODD_ARRAYS: list[npt.NDArray[Any]] = [
    *(
        np.array(0),
        np.zeros(0),
        np.zeros((0, 3), np.int8),
        np.array("text"),
        np.zeros((2, 2, 2, 2, 2)),
        np.ones(3, bool),
    ),
    *(np.full((3, 3), np.nan), np.full(4, 2**62), np.zeros((1, 1), complex), np.array([1, 2], "datetime64[s]")),
]


def of_bytes(content: bytes) -> st.SearchStrategy[bytes]:
    """Cut short, with bytes changed, taken out, put in, or repeated; or something else altogether."""
    places = st.integers(0, len(content))

    def cut(at: int) -> bytes:
        return content[:at]

    def changed(where: list[tuple[int, int]]) -> bytes:
        made = bytearray(content)
        for at, value in where:
            if at < len(made):
                made[at] = value
        return bytes(made)

    def spliced(at: int, end: int, new: bytes) -> bytes:
        return content[: min(at, end)] + new + content[max(at, end) :]

    def repeated(at: int, end: int) -> bytes:
        return content[: max(at, end)] + content[min(at, end) :]

    early = st.one_of(places, st.integers(0, min(len(content), 400)))  # heads lie there
    return st.one_of(
        st.builds(cut, early),
        st.builds(changed, st.lists(st.tuples(early, st.integers(0, 255)), min_size=1, max_size=8)),
        st.builds(spliced, early, early, st.binary(max_size=40)),
        st.builds(repeated, early, early),
        st.binary(max_size=300),
        st.just(content + b"\0" * 3),
    )


def of_json(content: bytes) -> st.SearchStrategy[bytes]:
    """A value of it replaced by an odd one, an entry taken out or added; or its bytes damaged."""
    value = json.loads(content)
    odd = st.sampled_from(ODD_VALUES)

    def with_odd(index: int, new: Any, way: str) -> bytes:
        made = json.loads(content)
        places = list(_places(made))
        if not places:
            return json.dumps(new).encode()
        holder, key = places[index % len(places)]
        if way == "out":
            del holder[key]
        elif way == "more" and isinstance(holder, dict):
            holder["surprise"] = new
        else:
            holder[key] = new
        return json.dumps(made).encode()

    ways = st.sampled_from(["odd", "odd", "out", "more"])
    count = max(1, len(list(_places(value))))
    return st.one_of(st.builds(with_odd, st.integers(0, count - 1), odd, ways), of_bytes(content))


def of_arrays(content: bytes) -> st.SearchStrategy[bytes]:
    """An array of an .npz replaced by an odd one, taken out or added; or its bytes damaged."""
    with np.load(io.BytesIO(content)) as packed:
        arrays = dict(packed)
    names = sorted(arrays)

    def with_odd(name: str, new: npt.NDArray[Any], way: str) -> bytes:
        made = dict(arrays)
        if way == "out":
            del made[name]
        else:
            made[name if way == "odd" else "surprise"] = new
        return packed_arrays(made)

    odd = st.builds(
        with_odd, st.sampled_from(names), st.sampled_from(ODD_ARRAYS), st.sampled_from(["odd", "odd", "out", "more"])
    )
    return st.one_of(odd, of_bytes(content))


def packed_arrays(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """An .npz."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type] # allow_pickle, which numpy 1 takes for an array
    return file.getvalue()


def _places(value: Any) -> Any:
    """Every (holder, key) inside a JSON value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        yield value, key
        yield from _places(inner)
