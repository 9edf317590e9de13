# SPDX-License-Identifier: Apache-2.0
"""Ablation studies: attention, losses, head, bits, QAT; each variant trained with several seeds; table and plot.

Every variant is a run of its own under the study's folder, so a study that was cut short goes on where it was, and
studies share what they have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

from board.core.files import write_csv, write_json, write_text
from qnn.data.splits import Splits
from qnn.network import checkpoint
from qnn.network.complexity import FLOAT_BITS, weight_bytes
from qnn.network.model import Architecture
from qnn.network.presets import FLOAT, PRESETS, Preset
from qnn.training import runs
from qnn.training.recipes import Plan, change

METRICS = (
    "micro_f1",
    "macro_f1",
    "fer_accuracy_prototype",
    "fer_accuracy_excluding_none",
    "fer_coverage",
    "fer_accuracy_all",
)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Variant:
    """One network of a study.

    Attributes:
        name: What a reader sees.
        preset: `float` or a quantized preset.
        attention: With the CBAM blocks.
        settings: Changes to the recipe, see recipes.change.
        head_divisor: Of the units of fc1 and fc2, see Architecture.
        start_quantized: Preset of the trained network that this one starts from; None starts from the float network.
    """

    name: str
    preset: str = FLOAT
    attention: bool = True
    settings: tuple[str, ...] = ()
    head_divisor: int = 1
    start_quantized: str | None = None

    @property
    def folder(self) -> str:
        """Folder of its run, shared by variants that differ in their preset only."""
        return self._folder(self.settings) + ("" if self.start_quantized is None else f"_from_{self.start_quantized}")

    @property
    def float_folder(self) -> str:
        """Folder of the float network's run, shared by variants that differ in their quantized networks only."""
        return self._folder(tuple(setting for setting in self.settings if not setting.startswith("quantized.")))

    def _folder(self, settings: tuple[str, ...]) -> str:
        head = [f"head{self.head_divisor}"] * (self.head_divisor > 1)
        return "_".join(["attention" if self.attention else "plain", *head, *settings]).replace("=", "-")


@dataclass(frozen=True)
class Study:
    """Variants that are held against the first of them, and how many seeds that takes where nothing else is said.

    Effects of a point and less need several seeds.
    """

    variants: tuple[Variant, ...]
    seeds: int = 1


PLAIN = [name for name, preset in PRESETS.items() if preset == Preset(preset.weight_bits, preset.activation_bits)]
"""Presets that differ in the bits of weights and activations only."""

STUDIES: Mapping[str, Study] = {
    "attention": Study((Variant("with attention"), Variant("without attention", attention=False)), seeds=3),
    "losses": Study(
        (
            Variant("plain cross-entropy"),
            Variant("weighted cross-entropy", settings=("loss=weighted",)),
            Variant("focal", settings=("loss=focal",)),
            Variant("no emotion term", settings=("emotion_weight=0",)),
            Variant("emotion term eight times as strong", settings=("emotion_weight=4",)),
            Variant("majority labels", settings=("targets=labels",)),
        )
    ),
    "head": Study(
        (
            Variant("2 bits", "w4a4"),
            Variant("4 bits", "w4a4h4"),
            Variant("4 bits, a quarter of the units", "w4a4h4", head_divisor=4),
            Variant("4 bits, a sixteenth of the units", "w4a4h4", head_divisor=16),
            Variant("4 bits, half pruned", "w4a4h4", settings=("quantized.pruned=0.5",)),
            Variant("4 bits, 90 % pruned", "w4a4h4", settings=("quantized.pruned=0.9",)),
        )
    ),
    "bits": Study(tuple(Variant(name, name) for name in (FLOAT, *PLAIN))),
    "qat": Study(
        (
            Variant("w2a2", "w2a2"),
            Variant("w2a2 from w4a4", "w2a2", start_quantized="w4a4"),
            Variant("w2a2 without distillation", "w2a2", settings=("quantized.distillation_weight=0",)),
            Variant("w2a2 without averaging", "w2a2", settings=("quantized.average=0",)),
        )
    ),
}


@dataclass(frozen=True)
class Row:
    """What one variant reached with one seed.

    Attributes:
        study: Name of the study.
        variant: Name of the variant.
        seed: Of its recipe.
        weight_bits: Of conv2 to conv5.
        activation_bits: Between layers.
        weight_bytes: Of all parameters.
        metrics: METRICS by name; None where one does not exist.
        per_au: F1-frame by FACS number.
    """

    study: str
    variant: str
    seed: int
    weight_bits: int
    activation_bits: int
    weight_bytes: int
    metrics: Mapping[str, float | None]
    per_au: Mapping[str, float | None]


def run_study(
    names: Sequence[str],
    splits_of: Callable[[int], Splits],
    out: Path,
    divisor: int,
    seeds: int | None,
    plan: Plan,
    machine: runs.Machine | None = None,
    report: Callable[[str], None] = print,
) -> list[Row]:
    """Train all variants of some studies with seeds 0, 1, ... and write OUT/study.{csv,json,md}.

    Args:
        names: Names of STUDIES.
        splits_of: The splits for a seed.
        out: Folder of the study.
        divisor: Of every width.
        seeds: How many; None for each study's own number.
        plan: Recipes that the variants change.
        machine: What to compute on.
        report: Told what begins.

    Raises:
        ValueError: An unknown study, or what training refuses.
        RuntimeError: Another process has this study's folder.
    """
    if unknown := sorted(set(names) - set(STUDIES)):
        raise ValueError(f"a study must be one of {', '.join(STUDIES)}, got {unknown[0]!r}")
    rows = []
    count = {name: seeds or STUDIES[name].seeds for name in names}
    with runs.held(out, "the study"):
        for seed in range(max(count.values())):
            splits = splits_of(seed)
            for name in names:
                for variant in STUDIES[name].variants if seed < count[name] else ():
                    report(f"{name}: {variant.name}, seed {seed}")
                    rows.append(_train(name, variant, splits, out / f"seed{seed}", divisor, seed, plan, machine))
        _write(rows, out)
    return rows


def _train(
    study: str,
    variant: Variant,
    splits: Splits,
    out: Path,
    divisor: int,
    seed: int,
    plan: Plan,
    machine: runs.Machine | None,
) -> Row:
    """One variant with one seed."""
    architecture = Architecture(len(splits.train.aus), variant.attention, divisor, variant.head_divisor)
    recipe = change(plan, [*variant.settings, f"seed={seed}"])
    home = out / variant.float_folder
    (floating,) = runs.train([FLOAT], architecture, splits, home, recipe, machine)
    path, start_quantized = floating, None
    if variant.start_quantized is not None:
        (start_quantized,) = runs.train(
            [variant.start_quantized], architecture, splits, home, recipe, machine, floating
        )
    if variant.preset != FLOAT:
        (path,) = runs.train(
            [variant.preset], architecture, splits, out / variant.folder, recipe, machine, floating, start_quantized
        )
    metrics = checkpoint.read_card(path).metrics
    preset = PRESETS.get(variant.preset)
    return Row(
        study,
        variant.name,
        seed,
        preset.weight_bits if preset else FLOAT_BITS,
        preset.activation_bits if preset else FLOAT_BITS,
        weight_bytes(architecture, preset, recipe.quantized.pruned if preset else 0.0),
        {name: metrics[name] for name in METRICS},
        metrics["per_au_f1"],
    )


@dataclass(frozen=True)
class SeedSummary:
    """A metric over seeds: its mean, and the half-width of its 95 % interval, None for one seed."""

    mean: float
    half_width: float | None

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if self.half_width is None else f" ± {self.half_width:.4f}")


def summarise(values: Iterable[float]) -> SeedSummary:
    """Mean of a metric over seeds, with Student's interval."""
    known = list(values)
    count = len(known)
    if count < 2:
        return SeedSummary(float(np.mean(known)), None)
    quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    return SeedSummary(float(np.mean(known)), float(quantile * np.std(known, ddof=1) / np.sqrt(count)))


def by_variant(rows: Sequence[Row], study: str, metric: str) -> dict[str, dict[int, float]]:
    """A metric's values by variant and seed; variants and seeds without it are left out."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        value = row.metrics[metric]
        if row.study == study and value is not None:
            found.setdefault(row.variant, {})[row.seed] = value
    return found


def differences(rows: Sequence[Row], study: str, metric: str) -> dict[str, SeedSummary]:
    """How much each variant but the first has above the first, over the seeds that give both the figure."""
    found = by_variant(rows, study, metric)
    first, *others = dict.fromkeys(row.variant for row in rows if row.study == study)
    base = found.get(first, {})
    pairs = {name: [seed for seed in found.get(name, {}) if seed in base] for name in others}
    return {
        name: summarise([found[name][seed] - base[seed] for seed in seeds]) for name, seeds in pairs.items() if seeds
    }


def table(rows: Sequence[Row]) -> str:
    """All studies as Markdown tables: metrics, then differences to the first variant of each."""
    lines = []
    for study in dict.fromkeys(row.study for row in rows):
        seeds = len({row.seed for row in rows if row.study == study})
        lines += [f"## {study}, {seeds} seed{'s' * (seeds > 1)}", ""]
        lines += ["| variant | weights, KiB | " + " | ".join(METRICS) + " |", "|---|" + "---:|" * (len(METRICS) + 1)]
        size = {row.variant: row.weight_bytes / 1024 for row in rows if row.study == study}
        means = {name: by_variant(rows, study, name) for name in METRICS}
        for variant in size:
            cells = [
                str(summarise(means[name][variant].values())) if variant in means[name] else "-" for name in METRICS
            ]
            lines.append(f"| {variant} | {size[variant]:,.1f} | " + " | ".join(cells) + " |")
        gaps = {name: differences(rows, study, name) for name in METRICS}
        first, *others = size
        for variant in others:
            cells = [_signed(gaps[name].get(variant)) for name in METRICS]
            lines.append(f"| {variant} minus {first} | {size[variant] - size[first]:+,.1f} | {' | '.join(cells)} |")
        lines += ["", *_per_au([row for row in rows if row.study == study]), ""]
    return "\n".join(lines)


def _per_au(rows: Sequence[Row]) -> list[str]:
    """F1-frame of each AU of one study's variants, mean over seeds, as a Markdown table."""
    variants = list(dict.fromkeys(row.variant for row in rows))
    lines = ["| F1-frame of | " + " | ".join(variants) + " |", "|---|" + "---:|" * len(variants)]
    for au in rows[0].per_au:
        found = [[v for row in rows if row.variant == name and (v := row.per_au[au]) is not None] for name in variants]
        lines.append(f"| {au} | " + " | ".join(f"{np.mean(v):.3f}" if v else "-" for v in found) + " |")
    return lines


def _signed(gap: SeedSummary | None) -> str:
    if gap is None:
        return "-"
    return f"{gap.mean:+.4f}" + ("" if gap.half_width is None else f" ± {gap.half_width:.4f}")


def _write(rows: Sequence[Row], out: Path) -> None:
    """The rows for programs and for readers."""
    flat: list[dict[str, Any]] = [
        {
            **{name: value for name, value in vars(row).items() if name not in ("metrics", "per_au")},
            **row.metrics,
            **{f"f1_{au}": value for au, value in row.per_au.items()},
        }
        for row in rows
    ]
    write_csv(out / "study.csv", [flat[0], *(row.values() for row in flat)])
    gaps = {
        study: {name: {k: vars(v) for k, v in differences(rows, study, name).items()} for name in METRICS}
        for study in dict.fromkeys(row.study for row in rows)
    }
    write_json(out / "study.json", {"rows": flat, "differences": gaps})
    write_text(out / "study.md", table(rows))
