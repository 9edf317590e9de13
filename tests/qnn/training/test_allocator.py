# SPDX-License-Identifier: Apache-2.0
"""Freed memory stays with the process: a step takes no new pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from qnn.training.allocator import keep_freed_memory

def pages_of_ten_activations():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.zeros(1 << 24).add_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(pages_of_ten_activations(), keep_freed_memory(), pages_of_ten_activations() and pages_of_ten_activations())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these limits")
def test_freed_activations_are_used_again() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    fresh, kept, again = done.stdout.split()
    assert kept == "True"
    assert int(fresh) > 1000
    assert int(again) < 100
