# SPDX-License-Identifier: Apache-2.0
"""Parity: hold executors against the first one by `==`, over faces and test patterns, and name the first difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from board.deployment import Deployment
from board.executors import EXECUTORS, open_executor
from board.executors.executor import Executor, LayerExecutor, batches

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

BASELINE = "numpy"
"""What the executors of a deployment are held against: it runs everywhere."""
BATCH = 16
"""Faces at once, so that progress is seen."""
PATTERNS = ("noise", "black", "white", "red", "green", "blue")
"""Test patterns that every ladder adds to its faces: faces may be grey, and then hide what mixes up the colours."""
SHADES = 3
"""How many of them frames have that are not of three colours."""

Progress = Callable[[str, int, int], None]
"""Called with an executor's name, the faces it did since the last call, and all that it is asked for."""


@dataclass(frozen=True)
class Level:
    """One level of a parity ladder: an executor, not started yet, and what it is asked.

    Attributes:
        name: Of the executor.
        start: Starts it. A ValueError or RuntimeError says why it cannot run here.
        faces: How many it is asked for at most, beside the test patterns; None for all, 0 for not to start it.
        batch: Faces at once; None for all, where the executor counts the cycles of a run.
    """

    name: str
    start: Callable[[], Executor]
    faces: int | None = None
    batch: int | None = BATCH

    @classmethod
    def of(cls, executor: Executor, faces: int | None = None, batch: int | None = BATCH) -> Level:
        """The level of an executor that has been started already."""
        return cls(executor.name, lambda: executor, faces, batch)


@dataclass(frozen=True)
class Difference:
    """Where an executor first leaves the baseline.

    Attributes:
        executor: The one that differs.
        layer: The first layer that differs, by its name in the integer graph; None where it shows none that does.
        output: By what the output frame leaves it, such as "stream out0".
        face: Index of the face; test patterns follow the faces.
        pattern: Name of the test pattern; None for a face.
        element: (row, column, channel) in the layer, or (0, 0, index) in the output frame.
        action_unit: Of the accumulator, or place of the attention code; None where a layer is named.
        expected: Value of those that agree.
        actual: Value of the executor.
        agreed: Executors before it that gave what the baseline gave.
        sample: What was compared: "face", or "frame" of a network that takes others.
    """

    executor: str
    layer: str | None
    output: str
    face: int
    pattern: str | None
    element: tuple[int, int, int]
    action_unit: str | None
    expected: int
    actual: int
    agreed: tuple[str, ...]
    sample: str = "face"

    def __str__(self) -> str:
        sample = f"{self.sample} {self.face}" if self.pattern is None else f"test pattern {self.pattern}"
        where = f"layer {self.layer}, {sample}, element {list(self.element)}"
        if self.layer is None:
            where = f"its output, {self.output}, {sample}, {self.action_unit}"
        agreed = f"{_listed(self.agreed)} {'agrees' if len(self.agreed) == 1 else 'agree'}"
        return f"{self.executor} differs at {where}: got {self.actual}, need {self.expected}, on which {agreed}"


@dataclass(frozen=True)
class Compared:
    """What one executor answered.

    Attributes:
        executor: Its name.
        description: What it ran on, or why it did not run.
        faces: Compared, test patterns among them; 0 where it did not run.
        mismatches: Faces of these with another integer anywhere in their output frames.
        seconds: Spent in it.
        difference: The first difference; None where there is none.
    """

    executor: str
    description: str
    faces: int = 0
    mismatches: int = 0
    seconds: float = 0.0
    difference: Difference | None = None


@dataclass(frozen=True)
class Parity:
    """What a ladder showed.

    Attributes:
        faces: Offered, without the test patterns.
        executors: All levels, the baseline first.
        patterns: Names of the test patterns.
        sample: What was compared, see Difference.
    """

    faces: int
    executors: tuple[Compared, ...]
    patterns: tuple[str, ...] = PATTERNS
    sample: str = "face"

    @property
    def difference(self) -> Difference | None:
        """The first difference of the first executor that has one."""
        return next((one.difference for one in self.executors if one.difference is not None), None)

    def verdict(self) -> str:
        """How many faces, which executors, how many differences: a sentence or two for a person."""
        ran = [one for one in self.executors if one.faces]
        if len(ran) == 1:
            return f"Nothing was compared: only {ran[0].executor} ran."
        asked = {one.faces: _listed([other.executor for other in ran if other.faces == one.faces]) for one in ran}
        what = "; ".join(f"{self._samples(count)} in {names}" for count, names in asked.items())
        if self.difference is None:
            return f"Equal, 0 differences: {what}."
        wrong = [f"{one.executor} differs on {one.mismatches} of {one.faces}" for one in ran if one.mismatches]
        return f"Not equal, {_listed(wrong)}: {what}."

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "baseline": self.executors[0].executor,
            "faces": self.faces,
            "sample": self.sample,
            "patterns": list(self.patterns),
            "executors": [asdict(one) for one in self.executors],
            "difference": None if self.difference is None else asdict(self.difference),
            "verdict": self.verdict(),
        }

    def _samples(self, count: int) -> str:
        """So many samples, as faces and the test patterns among them."""
        faces = count - len(self.patterns)
        return f"{faces:,} {self.sample}{'' if faces == 1 else 's'} and {len(self.patterns)} test patterns"


def pattern_names(channels: int) -> tuple[str, ...]:
    """The test patterns of frames of so many channels: PATTERNS of three colours, else those without colours."""
    return PATTERNS if channels == 3 else PATTERNS[:SHADES]


def patterns(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The test patterns, in the order of `pattern_names`: noise of all colours, no light, all light, one colour alone.

    Args:
        shape: (height, width, channels) of a face or frame.

    Returns:
        uint8 of shape (6, height, width, 3), or (3, height, width, channels), the same in every call.
    """
    names = pattern_names(shape[-1])
    made = np.zeros((len(names), *shape), np.uint8)
    made[names.index("noise")] = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    made[names.index("white")] = 255
    for channel, name in enumerate(names[SHADES:]):
        made[names.index(name), ..., channel] = 255
    return made


def levels_of(
    deployment: Deployment, names: Sequence[str] = tuple(EXECUTORS), limits: Mapping[str, int | None] | None = None
) -> list[Level]:
    """A ladder over the executors of a deployment, numpy first.

    Args:
        deployment: What to run.
        names: Which executors, each started when its turn comes.
        limits: How many faces an executor is asked for at most, such as {"rtl": 4}.

    Raises:
        ValueError: A name is none of an executor.
    """
    if unknown := [name for name in names if name not in EXECUTORS]:
        raise ValueError(f"an executor must be one of {', '.join(EXECUTORS)}, got {unknown[0]!r}")

    def level(name: str) -> Level:
        return Level(name, lambda: open_executor(deployment, name), (limits or {}).get(name))

    return [level(name) for name in dict.fromkeys([BASELINE, *names])]


def compare(
    levels: Sequence[Level],
    faces: npt.NDArray[np.uint8],
    names: Sequence[str],
    progress: Progress = lambda executor, done, asked: None,
    sample: str = "face",
) -> Parity:
    """Run faces and test patterns through executors and compare all integers with the baseline's by `==`.

    Where accumulators differ, the first layer that does is sought among those that this executor and an equal one
    before it show. Executors that show none are closed after their turn, the others at the end.

    Args:
        levels: The baseline, which takes all faces, and those that are held against it.
        faces: uint8 of shape (N, 48, 48, 3), or of the frames that the network takes, N at least 1.
        names: Of the elements of an output frame, see AcceleratorContract.output_names.
        progress: See Progress.
        sample: What they are, see Difference.

    Returns:
        What each showed; one that cannot be started says why.

    Raises:
        ValueError: Faces have another type or shape.
        RuntimeError: An executor fails while it computes, or the baseline cannot be started.
    """
    ladder = _Ladder(faces, names, progress, sample)
    with ladder.held:
        compared = tuple(ladder.compared(level) for level in levels)
    return Parity(len(faces), compared, ladder.patterns, sample)


class _Ladder:
    """Holds one executor after another against the first.

    Args:
        faces: uint8 of shape (N, 48, 48, 3), or of the frames that the network takes.
        names: Of the elements of an output frame, see AcceleratorContract.output_names.
        progress: See Progress.
        sample: What they are, see Difference.

    Attributes:
        patterns: Names of the test patterns behind them.
        held: Closes the executors whose layers may be asked for until the end.
    """

    def __init__(self, faces: npt.NDArray[np.uint8], names: Sequence[str], progress: Progress, sample: str) -> None:
        self.held = ExitStack()
        self.patterns = pattern_names(faces.shape[-1])
        self._samples = np.concatenate([*batches(faces, BATCH, faces.shape[1:]), patterns(faces.shape[1:])])
        self._faces = len(faces)
        self._names, self._progress, self._sample = names, progress, sample
        self._expected: npt.NDArray[np.int64] | None = None  # (samples, elements) of the baseline
        self._agreed: list[Executor] = []

    def compared(self, level: Level) -> Compared:
        """Start an executor, ask it, and find its first difference."""
        asked = self._asked(level.faces)
        if not len(asked):
            return Compared(level.name, "not asked")
        try:
            executor = level.start()
        except (ValueError, RuntimeError) as error:
            if self._expected is None:
                raise
            return Compared(level.name, str(error))
        with ExitStack() as turn:
            (self.held if isinstance(executor, LayerExecutor) else turn).callback(executor.close)
            start = time.perf_counter()
            answer = self._answer(executor, self._samples[asked], level.batch)
            seconds = round(time.perf_counter() - start, 3)
            if self._expected is None:
                self._expected = answer
            wrong = np.flatnonzero((answer != self._expected[asked]).any(axis=1))
            difference = self._difference(executor, int(asked[wrong[0]]), answer[wrong[0]]) if len(wrong) else None
        if difference is None:
            self._agreed.append(executor)
        return Compared(executor.name, executor.description, len(asked), len(wrong), seconds, difference)

    def _asked(self, limit: int | None) -> npt.NDArray[np.intp]:
        """Places of the samples that an executor is asked for: its faces, then all test patterns."""
        if limit == 0:
            return np.empty(0, np.intp)
        if limit is not None and self._expected is None:
            raise ValueError(f"the baseline must take all faces, got at most {limit}")
        faces = self._faces if limit is None else min(limit, self._faces)
        return np.concatenate([np.arange(faces), np.arange(self._faces, len(self._samples))])

    def _answer(self, executor: Executor, samples: npt.NDArray[np.uint8], batch: int | None) -> npt.NDArray[np.int64]:
        """Output frames (N, elements), batch by batch."""
        self._progress(executor.name, 0, len(samples))
        answers = []
        for part in batches(samples, batch or len(samples), samples.shape[1:]):
            answers.append(executor.accumulators(part))
            self._progress(executor.name, len(part), len(samples))
        return np.concatenate(answers)

    def _difference(self, executor: Executor, sample: int, actual: npt.NDArray[np.int64]) -> Difference:
        """Where an executor leaves those that agree, on a sample whose output frame (elements,) is wrong."""
        assert self._expected is not None, "the baseline never differs from itself"
        expected = self._expected[sample]
        unit = int((actual != expected).argmax())
        at_output = None, (0, 0, unit), int(expected[unit]), int(actual[unit])
        layer, element, need, got = self._first_layer(executor, self._samples[sample : sample + 1]) or at_output
        return Difference(
            executor=executor.name,
            layer=layer,
            output=executor.output,
            face=sample,
            pattern=self.patterns[sample - self._faces] if sample >= self._faces else None,
            element=element,
            action_unit=self._names[unit] if layer is None else None,
            expected=need,
            actual=got,
            agreed=tuple(one.name for one in self._agreed),
            sample=self._sample,
        )

    def _first_layer(
        self, executor: Executor, face: npt.NDArray[np.uint8]
    ) -> tuple[str, tuple[int, int, int], int, int] | None:
        """The first layer in which an executor leaves those that agree: name, element, expected and actual value."""
        if not isinstance(executor, LayerExecutor):
            return None
        known: dict[str, npt.NDArray[np.int64]] = {}
        for one in self._agreed:
            if isinstance(one, LayerExecutor):
                known = {**one.layers(face), **known}
        for name, layer in executor.layers(face).items():
            if name in known and (wrong := known[name] != layer).any():
                _, row, column, channel = (int(index) for index in np.argwhere(wrong)[0])
                element = row, column, channel
                return name, element, int(known[name][0][element]), int(layer[0][element])
        return None


def _listed(names: Sequence[str]) -> str:
    """Names as a person lists them: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
