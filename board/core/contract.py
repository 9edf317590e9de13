# SPDX-License-Identifier: Apache-2.0
"""accelerator.json: what an accelerator takes, gives and is made of, bound to its model and bitfile."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from board.core.arrays import Integers, Reals
from board.core.decoding import BY_EMOTION, DECODINGS, INDEPENDENT, RENDERED, decode, validity_of
from board.core.facs import AU_NAMES, EMOTIONS
from board.core.files import sha256, write_json
from board.core.lanes import Lanes
from board.core.outputs import MARKED, ActionUnit, Attention, Emotion, Outputs
from board.core.reading import is_count, is_number, keys_of, parsing, read_json, typed
from board.core.timing import TimingClosure
from board.core.weights import Weights

FORMAT = 2
FILE = "accelerator.json", "build again"
"""What the file is called, and what to do about a broken one."""
OPTIONAL = ("attention", "emotions", "slope", "shift", "timing", "validity", "weights")
"""Keys that accelerator.json leaves out where they say nothing: it is then what it was before there were such."""
COLOURS = ("grey", "rgb")
"""Colour rules, see board.faces.crop.to_input."""
UPRIGHT, FRONTAL = "yunet-upright-area48-1", "haar-frontal-area48-1"
PREPROCESSINGS = (UPRIGHT, FRONTAL)
"""Names of what board.faces does to a picture, so that old builds notice a change: a face is turned upright and cut, or
cut as it is."""


@dataclass(frozen=True)
class InputRule:
    """How a picture becomes a frame.

    Attributes:
        shape: (height, width, channels) of a frame.
        dtype: "uint8": raw pixels enter the accelerator.
        colour: "grey" or "rgb", see board.faces.crop.to_input.
        crop_margin: Share of the face's side added on each side, see board.faces.crop.framed.
        preprocessing: Name of the steps in board.faces that the network was trained for, one of PREPROCESSINGS.
    """

    shape: tuple[int, int, int]
    dtype: str
    colour: str
    crop_margin: float
    preprocessing: str = UPRIGHT

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or not all(is_count(size) for size in self.shape):
            raise ValueError(f"input.shape must be three sizes of at least 1, got {self.shape}")
        if self.dtype != "uint8":
            raise ValueError(f"input.dtype must be uint8, got {self.dtype!r}")
        if self.colour not in COLOURS:
            raise ValueError(f"input.colour must be one of {', '.join(COLOURS)}, got {self.colour!r}")
        if not (is_number(self.crop_margin) and -0.5 < self.crop_margin <= 1):
            raise ValueError(f"need -0.5 < input.crop_margin <= 1, got {self.crop_margin!r}")
        if self.preprocessing not in PREPROCESSINGS:
            raise ValueError(
                f"input.preprocessing must be one of {', '.join(PREPROCESSINGS)}, got {self.preprocessing!r}"
            )

    @property
    def upright(self) -> bool:
        """Whether faces are turned upright before they are cut."""
        return self.preprocessing == UPRIGHT


@dataclass(frozen=True)
class StreamPacking:
    """How a frame becomes beats: channel fastest, lane 0 least significant, each beat padded to whole bytes.

    Attributes:
        lanes: Elements per beat.
        bits: Bits per element.
        signed: Two's complement if true.
        bytes_per_beat: Bytes of a padded beat.
        beats_per_frame: Beats of one frame.
    """

    lanes: int
    bits: int
    signed: bool
    bytes_per_beat: int
    beats_per_frame: int

    def __post_init__(self) -> None:
        for key in ("lanes", "bits", "bytes_per_beat", "beats_per_frame"):
            if not is_count(getattr(self, key)):
                raise ValueError(f"need {key} >= 1 in a stream, got {getattr(self, key)!r}")
        if not isinstance(self.signed, bool):
            raise ValueError(f"signed must be true or false in a stream, got {self.signed!r}")
        if self.bytes_per_beat != -(-self.lanes * self.bits // 8):
            raise ValueError(
                f"bytes_per_beat must hold lanes x bits = {self.lanes} x {self.bits} bits, got {self.bytes_per_beat}"
            )

    @property
    def elements(self) -> int:
        """Elements of one frame."""
        return self.lanes * self.beats_per_frame

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame in memory."""
        return self.bytes_per_beat * self.beats_per_frame

    @property
    def lane_rule(self) -> Lanes:
        """Converts between elements and beats."""
        return Lanes(self.lanes, self.bits, self.signed)

    @classmethod
    def of_frame(cls, elements: int, lanes: int, bits: int, signed: bool) -> StreamPacking:
        """Packing of a frame of so many elements; the lanes must divide them."""
        if elements % lanes:
            raise ValueError(f"lanes must divide the {elements} elements of a frame, got {lanes}")
        return cls(lanes, bits, signed, -(-lanes * bits // 8), elements // lanes)


Kind = TypeVar("Kind", bound="AcceleratorContract")
"""One kind of contract."""


class AcceleratorContract:
    """What every accelerator.json says of the accelerator, whatever the network computes.

    Attributes:
        model_sha256: Digest of model.onnx.
        bitfile_sha256: Digest of the bitfile, None where none was made.
        shape: (height, width, channels) of a frame.
        input_stream: Packing of pixels.
        output_stream: Packing of the output frame.
        clock_mhz: Clock that the accelerator is built for.
        part: FPGA part, such as "xc7z020clg400-1".
        board: Board, such as "Pynq-Z2".
        timing: What Vivado says of the bitfile's paths and clocks; None where nobody knows.
        weights: Those that come from memory; None where all are in the FPGA.
    """

    model_sha256: str
    bitfile_sha256: str | None
    input_stream: StreamPacking
    output_stream: StreamPacking
    clock_mhz: float
    part: str
    board: str
    timing: TimingClosure | None
    weights: Weights | None

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""

    @property
    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """Names of the elements of an output frame."""

    @abstractmethod
    def with_bitfile(self: Kind, digest: str | None, timing: TimingClosure | None = None) -> Kind:
        """The same with a bitfile's sha256 and timing, or with none."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """What accelerator.json says."""

    def write(self, path: Path) -> None:
        """Write accelerator.json."""
        write_json(path, self.as_json())

    def check_model(self, path: Path) -> None:
        """Refuse a model.onnx other than the one this accelerator was built from."""
        _check_digest(path, self.model_sha256, "model")

    def check_bitfile(self, path: Path) -> None:
        """Refuse a bitfile other than this accelerator's."""
        if self.bitfile_sha256 is None:
            raise ValueError(f"this accelerator was built without a bitfile, got {path}: build it with Vivado")
        _check_digest(path, self.bitfile_sha256, "bitfile")

    def _check(self, outputs: int) -> None:
        """Refuse digests, streams and a clock that cannot be; the output frame has so many elements."""
        for key in ("model_sha256", "bitfile_sha256"):
            digest = getattr(self, key)
            optional = key == "bitfile_sha256" and digest is None
            if not optional and not (isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)):
                raise ValueError(f"{key} must be 64 hexadecimal digits, got {digest!r}")
        for key, elements in (("input_stream", math.prod(self.shape)), ("output_stream", outputs)):
            packing = getattr(self, key)
            if packing.elements != elements:
                raise ValueError(
                    f"lanes x beats_per_frame must be the {elements} elements of a frame in {key},"
                    f" got {packing.lanes} x {packing.beats_per_frame}"
                )
        if not (is_number(self.clock_mhz) and self.clock_mhz > 0):
            raise ValueError(f"need clock_mhz > 0, got {self.clock_mhz!r}")
        if self.timing is not None and self.bitfile_sha256 is None:
            raise ValueError("timing is a bitfile's, got no bitfile_sha256 beside it")


@dataclass(frozen=True)
class Contract(AcceleratorContract):
    """All of accelerator.json of a network of action units.

    Attributes:
        model_sha256: Digest of model.onnx.
        bitfile_sha256: Digest of the bitfile, None where none was made.
        input: How a picture becomes a frame.
        action_units: The outputs of the AUs, in the order of the accumulators.
        accumulator: Type of the output frame's elements, such as "INT16".
        input_stream: Packing of pixels.
        output_stream: Packing of the output frame: the accumulators, and the attention codes where it has some.
        clock_mhz: Clock that the accelerator is built for.
        part: FPGA part, such as "xc7z020clg400-1".
        board: Board, such as "Pynq-Z2".
        folding: Parameters of each hardware layer by its name.
        layers: Names of the hardware layers, in stream order.
        decoding: How probabilities come from logits, see board.core.decoding.
        attention: What follows the accumulators in the output frame; None where nothing does.
        emotions: The outputs of facs.EMOTIONS in their order, behind those of the AUs; empty where there are none.
        timing: What Vivado says of the bitfile's paths and clocks; None where nobody knows.
        weights: Those that come from memory; None where all are in the FPGA.
        format: Version of this file's format.
    """

    model_sha256: str
    bitfile_sha256: str | None
    input: InputRule
    action_units: tuple[ActionUnit, ...]
    accumulator: str
    input_stream: StreamPacking
    output_stream: StreamPacking
    clock_mhz: float
    part: str
    board: str
    folding: Mapping[str, Mapping[str, int | str]]
    layers: tuple[str, ...]
    decoding: str = INDEPENDENT
    attention: Attention | None = None
    emotions: tuple[Emotion, ...] = ()
    timing: TimingClosure | None = None
    weights: Weights | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"accelerator.json must have format {FORMAT}, got {self.format!r}")
        names = [unit.name for unit in self.action_units]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"action_units must have at least one and distinct names, got {names}")
        if self.decoding not in DECODINGS:
            raise ValueError(f"decoding must be one of {', '.join(DECODINGS)}, got {self.decoding!r}")
        if self.decoding == BY_EMOTION and self.au_names != AU_NAMES:
            raise ValueError(f"decoding {self.decoding!r} needs the AUs of Table 2 in their order, got {names}")
        emotions = tuple(emotion.name for emotion in self.emotions)
        if emotions not in ((), EMOTIONS):
            raise ValueError(f"emotions must be none or {', '.join(EMOTIONS)} in this order, got {', '.join(emotions)}")
        if emotions and self.decoding == BY_EMOTION:
            raise ValueError(f"decoding {self.decoding!r} is for networks without outputs for emotions, got {emotions}")
        stream = self.output_stream
        if self.accumulator != f"{'INT' if stream.signed else 'UINT'}{stream.bits}":
            raise ValueError(
                f"accumulator must be the output stream's type, {stream.bits} bits"
                f" {'signed' if stream.signed else 'unsigned'}, got {self.accumulator!r}"
            )
        self._check(self.accumulators + (self.attention.codes if self.attention else 0))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""
        return self.input.shape

    @cached_property
    def au_names(self) -> tuple[str, ...]:
        """Names of the action units, in the order of the accumulators."""
        return tuple(unit.name for unit in self.action_units)

    @property
    def accumulators(self) -> int:
        """How many a face has: one for each AU, and behind them one for each emotion that has an output."""
        return len(self.action_units) + len(self.emotions)

    @property
    def validity(self) -> tuple[str, ...]:
        """What each AU's output learned from, see board.core.decoding.VALIDITIES."""
        return validity_of(tuple(unit.validity for unit in self.action_units), len(self.action_units), self.decoding)

    @property
    def remark(self) -> str:
        """What a person is told of AUs that are marked; empty where none is."""
        return MARKED if RENDERED in self.validity else ""

    @cached_property
    def _linear(self) -> Reals:
        """Scales, offsets, slopes and shifts of all outputs, float64 (4, outputs)."""
        outputs: tuple[ActionUnit | Emotion, ...] = (*self.action_units, *self.emotions)
        rows = [(each.scale, each.offset, each.slope, each.shift) for each in outputs]
        return np.array(rows, dtype=np.float64).T

    @cached_property
    def _thresholds(self) -> Reals:
        """Of the action units, float64 (AUs,)."""
        return np.array([unit.threshold for unit in self.action_units], dtype=np.float64)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the elements of an output frame: AUs, emotions, then the places of the attention codes."""
        names = (*self.au_names, *(emotion.name for emotion in self.emotions))
        if self.attention is None:
            return names
        places = product(range(self.attention.rows), range(self.attention.columns))
        return (*names, *(f"attention code [{row}, {column}]" for row, column in places))

    def outputs(self, frames: Integers) -> list[Outputs]:
        """What raw integers mean, face by face.

        Args:
            frames: As every executor gives them, of shape (N, outputs), or (N, outputs + codes) with attention.
        """
        elements = self.output_stream.elements
        if frames.ndim != 2 or frames.shape[1] != elements:
            behind = "" if self.attention is None else f" and {self.attention.codes} attention codes"
            raise ValueError(f"need accumulators{behind} of shape (N, {elements}), got {frames.shape}")
        if not np.issubdtype(frames.dtype, np.integer):
            raise ValueError(f"need integer accumulators, got {frames.dtype}")
        aus, accumulators = len(self.action_units), frames[:, : self.accumulators]
        scale, offset = self._linear[:2]
        logits = accumulators * scale + offset
        found = decode(logits, aus, self.decoding, self._linear[2:], self.au_names == AU_NAMES)
        present = found.probabilities >= self._thresholds
        shares = found.emotion_probabilities
        maps = None if self.attention is None else self.attention.maps(frames[:, self.accumulators :])
        return [
            Outputs(
                accumulators=accumulators[face],
                logits=logits[face, :aus],
                probabilities=found.probabilities[face],
                occurrence=present[face],
                emotion=None if found.emotions is None else EMOTIONS[found.emotions[face]],
                emotion_probabilities=None if shares is None else shares[face],
                attention=None if maps is None else maps[face],
                emotion_logits=logits[face, aus:] if self.emotions else None,
            )
            for face in range(len(frames))
        ]

    def with_bitfile(self, digest: str | None, timing: TimingClosure | None = None) -> Contract:
        """The same with a bitfile's sha256 and timing, or with none."""
        return replace(self, bitfile_sha256=digest, timing=timing)

    def as_json(self) -> dict[str, Any]:
        """What accelerator.json holds; what has its default and is OPTIONAL is left out."""
        content = _without_defaults(self)
        for key in ("action_units", "emotions"):
            if key in content:
                content[key] = [_without_defaults(output) for output in getattr(self, key)]
        return content

    @classmethod
    def read(cls, path: Path) -> Contract:
        """Read accelerator.json; an unknown version, a missing or unknown key or a bad value is refused."""
        content = read_json(path, *FILE)
        with parsing(path, *FILE):
            return cls._parse(content)

    @classmethod
    def _parse(cls, content: Any) -> Contract:
        if isinstance(content, dict) and content.get("format") != FORMAT:  # before its keys, which may differ
            raise ValueError(f"accelerator.json must have format {FORMAT}, got {content.get('format')!r}")
        top = dict(keys_of(cls, content, "accelerator.json", OPTIONAL))
        rule = dict(keys_of(InputRule, top["input"], "input"))
        rule["shape"] = tuple(typed(list, rule["shape"], "input.shape"))
        top["input"] = InputRule(**rule)
        for key, kind in (("action_units", ActionUnit), ("emotions", Emotion)):
            outputs = typed(list, top.get(key, []), key)
            top[key] = tuple(kind(**keys_of(kind, output, key, OPTIONAL)) for output in outputs)
        for key in ("input_stream", "output_stream"):
            top[key] = StreamPacking(**keys_of(StreamPacking, top[key], key))
        if top.get("attention") is not None:
            top["attention"] = Attention(**keys_of(Attention, top["attention"], "attention"))
        if top.get("timing") is not None:
            top["timing"] = TimingClosure.parse(top["timing"])
        if top.get("weights") is not None:
            top["weights"] = Weights.parse(top["weights"])
        top["layers"] = tuple(typed(list, top["layers"], "layers"))
        for layer in typed(dict, top["folding"], "folding").values():
            typed(dict, layer, "each layer's folding")
        for key in ("accumulator", "part", "board"):
            typed(str, top[key], key)
        return cls(**top)


def _without_defaults(item: Contract | ActionUnit | Emotion) -> dict[str, Any]:
    """The JSON object of a dataclass, without OPTIONAL fields that have their default."""
    defaults = {each.name: each.default for each in fields(item) if each.name in OPTIONAL}
    return {key: value for key, value in asdict(item).items() if key not in defaults or value != defaults[key]}


def _check_digest(path: Path, expected: str, what: str) -> None:
    if (actual := sha256(path)) != expected:
        raise ValueError(
            f"the {what} must have sha256 {expected[:12]}..., got {actual[:12]}... for {path}:"
            " use the files of one build"
        )
