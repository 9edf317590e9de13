# SPDX-License-Identifier: Apache-2.0
"""The simulation of one kernel, which the fixture `simulate` gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from board.core.lanes import Lanes
from board.simulation.harness import Simulation
from board.simulation.streams import Result
from hls_build.kernels.kernel_spec import KernelSpec, Port
from hls_build.simulation import verilator


@dataclass
class Simulated:
    """Outputs of one kernel run, shaped like the model's, with the run's cycles and counters."""

    outputs: list[np.ndarray]
    result: Result


class Simulate:
    """Runs a kernel's RTL: simulate(spec, x, stall) gives what spec.model(x) should."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, spec: KernelSpec, *inputs_stall: np.ndarray | str) -> np.ndarray | tuple[np.ndarray, ...]:
        """Outputs of the RTL for one array per input, then optionally the stall pattern."""
        inputs = [item for item in inputs_stall if not isinstance(item, str)]
        stall = next((item for item in inputs_stall if isinstance(item, str)), "none")
        outputs = self.run(spec, *inputs, stall=stall).outputs
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def run(self, spec: KernelSpec, *inputs: np.ndarray, stall: str = "none") -> Simulated:
        """The same with cycle counts: .result.cycles, .first_out_cycle, .stamps[stream], .streams[stream].

        Streams are called by their port prefix, slices of one port by prefix_0, prefix_1, and so on. Fails if
        the RTL offers a beat more than the model gives.
        """
        modelled = spec.model(*inputs)
        expected = modelled if isinstance(modelled, tuple) else (modelled,)
        ins, outs = stream_names(spec.inputs), stream_names(spec.outputs)
        with self.open(spec) as simulation:
            result = simulation.run(
                {name: lanes(s).pack(x) for name, s, x in zip(ins, spec.inputs, inputs, strict=True)},
                {name: y.size // s.lanes for name, s, y in zip(outs, spec.outputs, expected, strict=True)},
                stall=stall,
                seed=self.seed,
                idle_cycles=20_000,
            )
            simulation.idle(64)
            for name in outs:
                assert not simulation.offers(name), f"{name} offers a beat more than the model gives"
        shaped = [
            lanes(s).unpack(result.outputs[name]).reshape(y.shape)
            for name, s, y in zip(outs, spec.outputs, expected, strict=True)
        ]
        return Simulated(shaped, result)

    def open(self, spec: KernelSpec, trace: Path | None = None) -> Simulation:
        """A live simulation of the spec's module, whose registers start with random bits."""
        library = verilator.build(
            spec.sources, spec.module, spec.rtl_parameters(), random_start=True, trace=trace is not None
        )
        return Simulation(library, seed=self.seed, trace=trace)


def lanes(port: Port) -> Lanes:
    """How the beats of a kernel's port carry integers."""
    return Lanes(port.lanes, port.bits, port.signed)


def stream_names(ports: tuple[Port, ...]) -> list[str]:
    """Names that the harness gives to the streams of a kernel's ports."""
    prefixes = [port.prefix for port in ports]
    shared = Counter(prefixes)
    return [name if shared[name] == 1 else f"{name}_{prefixes[:i].count(name)}" for i, name in enumerate(prefixes)]
