# SPDX-License-Identifier: Apache-2.0
"""Result tables: our metrics in the shape of the paper's Tables 6 to 10, beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from qnn.evaluation.metrics import Evaluation, Interval
from qnn.evaluation.published import AVERAGE, Cell, PublishedTable, load
from qnn.network.model import IMAGE_SIZE

DASH = "-"
INTERVAL = "interval"
SHORT = {"percent": "%", "millions": "M"}
METRIC_OF_GROUP = {"F1-frame": "f1", "F1": "f1", "Accuracy": "accuracy"}


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        title: What it shows.
        header: Of its columns.
        rows: One text per column.
        notes: What a reader must know of the metrics.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def rich(self) -> Table:
        """For the terminal, narrow: the paper's tables have up to twelve columns."""
        table = Table(
            title=self.title,
            title_justify="left",
            caption="\n".join(self.notes),
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=0,
            show_edge=False,
        )
        for index, texts in enumerate(zip(self.header, *self.rows, strict=True)):
            words = any(" " in text for text in texts)
            table.add_column(texts[0], justify="right" if index else "left", no_wrap=not words)
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a document."""
        lines = [self.header, ("---", *("---:",) * (len(self.header) - 1)), *self.rows]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([f"**{self.title}**", body, *self.notes]) + "\n"


def beside_published(found: Evaluation, dataset: str, name: str, parameters: int) -> list[Grid]:
    """The paper's table of a dataset with our metrics in it, one grid for each measure that it compares.

    Args:
        found: Our metrics.
        dataset: Name of the dataset that they are of.
        name: What our column or row is called.
        parameters: Trainable parameters of our network.

    Raises:
        ValueError: The paper has no table of the dataset.
    """
    published = load()
    number = published.table_of(dataset)
    if number is None:
        known = ", ".join(table.dataset for table in published.tables.values() if table.dataset)
        raise ValueError(f"the paper's tables are of {known}, got {dataset!r}")
    table = published.tables[number]
    if table.label != "AU":
        return [_of_emotions(found, number, table, name, parameters)]
    groups = dict.fromkeys(column.group for column in table.columns)
    return [_of_aus(found, number, table, group, name, parameters) for group in groups]


def _of_aus(found: Evaluation, number: int, table: PublishedTable, group: str, name: str, parameters: int) -> Grid:
    """AUs in rows, methods in columns, ours last."""
    chosen = [index for index, column in enumerate(table.columns) if column.group == group]
    unit = table.columns[chosen[0]].unit
    metric = METRIC_OF_GROUP[group]
    rows = []
    for row in table.rows:
        if row.name == AVERAGE:
            ours = _ours(found.metrics[f"macro_{metric}"], unit, found.intervals[f"macro_{metric}"])
        elif row.name.startswith("AU"):
            au = found.per_au.get(int(row.name[2:]))
            ours = (DASH, "") if au is None else _ours(getattr(au, metric), unit, au.intervals[metric])
        else:
            ours = {"millions": f"{parameters / 1e6:.2f}", "pixels": str(IMAGE_SIZE)}[row.unit or ""], ""
        rows.append((row.name, *(_printed(row.values[index], row.unit or unit) for index in chosen), *ours))
    header = ("AU", *(_method(table.columns[index].name) for index in chosen), name, INTERVAL)
    title = f"Table {number}: {group} ({unit}) on {table.dataset}, {found.n:,} faces"
    return Grid(title, header, tuple(rows), _notes(found, table))


def _of_emotions(found: Evaluation, number: int, table: PublishedTable, name: str, parameters: int) -> Grid:
    """Methods in rows; ours by each way to name an emotion."""
    units = [column.unit for column in table.columns]
    rows = [(_method(row.name), *map(_printed, row.values, units), "") for row in table.rows]
    for way, metric in _ways(found).items():
        value, interval = _ours(found.metrics[metric], "percent", found.intervals[metric])
        rows.append((f"{name}, {way}", value, f"{parameters / 1e6:.2f}", interval))
    title = f"Table {number}: accuracy on {table.dataset}, {found.emotions_known:,} faces"
    header = (table.label, *(f"{column.name}, {SHORT[column.unit]}" for column in table.columns), INTERVAL)
    return Grid(title, header, tuple(rows), (_coverage(found), *_notes(found, table)))


def _ways(found: Evaluation) -> dict[str, str]:
    """The ways to name an emotion, and the metric of each."""
    return {
        "Table 2, None left out": "fer_accuracy_excluding_none",
        "Table 2, None is wrong": "fer_accuracy_all",
        found.of_every_face: "fer_accuracy_prototype",
    }


def _method(name: str) -> str:
    """A method's name, the paper's own not to be taken for ours."""
    return name.replace("Ours", "paper")


def _coverage(found: Evaluation) -> str:
    """How often Table 2 answers."""
    value, interval = _ours(found.metrics["fer_coverage"], "percent", found.intervals["fer_coverage"])
    between = f" ({interval})" if interval else ""
    return f"AUs match an emotion of Table 2 on {value} %{between} of the faces; on the others the emotion is None."


def _notes(found: Evaluation, table: PublishedTable) -> tuple[str, ...]:
    """Notes on both sides' metrics."""
    notes = [_how(found)]
    if absent := found.aus_without_positives:
        numbers = ", ".join(f"AU{au}" for au in absent)
        notes.append(f"{AVERAGE} leaves out what none of these faces shows: {numbers}.")
    return (*notes, *(f"Published: {note}" for note in table.notes))


def _printed(cell: Cell, unit: str) -> str:
    """A published figure; what is printed in another way than the rest of its column is brought into line."""
    if cell.value is None:
        return DASH
    return f"{cell.value:.2f}" if unit in ("fraction", "percent") else cell.printed or f"{cell.value:g}"


def _ours(value: float | None, unit: str, interval: Interval | None) -> tuple[str, str]:
    """Our metric and its interval."""
    if value is None:
        return DASH, ""
    scale, digits = (100, 1) if unit == "percent" else (1, 2)
    shown = [f"{number * scale:.{digits}f}" for number in (value, *(interval or ()))]
    return shown[0], "–".join(shown[1:])


def _plain(*values: float | None) -> tuple[str, ...]:
    return tuple(_ours(value, "fraction", None)[0] for value in values)


def _how(found: Evaluation) -> str:
    """Where our intervals come from."""
    if found.clusters == 1:
        return "No intervals: all faces are of one subject."
    drawn = "faces" if found.clusters == found.n else "subjects"
    return f"{INTERVAL}: 95 %, bootstrap over {found.clusters:,} {drawn}, seed {found.seed}."


def overview(found: Evaluation, title: str) -> list[Grid]:
    """All metrics of an evaluation: by AU, and as a whole."""
    rows = [
        (
            f"AU{number}",
            *_ours(au.f1, "fraction", au.intervals["f1"]),
            *_plain(au.precision, au.recall, au.accuracy),
            f"{au.support:,}",
            f"{au.threshold:.3f}",
        )
        for number, au in found.per_au.items()
    ]
    for average in ("macro", "micro"):
        others = (found.metrics[f"{average}_{metric}"] for metric in ("precision", "recall", "accuracy"))
        f1 = _ours(found.metrics[f"{average}_f1"], "fraction", found.intervals[f"{average}_f1"])
        rows.append((average, *f1, *_plain(*others), "", ""))
    notes = [_how(found), f"Euclidean distance (equation 5): {found.metrics['euclidean'] or 0:.3f}."]
    if absent := found.aus_without_positives:
        numbers = ", ".join(f"AU{au}" for au in absent)
        notes.append(
            f"macro is over {len(found.per_au) - len(absent)} of {len(found.per_au)} AUs: no face shows {numbers}."
        )
    header = ("AU", "F1", INTERVAL, "prec.", "recall", "acc.", "faces", "threshold")
    grids = [Grid(title, header, tuple(rows), tuple(notes))]
    return [*grids, _emotion_overview(found)] if found.emotions_known else grids


def _emotion_overview(found: Evaluation) -> Grid:
    """The ways to name an emotion, and how often each is right."""
    rows = [(way, *_ours(found.metrics[name], "percent", found.intervals[name])) for way, name in _ways(found).items()]
    header = ("emotion by", "right, %", INTERVAL)
    return Grid(f"Emotion, {found.emotions_known:,} faces", header, tuple(rows), (_coverage(found),))


def tuning(before: Evaluation, after: Evaluation) -> Grid:
    """What new thresholds change on the faces that they were tuned on."""
    rows = []
    for number, new in after.per_au.items():
        old = before.per_au[number]
        rows.append(
            (f"AU{number}", f"{new.support:,}", f"{old.threshold:.3f}", f"{new.threshold:.3f}", *_plain(old.f1, new.f1))
        )
    rows.append(("macro", "", "", "", *_plain(before.metrics["macro_f1"], after.metrics["macro_f1"])))
    header = ("AU", "faces", "threshold before", "after", "F1 before", "after")
    notes = ["F1 after is of the faces that chose the threshold, and so too good: `auflow eval` measures."]
    if (earlier := _named(before)) and (now := _named(after)):
        notes.append(f"Emotion by Table 2: before, {earlier}; after, {now}.")
    return Grid(f"Thresholds, tuned on {after.n:,} faces of the validation set", header, tuple(rows), tuple(notes))


def _named(found: Evaluation) -> str | None:
    """How many faces get an emotion by Table 2, and how many of those are right."""
    share, right = found.metrics["fer_coverage"], found.metrics["fer_accuracy_excluding_none"]
    if share is None:
        return None
    return f"{share * 100:.1f} % of the faces get one" + (
        "" if right is None else f", {right * 100:.1f} % of them the right one"
    )


def csv_rows(found: Evaluation) -> list[Sequence[object]]:
    """A header and one row for each AU."""
    names = ("f1", "precision", "recall", "accuracy")
    header = [
        "au",
        *(f"{name}{end}" for name in names for end in ("", "_low", "_high")),
        "support",
        "known",
        "threshold",
    ]
    rows: list[Sequence[object]] = [header]
    for number, au in found.per_au.items():
        metrics = ((getattr(au, name), *(au.intervals[name] or (None, None))) for name in names)
        rows.append([number, *(value for metric in metrics for value in metric), au.support, au.known, au.threshold])
    return rows
