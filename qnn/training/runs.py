# SPDX-License-Identifier: Apache-2.0
"""A training run: a folder with one stage per preset, each resumable, its logs, curves and finished checkpoint.

RUN/float.safetensors, RUN/w4a4.safetensors ... are the results, each with its card. RUN/<preset>/ holds the stage's
settings, its last state, its best weights and its logs (CSV and TensorBoard).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EMAWeightAveraging,
    LearningRateMonitor,
    ModelCheckpoint,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch.utils.data import DataLoader

from board.core.files import unwritable, write_json
from board.core.lock import lock_in, locked
from qnn.data.splits import Splits
from qnn.evaluation import evaluate
from qnn.evaluation.decision_thresholds import tune
from qnn.network import checkpoint
from qnn.network.checkpoint import Card
from qnn.network.inference import logits, predict
from qnn.network.model import Architecture
from qnn.network.presets import FLOAT
from qnn.network.quantized import QuantCbamCnn
from qnn.training import learning_curves, run_settings
from qnn.training.allocator import keep_freed_memory
from qnn.training.batches import ResidentFaces, ShuffledRows
from qnn.training.distributed import is_first
from qnn.training.emotion_outputs import EmotionOutputsTraining, measured
from qnn.training.module import AuTraining
from qnn.training.recipes import Plan, Recipe
from qnn.training.starting import begin, begin_at_shares, widened

STATE_EVERY_STEPS = 50
LOG_EVERY_STEPS = 10
AVERAGE_EVERY_STEPS = 10
"""Averaging walks the thousand modules of a quantized network, which takes as long as a whole step on a GPU."""
VALIDATION_BATCH = 32
"""Of a quantized network 128 at once take a core half as long again: their maps no longer fit into its cache."""
EXPECTED_WARNINGS = (
    ".*does not have many workers",  # batches are rows of tensors in memory
    ".*your dataloader is not resumable",  # ShuffledRows is
    ".*is smaller than the logging interval",  # each epoch is logged
    ".*Checkpoint directory .* exists and is not empty",  # it holds settings.json, and the state to go on from
    ".*LeafSpec",  # between Lightning and torch
)


@dataclass(frozen=True)
class Machine:
    """What a run computes on, in Lightning's terms.

    Attributes:
        accelerator: auto, cpu or gpu.
        devices: GPUs, or processes on the CPU, per node.
        num_nodes: Machines; start the same command on each, as Lightning describes.
        precision: 32-true, or mixed: 16-mixed, bf16-mixed.

    Raises:
        ValueError: Mixed precision on a processor whose convolutions are slower for it.
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: str = "32-true"

    def __post_init__(self) -> None:
        on_processor = self.accelerator == "cpu" or (self.accelerator == "auto" and not torch.cuda.is_available())
        # Lightning takes bfloat16 for either, and where oneDNN has none of it PyTorch convolves without SIMD
        if on_processor and self.precision != "32-true" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            raise ValueError(
                f"precision {self.precision} needs AVX-512 or AMX, which this processor lacks: a step would take"
                " several times as long as at 32-true, so leave --precision out"
            )

    @property
    def processes(self) -> int:
        """All of them."""
        return self.devices * self.num_nodes


def train_stage(
    card: Card,
    splits: Splits,
    run: Path,
    recipe: Recipe,
    machine: Machine | None = None,
    start: Path | None = None,
    start_quantized: Path | None = None,
    teachers: Sequence[Path] = (),
) -> Path:
    """Train one stage and leave RUN/<preset>.safetensors; a stage cut short goes on, a finished one is not repeated.

    Args:
        card: Preset and architecture.
        splits: Training, validation and test set.
        run: Folder of the run.
        recipe: How to train.
        machine: What to compute on; by default one device.
        start: Float checkpoint that a float network goes on from, or a quantized one starts from and has as teacher;
            one without emotion outputs is widened (qnn.training.starting).
        start_quantized: Quantized checkpoint whose weights it starts from instead, of more bits, or of the same with
            the scales of its quantizers.
        teachers: Float checkpoints that are the teachers in place of `start`, of any architecture.

    Returns:
        The checkpoint.

    Raises:
        ValueError: A quantized preset without a float start, a start of another architecture, teachers of other AUs or
            without weight, a folder of another run, a loss that is not finite.
    """
    result = run / f"{card.preset}.safetensors"
    folder = run / card.preset
    settings = run_settings.settings_of(card, splits, recipe, start, start_quantized, teachers)
    run_settings.check(folder, settings)
    if result.exists():
        checkpoint.read_card(result)
        return result
    resumes = _resumes(folder)
    module, origin = _module(card, splits, recipe, start, start_quantized, teachers)
    rows = ShuffledRows(len(splits.train), recipe.batch, recipe.seed, lambda: module.global_step, splits.parts)
    if is_first():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(run_settings.file_of(folder), settings)
    trainer = _fit(module, rows, folder, machine or Machine(), resumes)
    if is_first():
        named = [_teacher_entry(path) for path in teachers]
        done = replace(card, decoding=module.train_set.decoding)
        _finish(module.model, done, splits, recipe, origin, named, len(rows) * recipe.batch, folder, result)
    trainer.strategy.barrier()  # the other processes' next stage reads the result
    return result


def _module(
    card: Card,
    splits: Splits,
    recipe: Recipe,
    start: Path | None,
    start_quantized: Path | None,
    teachers: Sequence[Path],
) -> tuple[AuTraining, dict[str, Any] | None]:
    """The module to fit, and what its start was."""
    lightning.seed_everything(recipe.seed, verbose=False)
    model = checkpoint.build_model(card)
    model.dropout.p = recipe.dropout
    before, origin = None, None
    narrow = False
    if start is not None:
        before, float_card = begin(start, card, FLOAT)
        narrow = float_card.architecture != card.architecture
        origin = _stage(float_card)
    if isinstance(model, QuantCbamCnn):
        if before is None or origin is None:
            raise ValueError(f"preset {card.preset} trains from a float checkpoint: give one")
        model.load_float(widened(before.state_dict(), model.state_dict()))
        if start_quantized is not None:
            first, first_card = begin(start_quantized, card)
            if not isinstance(first, QuantCbamCnn):
                raise ValueError(f"--start-quantized must be a quantized network, got the float one {start_quantized}")
            model.load_quantized(first, widened(first.state_dict(), model.state_dict()))
            earlier = (first_card.training.get("start") or {}).get("quantized")
            origin["quantized"] = {"preset": first_card.preset, **_stage(first_card), "quantized": earlier}
    elif before is not None:
        model.load_state_dict(widened(before.state_dict(), model.state_dict()))
    faces = ResidentFaces(splits.train, recipe), ResidentFaces(splits.validation, recipe)
    teacher_networks = [_teacher(path, card, recipe) for path in teachers]
    if not teacher_networks and before is not None and (narrow or isinstance(model, QuantCbamCnn)):
        teacher_networks = [before]
    if not recipe.emotion_outputs:
        module = AuTraining(model, recipe, *faces, teacher_networks)
    else:
        module = EmotionOutputsTraining(model, recipe, *faces, teacher_networks, splits.validation_parts)
        if narrow or before is None:
            begin_at_shares(model, faces[0].labels)
    if isinstance(model, QuantCbamCnn) and recipe.pruned:
        module.prune()
    return module, origin


def _teacher(path: Path, card: Card, recipe: Recipe) -> torch.nn.Module:
    """The float network of a teacher of the one that the card describes."""
    if not recipe.distillation_weight:
        raise ValueError(f"a teacher needs a weight, got {path} and distillation_weight 0: --set distillation_weight=1")
    model, found = checkpoint.load(path, FLOAT)
    if found.aus != card.aus:
        raise ValueError(f"a teacher must know AUs {card.aus}, {path} knows {found.aus}")
    return model


def _stage(card: Card) -> dict[str, Any]:
    """What the next stage's card keeps of this one's; of a quantized network's float start it has its own."""
    stage = {name: card.training.get(name) for name in ("recipe", "hours")} | {"metrics": card.metrics}
    return stage | ({"start": card.training.get("start")} if card.preset == FLOAT else {})


def _fit(module: AuTraining, rows: ShuffledRows, folder: Path, machine: Machine, resumes: bool) -> lightning.Trainer:
    """Train to the last epoch, from the folder's state if it resumes; leaves the best weights in the module."""
    keep_freed_memory()
    # whole states: saved alone, weights come without their average (Lightning 2.6)
    best = ModelCheckpoint(folder, "best", module.score, mode="max", enable_version_counter=False)
    state = ModelCheckpoint(
        folder, _state(folder).stem, every_n_train_steps=STATE_EVERY_STEPS, enable_version_counter=False
    )
    # to show a step's loss, a GPU must have finished it
    bar = _ClosingBar(LOG_EVERY_STEPS if torch.cuda.is_available() else 1)
    callbacks: list[Callback] = [best, state, LearningRateMonitor("epoch"), bar]
    if module.recipe.average:
        decay = module.recipe.average**AVERAGE_EVERY_STEPS
        callbacks.append(EMAWeightAveraging(decay=decay, update_every_n_steps=AVERAGE_EVERY_STEPS))
    loggers: list[Logger] = [
        CSVLogger(folder, "logs"),  # a resumed stage logs into a new version
        TensorBoardLogger(folder, "tensorboard"),
    ]
    with _calm():
        trainer = lightning.Trainer(
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.num_nodes,
            strategy="ddp" if machine.processes > 1 else "auto",
            precision=machine.precision,  # type: ignore[arg-type] # Lightning checks the text
            max_epochs=module.recipe.epochs,
            default_root_dir=folder,
            logger=loggers,
            callbacks=callbacks,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,  # ShuffledRows shares the batches out
            enable_model_summary=False,
            log_every_n_steps=LOG_EVERY_STEPS,
        )
        indices = range(len(module.validation_set))
        validation: DataLoader[int] = DataLoader(indices, VALIDATION_BATCH)  # type: ignore[arg-type] # a sequence will do
        if isinstance(module.model, QuantCbamCnn) and not (resumes or module.model.has_scales):
            module.calibrate(trainer.strategy.root_device)
        try:
            trainer.fit(module, rows, validation, ckpt_path=_state(folder) if resumes else None)
        except OSError as error:  # whose name is that of the file that Lightning writes first
            raise unwritable(folder, error) from None
    if trainer.interrupted:
        raise KeyboardInterrupt
    if best.best_model_path:
        module.load_state_dict(torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"])
    return trainer


class _ClosingBar(TQDMProgressBar):
    """Lightning's bar, which leaves the line that it stands on to what is said of an error."""

    def on_exception(self, *_: Any) -> None:
        if self._train_progress_bar is not None:
            self._train_progress_bar.close()


def _finish(
    model: torch.nn.Module,
    card: Card,
    splits: Splits,
    recipe: Recipe,
    origin: dict[str, Any] | None,
    teachers: Sequence[dict[str, Any]],
    faces: int,
    folder: Path,
    result: Path,
) -> None:
    """Measure on the test set; save network, card and curves of epochs of so many faces."""
    if isinstance(model, QuantCbamCnn):
        model.snap_weights()
    training = {
        **splits.origin,
        "recipe": asdict(recipe),
        "hours": round(learning_curves.hours(folder, faces), 2),
        "start": origin,
        **({"teachers": teachers} if teachers else {}),
    }
    measure = _measured_strengths if recipe.emotion_outputs else _measured_occurrence
    done = measure(
        model, replace(card, aus=splits.train.aus, validity=splits.validity, training=training), splits, recipe
    )
    learning_curves.plot(folder, folder / "curves.png")
    checkpoint.save(result, model, done)
    for leftover in ("best.ckpt", _state(folder).name):
        (folder / leftover).unlink(missing_ok=True)


def _measured_occurrence(model: torch.nn.Module, card: Card, splits: Splits, recipe: Recipe) -> Card:
    """The card with decision thresholds, tuned on the validation set, and metrics of the test set."""
    thresholds = tune(predict(model, splits.validation).probabilities(card), splits.validation.labels)
    test = splits.test
    found = predict(model, test)
    evaluation = evaluate(
        found.probabilities(card), test.labels, test.emotions, thresholds, test.aus, recipe.seed,
        subjects=test.subjects, nearest=found.emotions(card), own_emotions=found.emotion_logits is not None,
    )  # fmt: skip
    per_au = {f"AU{au}": found.f1 for au, found in evaluation.per_au.items()}
    return replace(card, thresholds=tuple(thresholds.tolist()), metrics={**evaluation.headline(), "per_au_f1": per_au})


def _measured_strengths(model: torch.nn.Module, card: Card, splits: Splits, recipe: Recipe) -> Card:
    """The card with metrics of the test set, whose labels are strengths; `auflow tune` sets thresholds."""
    test = splits.test
    found = measured(logits(model, test).astype(np.float32), test.labels, test.votes, splits.test_parts)
    return replace(card, metrics={"n": len(test), **{name: round(value, 4) for name, value in found.items()}})


def _teacher_entry(path: Path) -> dict[str, Any]:
    """What a card keeps of a teacher."""
    card = checkpoint.read_card(path)
    return {"attention": card.architecture.attention, **_stage(card)}


def _state(folder: Path) -> Path:
    """Where a stage that is not finished stands."""
    return folder / "state.ckpt"


def _resumes(folder: Path) -> bool:
    """Whether a stage has a state to go on from, and that it can be read."""
    path = _state(folder)
    if not path.exists():
        return False
    try:
        with warnings.catch_warnings(action="ignore"):  # of torch, about what it then refuses
            torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # which one its unpickler raises on broken bytes is chance
        raise ValueError(f"{path} cannot be read: delete {folder} to begin this stage again") from error
    return True


@contextmanager
def _calm() -> Iterator[None]:
    """Silence what Lightning says of this way to feed it and of itself."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        logger.setLevel(logging.WARNING)
        yield
    logger.setLevel(level)


@contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Keep others out of a run's folder; of the processes of one training the first does.

    Args:
        folder: Of the run, which need not exist.
        what: What it is, such as "the run".

    Raises:
        RuntimeError: Another training is in it; the sentence names its process.
    """
    if not is_first():
        yield
        return
    with locked(lock_in(folder), f"{what} {folder}"):
        yield


def train(
    presets: Sequence[str],
    architecture: Architecture,
    splits: Splits,
    run: Path,
    plan: Plan,
    machine: Machine | None = None,
    start: Path | None = None,
    start_quantized: Path | None = None,
    teachers: Sequence[Path] = (),
) -> list[Path]:
    """Train the float network, then each quantized preset from it, or from a quantized checkpoint.

    A float `start` is trained on if the presets have `float`, and taken as it is if they do not. `teachers` are
    those of every stage.

    Returns:
        The checkpoints that this run holds, in that order.

    Raises:
        RuntimeError: Another process trains in this folder.
        ValueError: See `train_stage`.
    """
    with held(run, "the run"):
        card = Card(FLOAT, architecture, splits.train.aus, colour=splits.colour, crop_margin=splits.crop_margin)
        done = []
        if start is None or FLOAT in presets:
            start = train_stage(card, splits, run, plan.floating, machine, start, teachers=teachers)
            done.append(start)
        for preset in presets:
            if preset != FLOAT:
                stage = replace(card, preset=preset)
                done.append(train_stage(stage, splits, run, plan.quantized, machine, start, start_quantized, teachers))
        return done
