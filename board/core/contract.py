# SPDX-License-Identifier: Apache-2.0
"""accelerator.json: what an accelerator takes, gives and is made of, bound to its model and bitfile."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from board.core.arrays import Flags, Integers, Reals
from board.core.decoding import BY_EMOTION, DECODINGS, INDEPENDENT, emotion_probabilities, probabilities
from board.core.facs import AU_NAMES, EMOTIONS, nearest_emotions
from board.core.files import sha256, write_json
from board.core.lanes import Lanes
from board.core.node import Tensor
from board.core.reading import read_json

if TYPE_CHECKING:  # its import takes a board's time
    import numpy.typing as npt

T = TypeVar("T")
FORMAT = 2
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
        if len(self.shape) != 3 or not all(_is_count(size) for size in self.shape):
            raise ValueError(f"input.shape must be three sizes of at least 1, got {self.shape}")
        if self.dtype != "uint8":
            raise ValueError(f"input.dtype must be uint8, got {self.dtype!r}")
        if self.colour not in COLOURS:
            raise ValueError(f"input.colour must be one of {', '.join(COLOURS)}, got {self.colour!r}")
        if not (_is_number(self.crop_margin) and -0.5 < self.crop_margin <= 1):
            raise ValueError(f"need -0.5 < input.crop_margin <= 1, got {self.crop_margin!r}")
        if self.preprocessing not in PREPROCESSINGS:
            raise ValueError(
                f"input.preprocessing must be one of {', '.join(PREPROCESSINGS)}, got {self.preprocessing!r}:"
                " build again"
            )

    @property
    def upright(self) -> bool:
        """Whether faces are turned upright before they are cut."""
        return self.preprocessing == UPRIGHT


@dataclass(frozen=True)
class ActionUnit:
    """One output: logit = scale * accumulator + offset, present where its probability reaches the threshold.

    Attributes:
        name: Such as "AU12 Lip corner puller".
        scale: Logits per unit of the accumulator, above 0.
        offset: Logit at accumulator 0.
        threshold: Decision threshold, a probability between 0 and 1.
    """

    name: str
    scale: float
    offset: float
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name):
            raise ValueError(f"the name of an action unit must be text, got {self.name!r}")
        if not (_is_number(self.scale) and self.scale > 0):
            raise ValueError(f"need scale > 0, got {self.scale!r} for {self.name}")
        if not _is_number(self.offset):
            raise ValueError(f"an offset must be a finite number, got {self.offset!r} for {self.name}")
        if not (_is_number(self.threshold) and 0 < self.threshold < 1):
            raise ValueError(f"need 0 < threshold < 1, got {self.threshold!r} for {self.name}")


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
            if not _is_count(getattr(self, key)):
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


@dataclass(frozen=True)
class Attention:
    """Where the network looks: codes of the first spatial gate, row by row, from closed to open.

    Attributes:
        rows: Of the gate.
        columns: Of the gate.
        bits: Of one code; the accelerator widens it to an accumulator's.
        signed: Two's complement if true.
    """

    rows: int
    columns: int
    bits: int
    signed: bool

    def __post_init__(self) -> None:
        for key in ("rows", "columns", "bits"):
            if not _is_count(getattr(self, key)):
                raise ValueError(f"need attention.{key} >= 1, got {getattr(self, key)!r}")
        if not isinstance(self.signed, bool):
            raise ValueError(f"attention.signed must be true or false, got {self.signed!r}")

    @classmethod
    def of(cls, gate: Tensor) -> Attention:
        """The attention that a spatial gate of the integer graph shows."""
        return cls(*gate.shape[:2], gate.bits, gate.signed)

    @property
    def codes(self) -> int:
        """How many a frame has."""
        return self.rows * self.columns

    def maps(self, codes: Integers) -> npt.NDArray[np.float32]:
        """Codes (N, codes) as float32 (N, rows, columns), from 0 for closed to 1 for open."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        shares = (codes - low) / ((1 << self.bits) - 1)
        return shares.astype(np.float32).reshape(-1, self.rows, self.columns)


@dataclass(frozen=True)
class Outputs:
    """What the host computes from the accumulators of one face, in the order of the contract.

    Attributes:
        accumulators: What left the accelerator, of shape (AUs,): the same integers from every executor.
        logits: float64 (AUs,).
        probabilities: float64 (AUs,).
        occurrence: Whether each probability reaches its decision threshold, bool (AUs,).
        emotion: The best-matching row of the paper's Table 2; None where the AUs are not its thirteen.
        emotion_probabilities: Of each of facs.EMOTIONS, float64 (7,), see board.core.decoding; None as above.
        attention: Where the network looked, float32 (rows, columns) from 0 to 1; None where no codes came along.
    """

    accumulators: Integers
    logits: Reals
    probabilities: Reals
    occurrence: Flags
    emotion: str | None
    emotion_probabilities: Reals | None = None
    attention: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Contract:
    """All of accelerator.json.

    Attributes:
        model_sha256: Digest of model.onnx.
        bitfile_sha256: Digest of the bitfile, None where none was made.
        input: How a picture becomes a frame.
        action_units: The outputs, in the order of the accumulators.
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
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"accelerator.json must have format {FORMAT}, got {self.format!r}: build again")
        for key in ("model_sha256", "bitfile_sha256"):
            digest = getattr(self, key)
            optional = key == "bitfile_sha256" and digest is None
            if not optional and not (isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)):
                raise ValueError(f"{key} must be 64 hexadecimal digits, got {digest!r}")
        names = [unit.name for unit in self.action_units]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"action_units must have at least one and distinct names, got {names}")
        if self.decoding not in DECODINGS:
            raise ValueError(f"decoding must be one of {', '.join(DECODINGS)}, got {self.decoding!r}")
        if self.decoding == BY_EMOTION and self.au_names != AU_NAMES:
            raise ValueError(f"decoding {self.decoding!r} needs the AUs of Table 2 in their order, got {names}")
        stream = self.output_stream
        if self.accumulator != f"{'INT' if stream.signed else 'UINT'}{stream.bits}":
            raise ValueError(
                f"accumulator must be the output stream's type, {stream.bits} bits"
                f" {'signed' if stream.signed else 'unsigned'}, got {self.accumulator!r}"
            )
        given = len(names) + (self.attention.codes if self.attention else 0)
        for key, elements in (("input_stream", math.prod(self.input.shape)), ("output_stream", given)):
            packing = getattr(self, key)
            if packing.elements != elements:
                raise ValueError(
                    f"lanes x beats_per_frame must be the {elements} elements of a frame in {key},"
                    f" got {packing.lanes} x {packing.beats_per_frame}"
                )
        if not (_is_number(self.clock_mhz) and self.clock_mhz > 0):
            raise ValueError(f"need clock_mhz > 0, got {self.clock_mhz!r}")

    @cached_property
    def au_names(self) -> tuple[str, ...]:
        """Names of the action units, in the order of the accumulators."""
        return tuple(unit.name for unit in self.action_units)

    @cached_property
    def _decoded(self) -> Reals:
        """Scales, offsets and thresholds of the action units, float64 (3, AUs)."""
        units = [(unit.scale, unit.offset, unit.threshold) for unit in self.action_units]
        return np.array(units, dtype=np.float64).T

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the elements of an output frame: the action units, then the places of the attention codes."""
        if self.attention is None:
            return self.au_names
        places = product(range(self.attention.rows), range(self.attention.columns))
        return (*self.au_names, *(f"attention code [{row}, {column}]" for row, column in places))

    def outputs(self, frames: Integers) -> list[Outputs]:
        """What raw integers mean, face by face.

        Args:
            frames: As every executor gives them, of shape (N, AUs), or (N, AUs + codes) with attention.
        """
        aus, elements = len(self.action_units), self.output_stream.elements
        if frames.ndim != 2 or frames.shape[1] != elements:
            behind = "" if self.attention is None else f" and {self.attention.codes} attention codes"
            raise ValueError(f"need accumulators{behind} of shape (N, {elements}), got {frames.shape}")
        if not np.issubdtype(frames.dtype, np.integer):
            raise ValueError(f"need integer accumulators, got {frames.dtype}")
        accumulators = frames[:, :aus]
        scale, offset, threshold = self._decoded
        logits = accumulators * scale + offset
        found = probabilities(logits, self.decoding)
        emotions: list[str | None] = [None] * len(logits)
        shares: list[Reals | None] = [None] * len(logits)
        if self.au_names == AU_NAMES:
            emotions = [EMOTIONS[index] for index in nearest_emotions(logits)]
            shares = list(emotion_probabilities(logits))
        maps = [None] * len(logits) if self.attention is None else self.attention.maps(frames[:, aus:])
        faces = zip(accumulators, logits, found, found >= threshold, emotions, shares, maps, strict=True)
        return [Outputs(*face) for face in faces]

    def check_model(self, path: Path) -> None:
        """Refuse a model.onnx other than the one this accelerator was built from."""
        _check_digest(path, self.model_sha256, "model")

    def check_bitfile(self, path: Path) -> None:
        """Refuse a bitfile other than this accelerator's."""
        if self.bitfile_sha256 is None:
            raise ValueError(f"this accelerator was built without a bitfile, got {path}: build it with Vivado")
        _check_digest(path, self.bitfile_sha256, "bitfile")

    def write(self, path: Path) -> None:
        """Write accelerator.json; without attention it says nothing of it."""
        content = asdict(self)
        if self.attention is None:
            del content["attention"]
        write_json(path, content)

    @classmethod
    def read(cls, path: Path) -> Contract:
        """Read accelerator.json; an unknown version, a missing or unknown key or a bad value is refused."""
        content = read_json(path, "accelerator.json", "build again")
        try:
            return cls._parse(content)
        except ValueError as error:
            raise ValueError(f"{error} (in {path})") from None

    @classmethod
    def _parse(cls, content: Any) -> Contract:
        if isinstance(content, dict) and content.get("format") != FORMAT:  # before its keys, which may differ
            raise ValueError(f"accelerator.json must have format {FORMAT}, got {content.get('format')!r}: build again")
        top = dict(_keys(cls, {"attention": None, **_typed(dict, content, "accelerator.json")}, "accelerator.json"))
        rule = dict(_keys(InputRule, top["input"], "input"))
        rule["shape"] = tuple(_typed(list, rule["shape"], "input.shape"))
        top["input"] = InputRule(**rule)
        units = _typed(list, top["action_units"], "action_units")
        top["action_units"] = tuple(ActionUnit(**_keys(ActionUnit, unit, "action_units")) for unit in units)
        for key in ("input_stream", "output_stream"):
            top[key] = StreamPacking(**_keys(StreamPacking, top[key], key))
        if top["attention"] is not None:
            top["attention"] = Attention(**_keys(Attention, top["attention"], "attention"))
        top["layers"] = tuple(_typed(list, top["layers"], "layers"))
        for layer in _typed(dict, top["folding"], "folding").values():
            _typed(dict, layer, "each layer's folding")
        for key in ("accumulator", "part", "board"):
            _typed(str, top[key], key)
        return cls(**top)


def _check_digest(path: Path, expected: str, what: str) -> None:
    if (actual := sha256(path)) != expected:
        raise ValueError(
            f"the {what} must have sha256 {expected[:12]}..., got {actual[:12]}... for {path}:"
            " use the files of one build"
        )


def _keys(cls: Any, content: Any, where: str) -> dict[str, Any]:
    """A JSON object that has exactly the fields of a dataclass."""
    found: dict[str, Any] = _typed(dict, content, where)
    expected = {item.name for item in fields(cls)}
    if missing := sorted(expected - set(found)):
        raise ValueError(f"{where} must have the key {missing[0]!r}, got none")
    if unknown := sorted(set(found) - expected):
        raise ValueError(f"{where} must have only known keys, got {unknown[0]!r}")
    return found


def _typed(kind: type[T], value: Any, where: str) -> T:
    """A JSON value of the given kind."""
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be of type {kind.__name__}, got {type(value).__name__}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
