# SPDX-License-Identifier: Apache-2.0
"""`auflow cache`: what is kept because it took long to make, how large it is, and how large it may become."""

from __future__ import annotations

import argparse
import re
from typing import Any

from board.cli.command import USE, Command
from board.cli.options import add_json, write_json

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size_bytes(text: str) -> int:
    """Reads a size such as 500M or 2G, in bytes."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"need a size such as 500M or 2G, got {text!r}")
    return int(float(found[1]) * UNITS[found[2].upper()])


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clear", action="store_true", help="delete all that no process has in use")
    parser.add_argument(
        "--limit",
        type=size_bytes,
        metavar="SIZE",
        help="from now on let it become no larger than this, such as 500M or 2G, and delete what is too much now,"
        " what was not used for longest first",
    )
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from board.core import cache
    from board.core.files import cache_folder

    before = cache.entries()
    if options.limit is not None:
        cache.set_limit(options.limit)
    if options.clear:
        cache.trim(0)
    there = cache.entries()
    content: dict[str, Any] = {
        "folder": str(cache_folder("")),
        "limit_bytes": cache.limit_bytes(),
        "bytes": sum(one.bytes for one in there),
        "deleted_bytes": sum(one.bytes for one in before) - sum(one.bytes for one in there),
        "kinds": {
            kind: {
                "entries": sum(one.kind == kind for one in there),
                "bytes": sum(one.bytes for one in there if one.kind == kind),
            }
            for kind in cache.KINDS
        },
    }
    print(f"{content['folder']}: {_mib(content['bytes'])} of at most {_mib(content['limit_bytes'])}")
    print(f"{'kind':<13}{'entries':>8}{'size':>14}")
    for kind, what in cache.KINDS.items():
        found = content["kinds"][kind]
        print(f"{kind:<13}{found['entries']:>8}{_mib(found['bytes']):>14}  {what}")
    if options.clear or options.limit is not None:
        kept = " (the rest is in use)" if options.clear and there else ""
        print(f"{_mib(content['deleted_bytes'])} deleted{kept}")
    write_json(options.json, content)
    return 0


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB"


COMMAND = Command(
    "cache",
    USE,
    "List what is kept because it took long to make, and bound or delete it.",
    _arguments,
    _run,
    ("auflow cache", "auflow cache --limit 2G", "auflow cache --clear --json cache.json"),
    "It lies in ~/.cache/auflow, or where AUFLOW_CACHE says, and may be deleted at any time: all of it is made again"
    " when it is needed. Of 4 GiB, or the limit that was set, what was not used for longest goes first, never what a"
    " process has in use. Which simulations were built here is kept besides, in its folder `trusted`.",
)
