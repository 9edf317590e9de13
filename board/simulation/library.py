# SPDX-License-Identifier: Apache-2.0
"""The C interface of a simulation library, which the compiler's harness.cpp gives to every verilated design."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from board.core import trust


def load(library: Path, trusted: bool = False) -> ctypes.CDLL:
    """The C interface of harness.cpp.

    Args:
        library: What verilator.build made, or a copy of it.
        trusted: Run it wherever it comes from; otherwise only what was built here.

    Raises:
        RuntimeError: The file was not built here, is no library, or one of another version of harness.cpp.
    """
    if not trusted:
        trust.check(library, "the simulation library")
    return _load(library)


@cache
def _load(library: Path) -> ctypes.CDLL:
    """What `load` gives, without asking where it comes from."""
    try:
        lib = ctypes.CDLL(str(library))
    except OSError as error:
        raise RuntimeError(f"cannot load the simulation library {library}: {error}") from error
    handle, pointer, i32, u32, u64 = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_int32,
        ctypes.c_uint32,
        ctypes.c_uint64,
    )
    signatures: dict[str, tuple[object, list[object]]] = {
        "auf_error": (ctypes.c_char_p, []),
        "auf_open": (handle, [ctypes.c_char_p, u32]),
        "auf_close": (None, [handle]),
        "auf_ports": (i32, [handle]),
        "auf_port": (ctypes.c_char_p, [handle, u32, pointer, pointer]),
        "auf_peek": (i32, [handle, u32, pointer]),
        "auf_poke": (None, [handle, u32, pointer]),
        "auf_clocks": (None, [handle, u32, i32, u32]),
        "auf_stream": (None, [handle, i32, u32, u32, u32, u32, u32, u32, u32]),
        "auf_monitor": (None, [handle, u32, u32]),
        "auf_stall": (None, [handle, u32, i32, u64]),
        "auf_pace": (None, [handle, u32, ctypes.c_double]),
        "auf_begin": (None, [handle, u32, pointer, u64, pointer, i32]),
        "auf_reset": (i32, [handle, u64]),
        "auf_step": (i32, [handle, u64, u64]),
        "auf_idle": (i32, [handle, u64]),
        "auf_cycle": (u64, [handle]),
        "auf_counters": (None, [handle, u32, pointer]),
        "auf_monitor_counters": (None, [handle, pointer, pointer, pointer]),
        "auf_violations": (u32, [handle, pointer, u32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name, None)
        if function is None:
            raise RuntimeError(
                f"the simulation library {library} was built by another version of AUFlow, it lacks {name}: build again"
            )
        function.restype, function.argtypes = result, arguments
    return lib
