# SPDX-License-Identifier: Apache-2.0
"""Export: a checkpoint to model.onnx (QONNX), standard.onnx (standard ONNX) and export.json, which describes both."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from board.core.decoding import UNKNOWN
from board.core.facs import EMOTIONS, au_names
from board.core.files import sha256, write_bytes, write_json
from board.core.outputs import ActionUnit, Emotion
from board.core.reading import parsing, read_json
from qnn.export.qonnx_graph import accumulator_bounds, to_qonnx, with_attention
from qnn.export.sigmoids import SigmoidCheck, correct_sigmoids
from qnn.export.standard_onnx import to_standard
from qnn.network import checkpoint as checkpoints
from qnn.network.checkpoint import Card
from qnn.network.presets import FLOAT
from qnn.network.quantized import QuantCbamCnn

FORMAT = "auflow-export-5"
MODEL, STANDARD, REPORT = "model.onnx", "standard.onnx", "export.json"


@dataclass(frozen=True)
class ExportReport:
    """What an export made and found.

    Attributes:
        preset: Name of the preset.
        aus: FACS numbers in the order of the outputs; those of the emotions follow where the network has some.
        scale: Logits per unit of the accumulator, one power of two per output.
        offset: Logit at accumulator 0, per output.
        thresholds: Decision threshold of each AU, a probability.
        decoding: How probabilities come from logits, see board.core.decoding.
        colour: How faces become input, see board.faces.crop.to_input.
        crop_margin: Share of the face's side that its crop adds on each side.
        sigmoids: What was found on each of them.
        accumulator_bounds: Largest reachable magnitude per convolution and dense layer, all below 2**24.
        checkpoint_sha256: Digest of the checkpoint.
        model_sha256: Digest of model.onnx.
        standard_sha256: Digest of standard.onnx.
        calibration: Slope and offset of each output, see qnn.network.checkpoint.Card; empty where there is none.
        validity: What each AU's output learned from, see board.core.decoding.VALIDITIES; empty where unknown.
    """

    preset: str
    aus: tuple[int, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    thresholds: tuple[float, ...]
    decoding: str
    colour: str
    crop_margin: float
    sigmoids: tuple[SigmoidCheck, ...]
    accumulator_bounds: Mapping[str, int]
    checkpoint_sha256: str
    model_sha256: str
    standard_sha256: str
    calibration: tuple[tuple[float, float], ...] = ()
    validity: tuple[str, ...] = ()

    @property
    def action_units(self) -> tuple[ActionUnit, ...]:
        """What the host computes from each AU's accumulator."""
        validity = self.validity or (UNKNOWN,) * len(self.aus)
        named = zip(au_names(self.aus), self.thresholds, validity, self._linear[: len(self.aus)], strict=True)
        return tuple(
            ActionUnit(name, scale, offset, threshold, slope, shift, learned)
            for name, threshold, learned, (scale, offset, slope, shift) in named
        )

    @property
    def emotions(self) -> tuple[Emotion, ...]:
        """What the host computes from each emotion's accumulator; empty where the network has no such outputs."""
        linear = self._linear[len(self.aus) :]
        return tuple(Emotion(name, *each) for name, each in zip(EMOTIONS[: len(linear)], linear, strict=True))

    @property
    def _linear(self) -> list[tuple[float, float, float, float]]:
        """Scale, offset, slope and shift of each output."""
        calibration = self.calibration or ((1.0, 0.0),) * len(self.scale)
        outputs = zip(self.scale, self.offset, calibration, strict=True)
        return [(scale, offset, slope, shift) for scale, offset, (slope, shift) in outputs]

    @property
    def corrected(self) -> int:
        """Sigmoids that needed a correction."""
        return sum(check.correction != 0 for check in self.sigmoids)


def frozen_network(checkpoint: Path, preset: str | None = None) -> tuple[QuantCbamCnn, Card, tuple[SigmoidCheck, ...]]:
    """The quantized network of a checkpoint in its inference form, sigmoids corrected: exactly what `export` writes.

    Args:
        checkpoint: A quantized .safetensors file with its card.
        preset: The preset that the caller needs; None takes any.

    Raises:
        ValueError: A float checkpoint, another preset's, or one that `checkpoint.load` refuses.
    """
    card = checkpoints.read_card(checkpoint)
    if card.preset == FLOAT:
        raise ValueError(f"export needs a quantized checkpoint, got the float one {checkpoint}: quantize it first")
    network, card = checkpoints.load(checkpoint, preset)
    assert isinstance(network, QuantCbamCnn)
    if len(card.aus) != card.architecture.aus:
        raise ValueError(f"the card of {checkpoint} must name {card.architecture.aus} AUs, got {len(card.aus)}")
    network.freeze()
    with _named(checkpoint):
        return network, card, correct_sigmoids(network)


@contextmanager
def _named(checkpoint: Path) -> Iterator[None]:
    """Say of which checkpoint it is that its weights cannot be computed exactly."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{error} in checkpoint {checkpoint}: train again") from None


def export(checkpoint: Path, out: Path, preset: str | None = None, attention: bool = False) -> ExportReport:
    """Write model.onnx, standard.onnx and, last, export.json.

    Args:
        checkpoint: A quantized .safetensors file with its card.
        out: Folder, made where it is missing.
        preset: The preset that the caller needs; None takes any.
        attention: Whether the first spatial gate's codes follow the accumulators in the models' output.

    Raises:
        ValueError: The checkpoint is refused (see `frozen_network`), cannot be computed exactly or has no attention.
        RuntimeError: The folder cannot be written.
    """
    network, card, sigmoids = frozen_network(checkpoint, preset)
    _make_folder(out)
    with _named(checkpoint):
        model = to_qonnx(network)
        bounds = accumulator_bounds(model)
    if attention:
        model = with_attention(model)
    with _named(checkpoint):
        standard = to_standard(model)
    report = ExportReport(
        preset=card.preset,
        aus=card.aus,
        scale=tuple(network.output_scale().tolist()),
        offset=tuple(network.fc3_bias.tolist()),
        thresholds=card.decision_thresholds,
        decoding=card.decoding,
        colour=card.colour,
        crop_margin=card.crop_margin,
        sigmoids=sigmoids,
        accumulator_bounds=bounds,
        checkpoint_sha256=sha256(checkpoint),
        model_sha256=_write_model(out / MODEL, model),
        standard_sha256=_write_model(out / STANDARD, standard),
        calibration=card.calibration,
        validity=card.validity,
    )
    write_json(out / REPORT, {"format": FORMAT, **asdict(report)})
    return report


def files(out: Path) -> tuple[Path, ...]:
    """What `export` leaves in a folder."""
    return out / MODEL, out / STANDARD, out / REPORT


def read_report(out: Path) -> ExportReport:
    """Read what `export` left in a folder.

    Raises:
        ValueError: It holds no export, one of another format, or a model that is not the report's.
    """
    content = read_json(out / REPORT, "an export's report", "run `auflow export` first")
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f"{out / REPORT} is not of format {FORMAT}: export again")
    with parsing(out / REPORT, "an export's report", "export again"):
        content["sigmoids"] = tuple(SigmoidCheck(**check) for check in content["sigmoids"])
        content["calibration"] = [tuple(pair) for pair in content.get("calibration", ())]
        entries: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        report = ExportReport(**entries)
    for name, digest in ((MODEL, report.model_sha256), (STANDARD, report.standard_sha256)):
        if not (out / name).is_file() or sha256(out / name) != digest:
            raise ValueError(f"{out / name} is missing or not the one in {REPORT}: export again")
    return report


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".{os.getpid()}.probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RuntimeError(f"cannot write to folder {out}: {error.strerror}") from None


def _write_model(path: Path, model: onnx.ModelProto) -> str:
    """Write a model in one file and return its digest."""
    content = model.SerializeToString(deterministic=True)
    write_bytes(path, content)
    return sha256(content)
