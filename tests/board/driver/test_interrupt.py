# SPDX-License-Identifier: Apache-2.0
"""Linux's side of the interrupt line, by a terminal that answers like a UIO device: masked until it is written."""

import os
import tty
from collections.abc import Iterator

import pytest

from board.driver.interrupt import Uio


@pytest.fixture
def device() -> Iterator[tuple[str, int]]:
    """A path to open, and the end at which the kernel would be."""
    kernel, program = os.openpty()
    tty.setraw(program)
    yield os.ttyname(program), kernel
    os.close(kernel)
    os.close(program)


def test_an_interrupt_ends_the_wait(device: tuple[str, int]) -> None:
    path, kernel = device
    line = Uio(path)
    os.write(kernel, bytes(4))
    assert line.wait(10.0)
    assert int.from_bytes(os.read(kernel, 4), "little") == 1, "unmasked"
    assert not line.wait(0.0), "an interrupt is told once"
    assert int.from_bytes(os.read(kernel, 4), "little") == 1
    line.close()


def test_a_line_without_a_device_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        Uio("/dev/no-such-uio")
