# SPDX-License-Identifier: Apache-2.0
"""Stream beats through a verilated design, count what happens, and say what got stuck."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from board.core.stuck import sentence, stuck_streams
from board.simulation import library as libraries
from board.simulation.streams import STALLS, AxiStream, Beats, Counters, DeadlockError, Ports, Result, Signal, Violation

_RUNNING, _DONE, _IDLE = 0, 1, 2
_CALL_S = 0.2
"""Wall time per call into the library, so that Ctrl-C and progress stay lively."""


class Simulation:
    """One live verilated design.

    Args:
        library: What verilator.build returned.
        ports: Names of clock, reset and streams; None recognises them.
        workdir: Folder that relative memory files are read from.
        trace: FST file to write; the library must be built with trace=True.
        seed: Seed of the registers' start values for a library built with random_start=True.
        monitored: Names of the internal streams behind mon_valid and mon_ready, in bit order, upstream first.
        fifos: Names of the FIFOs behind mon_fill, 32 bits each.
        trusted: Run the library wherever it comes from; otherwise only where it was built here.

    Raises:
        RuntimeError: The library was not built here, it or a named port is missing, or the design stopped while it
            started.
    """

    def __init__(
        self,
        library: Path,
        ports: Ports | None = None,
        *,
        workdir: Path | None = None,
        trace: Path | None = None,
        seed: int = 1,
        monitored: Sequence[str] = (),
        fifos: Sequence[str] = (),
        trusted: bool = False,
    ) -> None:
        self._handle: int | None = None
        self._lib = libraries.load(library, trusted)
        if trace is not None:
            trace = trace.absolute()
        self._workdir = workdir
        with self._at_workdir():
            self._handle = self._lib.auf_open(str(trace or "").encode(), seed)
        if not self._handle:
            raise RuntimeError(f"cannot start the simulation: {self._lib.auf_error().decode()}")
        self.table = self._read_table()
        self.ports = ports or Ports.of(self.table)
        self.monitored, self.fifos = tuple(monitored), tuple(fifos)
        self._bind()
        self._index = {stream.name: i for i, stream in enumerate(self.ports.streams)}
        self._pending: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._endless: dict[str, np.ndarray] = {}
        self.reset()

    def close(self) -> None:
        """End the design and flush its waves."""
        if self._handle:
            self._lib.auf_close(self._handle)
        self._handle = None

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def reset(self, cycles: int = 16) -> None:
        """Hold reset for some cycles and release it; transfers under way are forgotten, endless ones begin anew."""
        self._pending.clear()
        with self._at_workdir():
            self._checked(self._lib.auf_reset(self._handle, cycles))
        for stream, beats in self._endless.items():
            self._repeat(stream, beats)

    @property
    def cycle(self) -> int:
        """Clock cycles since the start, resets not counted."""
        return int(self._lib.auf_cycle(self._handle))

    def peek(self, port: str) -> int:
        """Value of any port now."""
        at = self._port(port)
        value = np.zeros(-(-at.width // 8), np.uint8)
        self._checked(self._lib.auf_peek(self._handle, at.index, _address(value)))
        return int.from_bytes(value.tobytes(), "little")

    def poke(self, port: str, value: int) -> None:
        """Set an input that is no part of a stream; it holds until set again."""
        at = self._port(port)
        data = np.frombuffer(value.to_bytes(-(-at.width // 8), "little"), np.uint8)
        self._lib.auf_poke(self._handle, at.index, _address(data))

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the top's streams."""
        return tuple(self._index)

    def is_input(self, stream: str) -> bool:
        """Whether the design takes this stream in."""
        return self._sources[self._at(stream)]

    def beat_bytes(self, stream: str) -> int:
        """Bytes per beat of a stream."""
        return -(-self._widths[self._at(stream)] // 8)

    def stall(self, pattern: str, seed: int = 1) -> None:
        """From now on hold back the ends of a pattern of STALLS at random, each stream by its own sequence."""
        if pattern not in STALLS:
            raise RuntimeError(f"need a stall pattern of {STALLS}, got '{pattern}'")
        for i, source in enumerate(self._sources):
            on = pattern == "both" or pattern == ("source" if source else "sink")
            self._lib.auf_stall(self._handle, i, int(on), (seed * 1_000_003 + i) & (1 << 64) - 1)

    def feed(self, stream: str, beats: Beats) -> None:
        """Queue beats, shape (n, beat_bytes), for an input stream, behind those it has not accepted yet.

        Raises:
            RuntimeError: The stream is an output or the beats have another shape.
        """
        self._check_beats(stream, beats)
        waiting = self._remaining(stream)
        if waiting:
            beats = np.concatenate([self._pending[stream][0][-waiting:], beats])
        self._begin(stream, np.ascontiguousarray(beats))

    def feed_endlessly(self, stream: str, beats: Beats) -> None:
        """From now on, and from their first after every reset, offer beats for ever; nothing waits for them.

        Raises:
            RuntimeError: The stream is an output, or the beats have another shape or are none.
        """
        self._check_beats(stream, beats)
        if not len(beats):
            raise RuntimeError(f"'{stream}' needs at least one beat to repeat, got none")
        self._endless[stream] = np.ascontiguousarray(beats)
        self._repeat(stream, self._endless[stream])

    def expect(self, stream: str, beats: int) -> None:
        """Let an output stream deliver so many beats; take() gives them. It stays blocked otherwise."""
        if self.is_input(stream):
            raise RuntimeError(f"only outputs can be expected, '{stream}' is an input")
        self._begin(stream, np.zeros((beats, self.beat_bytes(stream)), np.uint8))

    def step(self, cycles: int, idle_cycles: int = 1 << 62) -> bool:
        """Run until all that was fed and expected is through, at most so many cycles.

        Returns:
            Whether all is through.

        Raises:
            DeadlockError: Nothing moved for idle_cycles.
            RuntimeError: The design stopped itself.
        """
        status = self._checked(self._lib.auf_step(self._handle, cycles, idle_cycles))
        if status == _IDLE:
            head = f"deadlock in cycle {self.cycle}, {idle_cycles} cycles without a handshake"
            raise DeadlockError(f"{head}: {self.report()}")
        return status == _DONE

    def offers(self, stream: str) -> bool:
        """Whether an output stream holds a beat that nobody took."""
        return bool(self._raw_counters(self._at(stream))[4])

    def idle(self, cycles: int) -> None:
        """Clock the design with every stream held back."""
        self._checked(self._lib.auf_idle(self._handle, cycles))

    def take(self, stream: str) -> tuple[Beats, np.ndarray]:
        """Beats that a stream passed since feed or expect, and the cycle of each."""
        data, stamps = self._pending[stream]
        passed = len(data) - self._remaining(stream)
        return data[:passed], stamps[:passed]

    def run(
        self,
        inputs: Mapping[str, Beats],
        outputs: Mapping[str, int],
        *,
        stall: str = "none",
        seed: int = 1,
        idle_cycles: int = 100_000,
        max_cycles: int | None = None,
        strict: bool = True,
        progress: Callable[[int], None] | None = None,
        pace: Mapping[str, float] | None = None,
    ) -> Result:
        """Push all input beats, collect so many beats per output.

        Args:
            inputs: Beats of shape (n, beat_bytes) per input stream.
            outputs: Beats to collect per output stream.
            stall: Which ends hold back at random, each stream by its own seeded pattern.
            seed: Seed of the stalls.
            idle_cycles: Cycles without a handshake anywhere that count as a deadlock.
            max_cycles: Longest run.
            strict: Whether a broken AXI-Stream rule raises.
            progress: Called with the cycle count a few times a second.
            pace: Least cycles per beat of an input stream, on average; one that is not named is not held back.

        Raises:
            DeadlockError: Nothing moved for idle_cycles; the text names the stuck stream.
            RuntimeError: A rule was broken, max_cycles passed, or the design stopped itself.
        """
        began, start = time.perf_counter(), self.cycle
        self.stall(stall, seed)
        for name in inputs:
            self._lib.auf_pace(self._handle, self._at(name), (pace or {}).get(name, 0.0))
        self._drain_violations()
        before, before_internal = self._stream_counters(), self._internal_counters()
        for name, beats in inputs.items():
            self.feed(name, beats)
        for name, count in outputs.items():
            self.expect(name, count)
        self._run_to_end(start, idle_cycles, max_cycles, progress)
        stamps = {name: self.take(name)[1] - start for name in (*inputs, *outputs)}
        outs = [stamps[name] for name in outputs if len(stamps[name])]
        result = Result(
            outputs={name: self.take(name)[0] for name in outputs},
            cycles=self.cycle - start,
            first_out_cycle=min((int(stamp[0]) for stamp in outs), default=None),
            stamps=stamps,
            streams=_difference(self._stream_counters(), before),
            internal=_difference(self._internal_counters(), before_internal),
            fifo_fill=self.fifo_fill(),
            violations=self._drain_violations(),
            wall_s=time.perf_counter() - began,
        )
        if strict and result.violations:
            first = result.violations[0]
            raise RuntimeError(f"'{first.stream}' broke AXI-Stream in cycle {first.cycle - start}: {first.rule}")
        return result

    def counters(self) -> dict[str, Counters]:
        """What every stream did since the start: the design's own, then those inside it."""
        return {**self._stream_counters(), **self._internal_counters()}

    def fifo_fill(self) -> dict[str, int]:
        """mon_fill per FIFO now."""
        if not self.fifos:
            return {}
        packed = self.peek("mon_fill")
        return {name: packed >> (32 * i) & 0xFFFFFFFF for i, name in enumerate(self.fifos)}

    def report(self) -> str:
        """The stuck stream in one clause, then the state of every stream and FIFO, a line each."""
        outer = self._outer_states()
        fed = [state for state in outer if self.is_input(state[0]) and state[0] not in self._endless]
        out = [state for state in outer if not self.is_input(state[0])]
        states = [*fed, *self._inner_states(), *out]
        missing = [name for name in self._pending if self._remaining(name)]
        if names := stuck_streams(states):
            stuck = sentence(names)
        elif missing:
            stuck = f"stream '{missing[0]}' is stuck: never valid"
        else:
            stuck = "no stream is stuck"
        counters = self.counters()
        lines = [f"  {n}: valid={v:d} ready={r:d} beats={counters[n].beats}" for n, v, r in states]
        lines += [f"  fifo {name}: fill={level}" for name, level in self.fifo_fill().items()]
        return "\n".join([stuck, *lines])

    def _run_to_end(
        self, start: int, idle_cycles: int, max_cycles: int | None, progress: Callable[[int], None] | None
    ) -> None:
        chunk = 2_000
        while True:
            if max_cycles is not None:
                chunk = min(chunk, max_cycles - (self.cycle - start))
                if chunk <= 0:
                    raise RuntimeError(f"not through after {max_cycles} cycles: {self.report()}")
            began = time.perf_counter()
            done = self.step(chunk, idle_cycles)
            if progress is not None:
                progress(self.cycle - start)
            if done:
                return
            chunk = max(1_000, int(chunk * min(4.0, _CALL_S / max(1e-4, time.perf_counter() - began))))

    def _begin(self, stream: str, data: np.ndarray) -> None:
        stamps = np.zeros(len(data), np.uint64)
        self._pending[stream] = data, stamps
        at = self._at(stream)
        self._lib.auf_begin(self._handle, at, _address(data), len(data), _address(stamps), 0)

    def _repeat(self, stream: str, beats: Beats) -> None:
        self._lib.auf_begin(self._handle, self._at(stream), _address(beats), len(beats), None, 1)

    def _check_beats(self, stream: str, beats: Beats) -> None:
        """Refuse what an input stream cannot be fed with."""
        if not self.is_input(stream):
            raise RuntimeError(f"only inputs can be fed, '{stream}' is an output")
        width = self.beat_bytes(stream)
        if beats.ndim != 2 or beats.shape[1] != width or beats.dtype != np.uint8:
            raise RuntimeError(f"'{stream}' needs uint8 beats of shape (n, {width}), got {beats.dtype} {beats.shape}")

    def _remaining(self, stream: str) -> int:
        return self._raw_counters(self._at(stream))[3]

    def _raw_counters(self, index: int) -> list[int]:
        values = np.zeros(6, np.uint64)
        self._lib.auf_counters(self._handle, index, _address(values))
        return [int(value) for value in values]

    def _stream_counters(self) -> dict[str, Counters]:
        return {name: Counters(*self._raw_counters(i)[:3]) for name, i in self._index.items()}

    def _internal_counters(self) -> dict[str, Counters]:
        if not self.monitored:
            return {}
        beats, stalls, starves = np.zeros((3, len(self.monitored)), np.uint64)
        self._lib.auf_monitor_counters(self._handle, _address(beats), _address(stalls), _address(starves))
        columns = zip(self.monitored, beats, stalls, starves, strict=True)
        return {name: Counters(int(b), int(s), int(w)) for name, b, s, w in columns}

    def _outer_states(self) -> list[tuple[str, bool, bool]]:
        raw = {name: self._raw_counters(i) for name, i in self._index.items()}
        taking_part = {*self._pending, *self._endless}
        return [(name, bool(values[4]), bool(values[5])) for name, values in raw.items() if name in taking_part]

    def _inner_states(self) -> list[tuple[str, bool, bool]]:
        if not self.monitored:
            return []
        valid, ready = self.peek("mon_valid"), self.peek("mon_ready")
        return [(name, bool(valid >> i & 1), bool(ready >> i & 1)) for i, name in enumerate(self.monitored)]

    def _drain_violations(self) -> list[Violation]:
        found = np.zeros((64, 3), np.uint64)
        count = self._lib.auf_violations(self._handle, _address(found), len(found))
        rules = ("valid dropped before ready", "data changed before ready")
        names = [stream.name for stream in self.ports.streams]
        return [Violation(int(c), names[int(s)], rules[int(k)]) for c, s, k in found[:count]]

    def _bind(self) -> None:
        clock, reset = self._port(self.ports.clock), self._port(self.ports.reset)
        clock2x = self.table[self.ports.clock2x].index if self.ports.clock2x in self.table else -1
        self._lib.auf_clocks(self._handle, clock.index, clock2x, reset.index)
        self._sources: list[bool] = []
        self._widths: list[int] = []
        for stream in self.ports.streams:
            self._bind_stream(stream)
        if self.monitored:
            self._need_width("mon_valid", len(self.monitored))
            self._need_width("mon_ready", len(self.monitored))
            self._lib.auf_monitor(self._handle, self._port("mon_valid").index, self._port("mon_ready").index)
        if self.fifos:
            self._need_width("mon_fill", 32 * len(self.fifos))

    def _bind_stream(self, stream: AxiStream) -> None:
        data, valid, ready = (self._either(stream.prefix, suffix) for suffix in ("tdata", "tvalid", "tready"))
        if valid.width != stream.count or ready.width != stream.count or data.width % stream.count:
            raise RuntimeError(f"'{stream.prefix}' cannot be {stream.count} streams: tvalid has {valid.width} bits")
        width = data.width // stream.count
        self._sources.append(valid.input)
        self._widths.append(width)
        args = (data.index, stream.index * width, width, valid.index, stream.index, ready.index, stream.index)
        self._lib.auf_stream(self._handle, int(valid.input), *args)

    def _read_table(self) -> dict[str, Signal]:
        table = {}
        for i in range(self._lib.auf_ports(self._handle)):
            width, is_input = ctypes.c_uint32(), ctypes.c_int32()
            name = self._lib.auf_port(self._handle, i, ctypes.byref(width), ctypes.byref(is_input))
            table[name.decode()] = Signal(i, width.value, bool(is_input.value))
        return table

    def _port(self, name: str) -> Signal:
        if name not in self.table:
            raise RuntimeError(f"the top has no port '{name}', only {', '.join(sorted(self.table))}")
        return self.table[name]

    def _either(self, prefix: str, suffix: str) -> Signal:
        upper = f"{prefix}_{suffix.upper()}"
        return self.table[upper] if upper in self.table else self._port(f"{prefix}_{suffix}")

    def _need_width(self, port: str, width: int) -> None:
        if self._port(port).width != width:
            raise RuntimeError(f"need {width} bits in '{port}', got {self._port(port).width}")

    def _at(self, stream: str) -> int:
        if stream not in self._index:
            raise RuntimeError(f"the top has no stream '{stream}', only {', '.join(self._index)}")
        return self._index[stream]

    def _checked(self, status: int) -> int:
        if status < 0:
            raise RuntimeError(f"the simulation stopped: {self._lib.auf_error().decode()}")
        return status

    @contextmanager
    def _at_workdir(self) -> Iterator[None]:
        """Memory files are read while the design starts, relative to the working directory."""
        before = Path.cwd()
        os.chdir(self._workdir or before)
        try:
            yield
        finally:
            os.chdir(before)


def _difference(after: Mapping[str, Counters], before: Mapping[str, Counters]) -> dict[str, Counters]:
    return {
        name: Counters(now.beats - then.beats, now.stalls - then.stalls, now.starves - then.starves)
        for name, now in after.items()
        for then in [before[name]]
    }


def _address(array: np.ndarray) -> int:
    return array.ctypes.data
