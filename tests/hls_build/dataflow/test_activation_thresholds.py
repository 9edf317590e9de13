# SPDX-License-Identifier: Apache-2.0
"""Thresholds as FINN+'s block wants them: one for every step of the output's type."""

import numpy as np
import pytest

from board.core.layers.threshold import Threshold
from board.core.node import Tensor
from hls_build.dataflow.activation_thresholds import complete_thresholds


def test_thresholds_cover_the_output_type() -> None:
    node = Threshold("q", ("x",), ("y",), np.array([[-900, 3, 1 << 40]]), -1)
    table = complete_thresholds(node, Tensor("y", (1, 1, 1), 3, True), -100, 90)
    np.testing.assert_array_equal(table, [[-100, -100, -100, -100, 3, 91, 91]])
    x = np.arange(-100, 91)
    counted = -4 + (x[:, None] >= table).sum(axis=1)
    np.testing.assert_array_equal(counted, node.run(x[:, None])[0][:, 0])


def test_thresholds_beyond_the_output_type_are_refused() -> None:
    node = Threshold("q", ("x",), ("y",), np.zeros((1, 16), np.int64), 0)
    with pytest.raises(ValueError, match="q gives 0 to 16, its output holds 0 to 15"):
        complete_thresholds(node, Tensor("y", (1, 1, 1), 4, False), 0, 1)
