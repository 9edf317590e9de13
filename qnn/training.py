# SPDX-License-Identifier: Apache-2.0
"""Training: the float network, then its quantised twin from it, with Lightning."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from brevitas.core.scaling import ParameterFromRuntimeStatsScaling
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset
from torchmetrics.classification import MultilabelF1Score

from qnn import checkpoint
from qnn.checkpoint import Card
from qnn.ferplus import FerPlusSplit, load_split
from qnn.quantised import QuantCbamCnn


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training faces.
        batch: Faces per step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: AdamW's.
        seed: Of initial weights, order and augmentation.
        max_shift: Augmentation moves a face by up to so many pixels either way, besides mirroring it.
    """

    epochs: int
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    seed: int = 0
    max_shift: int = 3


FLOAT_RECIPE = Recipe(epochs=4)
QUANTISED_RECIPE = Recipe(epochs=3, learning_rate=3e-4)


def augment(faces: Tensor, max_shift: int) -> Tensor:
    """Mirror half of the faces and shift each by up to max_shift pixels, edges repeated: (B, 3, 48, 48)."""
    mirrored = torch.where((torch.rand(len(faces)) < 0.5)[:, None, None, None], faces.flip(-1), faces)
    padded = nn.functional.pad(mirrored, (max_shift,) * 4, mode="replicate")
    size = faces.shape[-1]
    row, column = torch.randint(0, 2 * max_shift + 1, (2, len(faces), 1)) + torch.arange(size)  # (B, 48) each
    face = torch.arange(len(faces))[:, None, None]
    return padded[face, :, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)


class ShuffledBatches(Sampler[list[int]]):
    """Whole batches of every epoch in an order that seed and epoch alone decide, from the present step on."""

    def __init__(self, faces: int, batch: int, seed: int, step: Callable[[], int]) -> None:
        """Take the number of faces, of faces per batch, a seed, and what tells the steps taken so far."""
        if faces < batch:
            raise ValueError(f"need at least one batch of {batch} faces, got {faces}")
        self.faces, self.batch, self.seed, self.step = faces, batch, seed, step

    def __len__(self) -> int:
        return self.faces // self.batch

    def __iter__(self) -> Iterator[list[int]]:
        epoch, first = divmod(self.step(), len(self))
        order = torch.randperm(self.faces, generator=torch.Generator().manual_seed(mixed(self.seed, epoch)))
        for batch in range(first, len(self)):
            yield order[batch * self.batch : (batch + 1) * self.batch].tolist()


def mixed(seed: int, count: int) -> int:
    """One seed of two numbers, in the 32 bits that torch's generator takes."""
    return zlib.crc32(f"{seed} {count}".encode())


class AuTraining(lightning.LightningModule):
    """Weighted cross-entropy (paper, equation 3) on AU logits, F1-frame on validation."""

    def __init__(self, model: nn.Module, positive_weight: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
        self.recipe = recipe
        self.statistics: dict[str, tuple[int, Tensor, Tensor]] = {}
        self.loss = nn.BCEWithLogitsLoss(pos_weight=positive_weight)
        aus = len(positive_weight)
        self.micro_f1 = MultilabelF1Score(aus, average="micro")
        self.macro_f1 = MultilabelF1Score(aus, average="macro")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Draw augmentation and dropout from seed and step alone, so that a resumed run draws the same."""
        torch.manual_seed(mixed(self.recipe.seed, self.global_step))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep how far activation quantisers have come with their statistics, which state_dict leaves out."""
        checkpoint["statistics"] = {
            name: (scaling.counter, scaling.buffer.clone(), scaling.value.detach().clone())
            for name, scaling in self._scalings()
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.statistics = checkpoint.get("statistics", {})

    def on_train_start(self) -> None:
        """Take the quantisers' statistics up again; state_dict, which is loaded before, would end the collection."""
        for name, scaling in self._scalings():
            if name in self.statistics:
                scaling.counter, buffer, value = self.statistics[name]
                scaling.buffer.copy_(buffer)
                scaling.value.data.copy_(value)

    def _scalings(self) -> list[tuple[str, ParameterFromRuntimeStatsScaling]]:
        """Activation scales that are learned from statistics, by name."""
        return [(n, m) for n, m in self.named_modules() if isinstance(m, ParameterFromRuntimeStatsScaling)]

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        faces, labels = batch
        loss = self.loss(self.model(augment(pixels(faces), self.recipe.max_shift)), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        faces, labels = batch
        logits = self.model(pixels(faces))
        self.log("valid_loss", self.loss(logits, labels))
        self.micro_f1(logits, labels.int())
        self.macro_f1(logits, labels.int())
        self.log("micro_f1", self.micro_f1, prog_bar=True)
        self.log("macro_f1", self.macro_f1, prog_bar=True)

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.recipe.learning_rate, total_steps=steps, pct_start=0.2
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def pixels(faces: Tensor) -> Tensor:
    """Grey faces (B, 48, 48) uint8 as network input (B, 3, 48, 48) float32."""
    return faces[..., None].expand(-1, -1, -1, 3).float().permute(0, 3, 1, 2)  # channels last, the faster layout


def _faces(split: FerPlusSplit) -> TensorDataset:
    return TensorDataset(torch.from_numpy(split.faces), torch.from_numpy(split.labels))


def positive_weight(labels: Tensor) -> Tensor:
    """Weight of an active AU: the root of inactive over active, so that rare AUs count without drowning the rest."""
    active = labels.sum(0).clamp(min=1)
    return ((len(labels) - active) / active).sqrt()


def train(card: Card, root: Path, run: Path, recipe: Recipe, start: Path | None = None) -> dict[str, float]:
    """Train on FERPlus and leave `run`/last.safetensors; a run cut short goes on where it was.

    Args:
        card: Preset and architecture.
        root: Folder of FER2013Train and FER2013Valid.
        run: Folder of this run: Lightning's state, metrics.csv, the checkpoint.
        recipe: How to train.
        start: Float checkpoint that a quantised twin starts from.

    Returns:
        micro_f1 and macro_f1 on FER2013Valid without copies of training faces.

    Raises:
        ValueError: A quantised preset without a float start, or data that is missing.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    model = checkpoint.build_model(card)
    origin: dict[str, Any] | None = None
    if isinstance(model, QuantCbamCnn):
        if start is None:
            raise ValueError(f"preset {card.preset} trains from a float checkpoint: give one")
        float_model, float_card = checkpoint.load(start, checkpoint.FLOAT)
        if float_card.architecture != card.architecture:
            raise ValueError(f"{start} has {float_card.architecture}, need {card.architecture}")
        model.load_float(float_model.state_dict())
        origin = {"recipe": float_card.training.get("recipe"), "metrics": float_card.metrics}
    learn = load_split(root, "train")
    valid = load_split(root, "valid").without_copies_of(learn)
    weights = positive_weight(torch.from_numpy(learn.labels))
    module = AuTraining(model, weights, recipe)
    trainer = lightning.Trainer(
        max_epochs=recipe.epochs,
        default_root_dir=run,
        logger=CSVLogger(run, name=None, version=""),
        callbacks=[
            ModelCheckpoint(
                run, filename="state", every_n_train_steps=50, save_last=True, enable_version_counter=False
            ),
            LearningRateMonitor("step"),
        ],
        num_sanity_val_steps=0,
    )
    batches = ShuffledBatches(len(learn.faces), recipe.batch, recipe.seed, lambda: trainer.global_step)
    validation = DataLoader(_faces(valid), 512)
    state = run / "last.ckpt"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")  # ShuffledBatches is
        trainer.fit(
            module,
            DataLoader(_faces(learn), batch_sampler=batches),
            validation,
            ckpt_path=state if state.exists() else None,
        )
    metrics = trainer.validate(module, validation, verbose=False)[0]
    figures = {name: round(metrics[name], 4) for name in ("micro_f1", "macro_f1")}
    done = Card(
        card.preset,
        card.architecture,
        training={
            "data": "FERPlus train (FER2013 faces, FER+ majority votes of at least 5 of 10, Table 2); "
            "votes MIT, faces for research use only",
            "recipe": asdict(recipe),
            "start": origin,
        },
        metrics={"data": "FER2013Valid without copies of training faces", "n": len(valid.faces), **figures},
    )
    if isinstance(model, QuantCbamCnn):
        model.snap_weights()
    checkpoint.save(run / "last.safetensors", model, done)
    return figures
