# SPDX-License-Identifier: Apache-2.0
"""Model cards: what a checkpoint was made of, how good it is, where it fails and what it is not for, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from board.core.decoding import (
    BY_EMOTION,
    CODED,
    EMOTION,
    INDEPENDENT,
    REAL_AND_RENDERED,
    RENDERED,
    UNKNOWN,
    VALIDITIES,
)
from board.core.facs import AU_TITLES, AUS, EMOTIONS
from board.core.files import write_text
from qnn.evaluation import result_tables
from qnn.evaluation.aus import tables as aus_tables
from qnn.evaluation.aus.measuring import AuFigures
from qnn.evaluation.measuring import Measured
from qnn.evaluation.metrics import Evaluation
from qnn.evaluation.result_tables import Grid
from qnn.network.checkpoint import Card
from qnn.network.complexity import weight_bytes
from qnn.network.model import CbamCnn, parameter_counts
from qnn.network.presets import FLOAT, PRESETS

WEAK_F1 = 0.5
"""An AU below this is told among the failures."""
CONFUSIONS = 3
"""How many of the most frequent confusions of emotions are told."""

HOW_DECODED = {
    INDEPENDENT: "each by itself",
    BY_EMOTION: "together: those of an emotion rise and fall with it, as in the labels that it learned",
}

LEARNED = {
    CODED: "learned from faces that people coded",
    REAL_AND_RENDERED: "learned from real faces whose AUs were measured, and from rendered ones",
    RENDERED: "learned from rendered faces alone: no real face has told whether they are right",
    EMOTION: "follow from the emotion that people saw, by the paper's Table 2: they tell an emotion, not a muscle",
    UNKNOWN: "learned from labels whose origin nobody wrote down",
}

USES = """\
It is meant for research on affect sensing and on quantized networks, and as the example of this repository.

It must not be used to judge a person: not for hiring, policing, schooling, insurance, medicine or lie detection. What
it names is the look of a face, not what somebody feels. It has been measured on photographs of one dataset, whose
age, gender and skin colour are not known: nothing is known of how well it does on groups of people.
"""
BY_TABLE = (
    "The labels are AUs that the paper's Table 2 assigns to an emotion which annotators saw; no FACS coder saw these"
    " faces, so its metrics tell agreement with that table."
)
BY_FIGURES = (
    "The truth of rendered faces is what a made-up head was moved by, that of real ones what a landmark model sees in"
    " them; no FACS coder saw these faces, so its metrics tell agreement with these two."
)
WEAK_AUC = 0.75
"""An AU that parts itself no better, alone, from neutral faces or other AUs is told among the failures."""
SHAKY = 0.75
"""A damage that leaves a lesser share of the F1 is told among the failures."""


def write(measured: Measured, path: Path) -> None:
    """Write the card of a checkpoint whose AUs were held against labels."""
    found, description = measured.evaluation, measured.selection.description
    title = f"{found.n:,} faces of {description['dataset']} {description['split']}"
    tables = result_tables.overview(found, title)
    _write(measured.card, measured.checkpoint_sha256, tables, _failures(found), BY_TABLE, path)


def write_aus(found: AuFigures, path: Path) -> None:
    """Write the card of a checkpoint whose AUs were held against faces that tell them apart."""
    _write(found.card, found.checkpoint_sha256, aus_tables.grids(found), _failures_of_aus(found), BY_FIGURES, path)


def _write(card: Card, sha256: str, tables: Sequence[Grid], failures: Sequence[str], truth: str, path: Path) -> None:
    """Write a card with tables of metrics, known failures and where the truth behind both comes from."""
    parts = [
        f"# {card.preset}, {'with' if card.architecture.attention else 'without'} attention",
        _what(card, sha256),
        *_validity(card),
        "## Training",
        _training(card.preset, card.training),
        "## Metrics",
        *(grid.markdown().strip() for grid in tables),
        "## Known failures",
        "\n".join(failures),
        "## Uses",
        f"{USES.strip()}\n{truth}",
    ]
    write_text(path, "\n\n".join(parts) + "\n")


def _what(card: Card, sha256: str) -> str:
    """Geometry, size and what goes in and out."""
    preset = PRESETS.get(card.preset)
    parameters = parameter_counts(CbamCnn(card.architecture))[0]
    bits = "float" if preset is None else f"{preset.weight_bits}-bit weights, {preset.activation_bits}-bit activations"
    return (
        f"CBAM-CNN of Deramgozin et al. 2023, {parameters:,} parameters in {weight_bytes(card.architecture, preset):,}"
        f" bytes ({bits}). In goes a {card.colour} face of 48x48 pixels, out come the probabilities of"
        f" {len(card.aus)} action units, {HOW_DECODED[card.decoding]}.{_of_emotions(card)}"
        f" SHA-256 of its weights: `{sha256}`."
    )


def _of_emotions(card: Card) -> str:
    """Where an emotion comes from."""
    if card.architecture.emotions:
        return f" {card.architecture.emotions} emotions have outputs of their own, and no AU follows from them."
    return " An emotion is the row of the paper's Table 2 that these fit best." if card.aus == AUS else ""


def _validity(card: Card) -> list[str]:
    """A section on what each AU's output learned from; none where nobody wrote it down."""
    aus: dict[str, list[str]] = {}
    for au, validity in zip(card.aus, card.validities, strict=True):
        aus.setdefault(validity, []).append(f"AU{au}")
    if set(aus) == {UNKNOWN}:
        return []
    lines = [f"- {', '.join(aus[validity])}: {LEARNED[validity]}." for validity in VALIDITIES if validity in aus]
    return ["## What the AUs are", "\n".join(lines)]


def _training(preset: str, training: Mapping[str, Any]) -> str:
    """Data, terms, recipe, seed and hours of the stages."""
    lines = [f"Data: {training.get('data', 'not recorded')}.", *filter(None, [training.get("terms")])]
    if digest := training.get("soft_labels"):
        lines += [f"AUs of its faces by `auflow label`, whose file has sha256 `{digest}`."]
    for beside in training.get("beside", []):
        lines += [f"{beside['data']}, {beside['share'] * 100:g} % of each batch. {beside['terms']}"]
    lines += [""]
    for name, stage in _stages(preset, training):
        hours = stage.get("hours")
        took = "" if hours is None else f", {hours:g} hours"
        lines += [f"- {name}{took}: {_settings(stage.get('recipe') or {}) or 'its card does not say how'}"]
    for teacher in training.get("teachers", []):
        attention = "with" if teacher["attention"] else "without"
        lines += [f"- distilled from a float network {attention} attention: {_settings(teacher['recipe'])}"]
    if tuned := training.get("thresholds"):
        coverage = tuned.get("coverage")
        aim = "" if coverage is None else f", to name an emotion by Table 2 for the surest {coverage * 100:g} %"
        lines += [f"- decision thresholds tuned on {tuned['faces']:,} faces of the validation set{aim}"]
    return "\n".join(lines)


def _stages(preset: str, training: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Names and settings of all stages, the first one first."""
    start = training.get("start")
    if not start:
        return [("all", training)]
    first, *more = reversed(_chain(training if preset == FLOAT else start, "start"))
    floats = [(FLOAT, first), *((f"{FLOAT}, trained on", stage) for stage in more)]
    if preset == FLOAT:
        return floats
    earlier = reversed(_chain(start.get("quantized"), "quantized"))
    quantized = [(f"quantized to {stage['preset']}", stage) for stage in earlier]
    return [*floats, *quantized, ("quantized", training)]


def _chain(stage: Mapping[str, Any] | None, link: str) -> list[Mapping[str, Any]]:
    """A stage and all before it, the last one first."""
    found = []
    while stage:
        found.append(stage)
        stage = stage.get(link)
    return found


def _settings(recipe: Mapping[str, Any], prefix: str = "") -> str:
    """A recipe in one line, as `--set` takes it."""
    texts = []
    for name, value in recipe.items():
        texts.append(_settings(value, f"{name}.") if isinstance(value, Mapping) else f"`{prefix}{name}={value}`")
    return ", ".join(texts)


def _failures(found: Evaluation) -> list[str]:
    """Weak AUs and frequent confusions, out of the metrics."""
    weak = [
        f"- AU{number} ({AU_TITLES[number].lower()}) is weak: F1 {au.f1:.2f} on {au.support:,} faces that show it,"
        f" precision {au.precision or 0:.2f}, recall {au.recall or 0:.2f}."
        for number, au in found.per_au.items()
        if au.f1 is not None and au.f1 < WEAK_F1
    ]
    unknown = "- Faces turned away, covered, cut off or smaller than 48 pixels were not measured."
    return [*weak, *(f"- {line}" for line in _confusions(found)), unknown]


def _failures_of_aus(found: AuFigures) -> list[str]:
    """AUs that are weak alone, alarms on neutral faces, and damages that cost much."""
    lines = []
    if found.rendered is not None:
        for number, au in found.rendered.validity.per_au.items():
            least = min(one.value for one in (au.neutral, au.others) if one.value is not None)
            if least < WEAK_AUC:
                lines.append(f"- AU{number} ({AU_TITLES[number].lower()}) is weak: AUC {least:.2f} alone, rendered.")
        alarms = found.rendered.validity.means["any_false_alarm"].value
        lines.append(f"- Some AU is called on {alarms:.0%} of the neutral rendered faces.")
    if found.real is not None:
        alarms = found.real.agreement.means["any_false_alarm"].value
        lines.append(f"- Some AU is called on {alarms:.0%} of the calm real faces.")
        for name, left in found.real.robustness.items():
            if left.of_clean.value is not None and left.of_clean.value < SHAKY:
                lines.append(f"- {name}: {left.of_clean.value:.0%} of the micro F1 of clean real faces is left.")
    return lines


def _confusions(found: Evaluation) -> list[str]:
    """The emotions that are most often taken for another one."""
    matrix = found.confusion_prototype
    if matrix is None:
        return []
    wrong = [
        (matrix[true, seen] / max(int(matrix[true].sum()), 1), true, seen)
        for true in range(len(EMOTIONS))
        for seen in range(len(EMOTIONS))
        if true != seen
    ]
    return [
        f"{EMOTIONS[true]} is taken for {EMOTIONS[seen]} ({found.of_every_face}) in {share * 100:.0f} % of"
        f" {int(matrix[true].sum()):,} faces."
        for share, true, seen in sorted(wrong, reverse=True)[:CONFUSIONS]
        if share
    ]
