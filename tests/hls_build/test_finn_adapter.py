# SPDX-License-Identifier: Apache-2.0
"""What we put in place of FINN+'s own functions gives what they give."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finn.custom_op.fpgadataflow import matrixvectoractivation
from finn.custom_op.fpgadataflow.rtl import thresholding_rtl
from finn.util.data_packing import pack_innermost_dim_as_hex_string
from networks import random_chain
from qonnx.core.datatype import DataType

from hls_build import finn_adapter
from hls_build.compiler import compile_graph
from hls_build.config.board import load_board
from hls_build.config.build import BuildConfig
from hls_build.finn_settings import finn_settings
from hls_build.rtl.stitch import stitch


@pytest.mark.parametrize("name", ["INT2", "INT3", "INT4", "INT8", "UINT4", "INT14", "UINT17"])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_packing_equals_finns(name: str, count: int, reverse: bool, rng: np.random.Generator) -> None:
    dtype = DataType[name]
    values = rng.integers(int(dtype.min()), int(dtype.max()) + 1, (2, 5, count))
    width = -(-count * dtype.bitwidth() // 4) * 4
    for padded in (width, width + 4, width + 8):
        ours = finn_adapter.pack_hex(values, dtype, padded, reverse, prefix="")
        theirs = pack_innermost_dim_as_hex_string(values, dtype, padded, reverse, prefix="")
        np.testing.assert_array_equal(ours, theirs)


def test_packing_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="need integers of type INT2, got 0 to 2"):
        finn_adapter.pack_hex(np.array([0, 2]), DataType["INT2"], 4)
    with pytest.raises(ValueError, match="need words of at least 8 bits, got 4"):
        finn_adapter.pack_hex(np.array([0, 1]), DataType["INT4"], 4)


def packing() -> list[Any]:
    """What FINN+'s modules pack with."""
    return [module.pack_innermost_dim_as_hex_string for module in (matrixvectoractivation, thresholding_rtl)]


def test_finn_packs_by_itself_but_for_our_rtl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def counted(*given: Any, **named: Any) -> Any:
        used.append(packing())
        return pack(*given, **named)

    pack = finn_adapter.pack_hex
    monkeypatch.setattr(finn_adapter, "pack_hex", counted)
    build = BuildConfig("small", "none", load_board("Pynq-Z2"), 100.0)
    stitch(compile_graph(random_chain(3), build), tmp_path / "rtl", build.board.part, build.clk_period_ns)
    assert used and all(one == [counted, counted] for one in used)
    assert packing() == [pack_innermost_dim_as_hex_string] * 2
    with pytest.raises(RuntimeError), finn_adapter.fast_packing():
        raise RuntimeError
    assert packing() == [pack_innermost_dim_as_hex_string] * 2


FINN_BEFORE_AND_AFTER = """
import sys
import hls_build.finn_settings  # what FINN+'s own command line sets, without which its nodes cannot be imported
hls_build.finn_settings.finn_settings()
from finn.custom_op.fpgadataflow import matrixvectoractivation, rtl, vectorvectoractivation
from finn.custom_op.fpgadataflow.rtl import matrixvectoractivation_rtl, thresholding_rtl
from finn.transformation.fpgadataflow import create_stitched_ip, prepare_rtlsim, specialize_layers
import finn.xsi

def state():
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("finn", "qonnx")}
    found = {(name, key): id(value) for name, module in modules.items() for key, value in vars(module).items()}
    types = {value for module in modules.values() for value in vars(module).values() if isinstance(value, type)}
    own = {one for one in types if one.__module__.partition(".")[0] in ("finn", "qonnx")}
    return found | {(f"{one.__module__}.{one.__qualname__}", key): id(v) for one in own for key, v in vars(one).items()}

before = state()
import hls_build.build.flow, hls_build.build.model_flow, hls_build.compiler, hls_build.cli.main
import hls_build.simulation.finn_engine, hls_build.vivado.bitstream, hls_build.yosys.calibrate
after = state()
print(len(before), sorted(key for key in before if after.get(key) != before[key]))
"""


def test_importing_us_changes_nothing_of_finn() -> None:
    ran = subprocess.run([sys.executable, "-c", FINN_BEFORE_AND_AFTER], capture_output=True, text=True, check=True)
    count, _, changed = ran.stdout.splitlines()[-1].partition(" ")
    assert int(count) > 1000 and changed == "[]", changed


def test_the_build_folder_is_made_and_used(tmp_path: Path) -> None:
    before = finn_settings().finn_build_dir
    try:
        finn_adapter.use_build_folder(tmp_path / "finn")
        assert finn_settings().finn_build_dir == tmp_path / "finn"
        assert (tmp_path / "finn").is_dir()
    finally:
        finn_settings().finn_build_dir = before
