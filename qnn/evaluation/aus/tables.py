# SPDX-License-Identifier: Apache-2.0
"""Tables of AUs that stand for themselves, for the terminal, and the rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qnn.evaluation.aus.measuring import AuFigures, RealFigures, RenderedFigures
from qnn.evaluation.aus.portraits import Smiles
from qnn.evaluation.aus.redundancy import SHARE, Redundancy
from qnn.evaluation.aus.sources import ALL, MEASURING
from qnn.evaluation.aus.statistics import Estimate
from qnn.evaluation.aus.tuning import TunedAus
from qnn.evaluation.aus.validity import ABSENT, PRESENT
from qnn.evaluation.result_tables import DASH, INTERVAL, Grid

MEAN = "mean"
OF_WHICH_HALF = {
    MEASURING: "The half that `auflow tune --aus` does not read.",
    ALL: "All faces, those of `auflow tune --aus` among them: figures at its thresholds are too good.",
}


def grids(found: AuFigures) -> list[Grid]:
    """All tables of what was measured."""
    of_aus = (
        [] if found.rendered is None else [_rendered(found.rendered, _half(found.faces))],
        [] if found.real is None else [_real(found.real, _half(found.faces))],
    )
    tables = [*of_aus[0], *of_aus[1], _pairs(found)]
    if (found.rendered and found.rendered.robustness) or (found.real and found.real.robustness):
        tables.append(_robustness(found))
    if found.portraits is not None:
        tables.append(_portraits(found.portraits))
    return [table for table in tables if table.rows]


def _half(half: str) -> str:
    return OF_WHICH_HALF.get(half, "The half that `auflow tune --aus` reads: figures at its thresholds are too good.")


def _rendered(found: RenderedFigures, half: str) -> Grid:
    """Each AU against exact truth."""
    valid = found.validity
    names = ("mixtures", "intensity", "f1", "balanced_accuracy", "false_alarms")
    rows = [
        (
            f"AU{au}",
            *_both(one.neutral),
            *_both(one.others),
            *(_value(getattr(one, name)) for name in names),
            f"{one.shown:,}",
        )
        for au, one in valid.per_au.items()
    ]
    means = valid.means
    rows.append((MEAN, *_both(means["neutral"]), *_both(means["others"]), *(_value(means[name]) for name in names), ""))
    notes = (
        "neutral, others, mixed: AUC of an AU alone against neutral faces, against other AUs alone, among mixtures.",
        f"An AU is present from strength {PRESENT:g} on, absent up to {ABSENT:g}. strength: rank correlation with it.",
        f"F1, balanced accuracy and false alarms on {valid.neutral_faces:,} neutral faces at the decision thresholds;"
        f" micro F1 {_text(means['micro_f1'])}; any AU on a neutral face {_text(means['any_false_alarm'])}.",
        f"{_directions(found.redundancy)} Expected calibration error {_text(found.calibration.mean)}.",
        half,
    )
    header = (
        "AU",
        "neutral",
        INTERVAL,
        "others",
        INTERVAL,
        "mixed",
        "strength",
        "F1",
        "bal. acc.",
        "false al.",
        "faces",
    )
    return Grid(f"Rendered faces, {valid.faces:,}", header, tuple(rows), notes)


def _real(found: RealFigures, half: str) -> Grid:
    """Each AU beside the teacher."""
    agreed = found.agreement
    names = ("ranks", "f1", "balanced_accuracy", "false_alarms")
    rows = [
        (f"AU{au}", *_both(one.top), *(_value(getattr(one, name)) for name in names), f"{one.known:,}")
        for au, one in agreed.per_au.items()
    ]
    means = agreed.means
    rows.append((MEAN, *_both(means["top"]), *(_value(means[name]) for name in names), ""))
    notes = (
        "top tenth: AUC of the teacher's top tenth against its lower half; ranks: rank correlation with it.",
        "F1, balanced accuracy and false alarms on faces that people call neutral, at the decision thresholds; micro F1"
        f" {_text(means['micro_f1'])}; any AU on {agreed.calm_faces:,} calm faces {_text(means['any_false_alarm'])}.",
        f"AU1 less AU2 beside inner less outer brows' height: rank correlation {_text(agreed.brows)}.",
        f"{_directions(found.redundancy)} Expected calibration error {_text(found.calibration.mean)}. Emotion right"
        f" {_text(found.emotion_right)}.",
        half,
    )
    header = ("AU", "top tenth", INTERVAL, "ranks", "F1", "bal. acc.", "false al.", "faces")
    return Grid(f"{found.name}, {agreed.faces:,} faces beside the teacher", header, tuple(rows), notes)


def _directions(found: Redundancy) -> str:
    """How many outputs tell something of their own."""
    return (
        f"Outputs of rank {found.rank}; {found.directions} directions have {SHARE:.1%} of the variance, effectively"
        f" {found.effective_rank:.1f}."
    )


def _pairs(found: AuFigures) -> Grid:
    """AUs that are easily taken for each other."""
    parted = {} if found.rendered is None else found.rendered.validity.separation
    parts: list[tuple[str, Mapping[str, Estimate]]] = []
    if found.rendered is not None:
        parts.append(("rendered", found.rendered.redundancy.pairs))
    if found.real is not None:
        parts += [("real", found.real.redundancy.pairs), ("teacher", found.real.redundancy.teacher)]
    names = dict.fromkeys(name for each in (parted, *(pairs for _, pairs in parts)) for name in each)
    rows = [(name, *_both(parted.get(name)), *(_value(each.get(name)) for _, each in parts)) for name in names]
    notes = (
        "parted: AUC of the difference of the two outputs between rendered faces that show one of them alone.",
        "rendered, real, teacher: correlation of the two outputs, and of the teacher's strengths on the real faces.",
    )
    return Grid("Pairs", ("pair", "parted", INTERVAL, *(title for title, _ in parts)), tuple(rows), notes)


def _robustness(found: AuFigures) -> Grid:
    """What damages leave of the F1."""
    parts = [
        (name, part.robustness)
        for name, part in (("rendered", found.rendered), ("real", found.real))
        if part is not None and part.robustness
    ]
    names = list(parts[0][1])
    rows = [
        (name, *(cell for _, left in parts for cell in (_value(left[name].micro_f1), *_both(left[name].of_clean))))
        for name in names
    ]
    header = ("damage", *(title for part, _ in parts for title in (f"F1, {part}", "of clean", INTERVAL)))
    return Grid("Damaged faces", header, tuple(rows), ("F1: micro, over all AUs and faces, at the thresholds.",))


def _portraits(found: Smiles) -> Grid:
    """Smiles and false alarms."""
    rows = [
        ("AU12, smiling against neutral: AUC", *_both(found.auc)),
        ("AU12, balanced accuracy", *_both(found.balanced_accuracy)),
        ("any AU called on a neutral face", *_both(found.any_false_alarm)),
        *(
            (f"AU{au} called on a neutral face", *_both(share))
            for au, share in found.false_alarms.items()
            if share.value
        ),
    ]
    note = (
        f"No face was found in {found.without_face:,} more." if found.without_face else "AUs never called are left out."
    )
    return Grid(f"Portraits, {found.faces:,}", ("figure", "value", INTERVAL), tuple(rows), (note,))


def tuning(tuned: TunedAus) -> Grid:
    """What was tuned for each AU."""
    rows = [
        (
            f"AU{au}", one.validity, *(f"{count:,}" for count in one.faces), f"{one.slope:.3f}", f"{one.offset:+.3f}",
            f"{one.threshold:.3f}", f"{one.balanced_accuracy:.2f}", f"{one.false_alarms:.3f}",
        )
        for au, one in tuned.per_au.items()
    ]  # fmt: skip
    header = ("AU", "validity", "with", "without", "slope", "offset", "threshold", "bal. acc.", "false al.")
    notes = [
        "Accuracy and false alarms are of the faces that chose the threshold: `auflow eval --aus` measures others."
    ]
    if tuned.temperature is not None:
        notes.append(f"Temperature of the emotions: {tuned.temperature:.2f}.")
    return Grid("Calibration and thresholds", header, tuple(rows), tuple(notes))


def _value(found: Estimate | None) -> str:
    return DASH if found is None or found.value is None else f"{found.value:.2f}"


def _both(found: Estimate | None) -> tuple[str, str]:
    """A figure and its interval."""
    if found is None or found.interval is None:
        return _value(found), ""
    return _value(found), "–".join(f"{end:.2f}" for end in found.interval)


def _text(found: Estimate) -> str:
    """A figure with its interval, to three places."""
    if found.value is None:
        return "unknown"
    return f"{found.value:.3f}" + (f" ({found.interval[0]:.3f} to {found.interval[1]:.3f})" if found.interval else "")


def csv_rows(found: AuFigures) -> list[Sequence[object]]:
    """A header and one row for each figure: where it was measured, what it is of, its name, value and interval."""
    rows: list[Sequence[object]] = [("faces", "of", "figure", "value", "low", "high")]
    if found.rendered is not None:
        valid = found.rendered.validity
        rows += _figures("rendered", {f"AU{au}": vars(one) for au, one in valid.per_au.items()})
        rows += _figures("rendered", {MEAN: valid.means})
        rows += _figures("rendered", {pair: {"separation": one} for pair, one in valid.separation.items()})
        rows += _common("rendered", found.rendered)
    if found.real is not None:
        agreed = found.real.agreement
        rows += _figures(found.real.name, {f"AU{au}": vars(one) for au, one in agreed.per_au.items()})
        rows += _figures(found.real.name, {MEAN: agreed.means, "emotion": {"right": found.real.emotion_right}})
        rows += _common(found.real.name, found.real)
        rows += _figures("teacher", {pair: {"correlation": one} for pair, one in found.real.redundancy.teacher.items()})
    if (smiles := found.portraits) is not None:
        of_au = {f"AU{au}": {"false_alarms": one} for au, one in smiles.false_alarms.items()}
        rows += _figures("portraits", of_au)
        smile = {"auc": smiles.auc, "balanced_accuracy": smiles.balanced_accuracy}
        rows += _figures("portraits", {"AU12": smile, "any": {"false_alarms": smiles.any_false_alarm}})
    return rows


def _common(faces: str, found: RenderedFigures | RealFigures) -> Iterable[Sequence[object]]:
    """Rows of what is measured on rendered and on real faces."""
    yield (faces, "outputs", "rank", found.redundancy.rank, None, None)
    yield (faces, "outputs", "directions", found.redundancy.directions, None, None)
    yield (faces, "outputs", "effective_rank", found.redundancy.effective_rank, None, None)
    yield from _figures(faces, {pair: {"correlation": one} for pair, one in found.redundancy.pairs.items()})
    yield from _figures(faces, {of: {"calibration_error": one} for of, one in found.calibration.errors.items()})
    yield from _figures(faces, {damage: vars(left) for damage, left in found.robustness.items()})


def _figures(faces: str, found: Mapping[str, Mapping[str, Any]]) -> Iterable[Sequence[object]]:
    """Rows of estimates, by what they are of and by name; what is no estimate is left out."""
    for of, figures in found.items():
        for name, estimate in figures.items():
            if isinstance(estimate, Estimate):
                yield (faces, of, name, estimate.value, *(estimate.interval or (None, None)))
