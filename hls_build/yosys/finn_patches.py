# SPDX-License-Identifier: Apache-2.0
"""FINN patches: changes of text by which Yosys reads the sources of FINN+."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

_RAM_STYLE = re.compile(r"(\(\*[^()]*)\bRAM_STYLE(?= =)")
"""Yosys knows the attribute in small letters only."""
PRIMITIVES, LUT_PRIMITIVES = (Path(__file__).parent / "rtl" / name for name in ("primitives.sv", "lut_primitives.sv"))
"""Black boxes that FINN+'s multiplier instantiates, and those that ours does besides."""
_NEEDED = {
    "mvu.sv": (PRIMITIVES,),
    "lut_mvu.sv": (PRIMITIVES, LUT_PRIMITIVES),
    "dsp_mvu.sv": (PRIMITIVES, LUT_PRIMITIVES),
    "requantizer.sv": (PRIMITIVES, LUT_PRIMITIVES),
}
"""By source."""


def primitives(sources: Iterable[str | Path]) -> list[Path]:
    """Black boxes that some sources instantiate."""
    return list(dict.fromkeys(path for source in sources for path in _NEEDED.get(Path(source).name, ())))


def patched(source: Path) -> str:
    """The text that Yosys reads for a source.

    Raises:
        RuntimeError: A text to change is not there, as when FINN+ has changed the file.
    """
    content = _RAM_STYLE.sub(r"\1ram_style", source.read_text())
    patch = _PATCHES.get(source.name)
    return patch(content) if patch else content


def _replacing(source: str, changes: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    """A function that makes changes to the text of one of FINN+'s files."""

    def patch(content: str) -> str:
        for before, after in changes:
            if before not in content:
                raise RuntimeError(f"synthesis rewrites '{before}' in FINN+'s {source}, found none")
            content = content.replace(before, after)
        return content

    return patch


_NETTYPES = [("`default_nettype none", ""), ("`default_nettype wire", "")]
"""Inside a module the front end refuses the directive."""

_WATCHDOG = [("initial begin\n\t\t\t#100ns;\n\t\t\tDirty <= 0;\n\t\tend\n", "")]
"""A warning for simulation, whose delay the front end refuses. Ignoring all initial blocks instead would empty the
memories of weights and thresholds, where they are in the same design."""

_BITWISE_SHIFT = [
    ("data_t  OSrl[FULL_CREDIT-1];", "logic [FULL_CREDIT-2:0]  OSrl[WIDTH];"),
    (
        "OSrl <= { Dat3, OSrl[0:FULL_CREDIT-3] };",
        "foreach(OSrl[b])  OSrl[b] <= { OSrl[b][FULL_CREDIT-3:0], Dat3[b] };",
    ),
    ("ODat <= OSrl[OPtr];", "foreach(OSrl[b])  ODat[b] <= OSrl[b][OPtr[$left(OPtr)-1:0]];"),
]
"""One shift register per bit: Yosys sees those only bit by bit, Vivado also as an array of words."""

_BITWISE_FIFO = [
    ('(* SHREG_EXTRACT = "yes" *) dat_t  A[DEPTH_IMPL];', "logic [DEPTH_IMPL-1:0]  A[DATA_WIDTH];"),
    (
        "A <= { idat, A[0:DEPTH_IMPL-2] };",
        "foreach(A[b])  A[b] <= { A[b][DEPTH_IMPL-2:0], idat[b] };",
    ),
    ("B <= A[Ptr[$left(Ptr)-1:0]];", "foreach(A[b])  B[b] <= A[b][Ptr[$left(Ptr)-1:0]];"),
]

_BITWISE_RESULTS = [
    ("logic        [PE-1 : 0][M-1 : 0]  ADat[A_DEPTH];", "logic [A_DEPTH-1:0]  ADat[PE*M];"),
    (
        "foreach(pipe[pe])  ADat[0][pe] <= pipe[pe][M].ptr;",
        "foreach(ADat[b])  ADat[b] <= { ADat[b][A_DEPTH-2:0], pipe[b/M][M].ptr[b%M] };",
    ),
    ("for(int unsigned  i = 1; i < A_DEPTH; i++)  ADat[i] <= ADat[i-1];", ""),
    ("BDat <= ADat[APtr];", "foreach(ADat[b])  BDat[b/M][b%M] <= ADat[b][APtr[$left(APtr)-1:0]];"),
]

_BITWISE_QUEUE = [
    ("output_t  OBuf[0:MAX_IN_FLIGHT];", "logic [MAX_IN_FLIGHT:0]  OBuf[PE*ACCU_WIDTH];"),
    (
        "OBuf <= { odat, OBuf[0:MAX_IN_FLIGHT-1] };",
        "foreach(OBuf[b])  OBuf[b] <= { OBuf[b][MAX_IN_FLIGHT-1:0], odat[b/ACCU_WIDTH][b%ACCU_WIDTH] };",
    ),
    (
        "OReg <= OBuf[OPtr[$left(OPtr)-1:0]];",
        "foreach(OBuf[b])  OReg[b/ACCU_WIDTH][b%ACCU_WIDTH] <= OBuf[b][OPtr[$left(OPtr)-1:0]];",
    ),
]


def _with_outer_function(content: str) -> str:
    """The adder tree's constant function, moved out of its generate block, where the front end cannot call it."""
    first, last, before = (
        "typedef int unsigned  leaf_load_t",
        "endfunction : init_leaf_loads\n",
        "uwire [SUM_WIDTH-1:0]  sum0;",
    )
    begin, end, place = content.find(first), content.find(last) + len(last), content.find(before)
    if not 0 <= place < begin < end:
        raise RuntimeError(f"synthesis moves '{first}' to '{last.strip()}' in FINN+'s add_multi.sv, found none")
    return content[:place] + content[begin:end] + content[place:begin] + content[end:]


_PATCHES: dict[str, Callable[[str], str]] = {
    "add_multi.sv": _with_outer_function,
    "fifo.sv": _replacing("fifo.sv", _NETTYPES + _BITWISE_FIFO),
    "vpc.sv": _replacing("vpc.sv", _NETTYPES),
    "memstream.sv": _replacing("memstream.sv", _BITWISE_SHIFT),
    "mvu.sv": _replacing("mvu.sv", _WATCHDOG),
    "mvu_vvu_8sx9_dsp58.sv": _replacing("mvu_vvu_8sx9_dsp58.sv", _WATCHDOG),
    "mvu_vvu_axi.sv": _replacing("mvu_vvu_axi.sv", _BITWISE_QUEUE),
    "thresholding.sv": _replacing(  # a range that is backward in the first stage, where nothing reads it
        "thresholding.sv",
        [
            ("p.ptr[M-1:SN+1]", "((p.ptr >> (SN+1)) % 2**stage)"),
            ('DEPTH_TRIGGER_BRAM? "distributed"', 'DEPTH_TRIGGER_BRAM? "logic"'),  # a memory that is only read
            *_BITWISE_RESULTS,
        ],
    ),
}
