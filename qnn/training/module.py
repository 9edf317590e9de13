# SPDX-License-Identifier: Apache-2.0
"""AuTraining, one training stage as a Lightning module: the float network, or a quantized one from it (QAT)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import lightning
import torch
from torch import Tensor, nn
from torchmetrics.classification import MultilabelF1Score

from board.core.decoding import BY_EMOTION
from qnn.network.model import CbamCnn
from qnn.network.pixels import channels_first, network_input
from qnn.network.quantized import CALIBRATION_STEPS, QuantCbamCnn
from qnn.training.batches import ResidentFaces, ShuffledRows, mixed
from qnn.training.cuda_graph import CudaGraph
from qnn.training.distributed import share
from qnn.training.losses import (
    LOSSES,
    au_loss,
    decoded,
    distillation_loss,
    emotion_loss,
    emotion_probabilities,
    euclidean,
    positive_weights,
)
from qnn.training.muon import Muon, is_matrix
from qnn.training.recipes import Recipe

OUTPUT = "fc3.weight"
"""Of the layer that gives the logits; orthogonal steps are for hidden layers (qnn.training.muon)."""

EARLY = ("conv1", "conv2", "conv3", "bn.", "attention1.")
"""Begins the names of what `Recipe.early_rate` slows: layers up to the first attention, with their quantizers."""
FEATURES = (*EARLY, "conv4")
"""Begins the names of what gives the features of `Recipe.views`."""


def cosine(step: int, rise: int, steps: int) -> float:
    """Share of the peak rate: a line up over the first `rise` steps, then half a cosine down to 0."""
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def optimiser_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser. Only matrices decay: no bias, batch norm or quantizer scale."""
    if recipe.optimiser == "adam":
        return torch.optim.Adam(model.parameters(), recipe.learning_rate)
    hidden = {name for name, p in model.named_parameters() if is_matrix(p)}
    if recipe.optimiser == "muon":
        hidden.remove(OUTPUT)
    matrices = [p for name, p in model.named_parameters() if name in hidden]
    others = [p for name, p in model.named_parameters() if name not in hidden]
    if recipe.optimiser == "muon":
        return Muon(matrices, others, recipe.matrix_rate, recipe.learning_rate, recipe.weight_decay)
    early = {id(p) for name, p in model.named_parameters() if name.startswith(EARLY)}
    groups = [
        {"params": chosen, "lr": recipe.learning_rate * share, "weight_decay": decay}
        for parameters, decay in ((matrices, recipe.weight_decay), (others, 0.0))
        for share, first in ((1.0, False), (recipe.early_rate, True))
        if share and (chosen := [p for p in parameters if (id(p) in early) == first])
    ]
    return torch.optim.AdamW(groups, recipe.learning_rate)


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Compute at full precision whatever the network's is; a device without another computes so anyway."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


VIEWED_AT_ONCE = 16
"""Faces whose features are found at once: more no longer fit into a core's cache."""
HEAD = ("fc1.weight", "fc2.weight")
"""What `Recipe.pruned` speaks of."""


class AuTraining(lightning.LightningModule):
    """A network with its faces and losses. Batches are row numbers (B,)."""

    score = "micro_f1"
    """The logged metric whose best epoch is kept."""
    au_weights: Tensor

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        train_set: ResidentFaces,
        validation_set: ResidentFaces,
        teachers: Sequence[nn.Module],
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.train_set, self.validation_set = train_set, validation_set
        self.teachers = tuple(teachers) if recipe.distillation_weight else ()  # a tuple: they are no submodules
        self.register_buffer("au_weights", positive_weights(train_set.labels), persistent=False)
        aus = train_set.labels.shape[1]
        self.micro_f1 = MultilabelF1Score(aus, average="micro", ignore_index=-1)
        self.macro_f1 = MultilabelF1Score(aus, average="macro", ignore_index=-1)
        self.clock = Stopwatch()
        self.kept: dict[str, Tensor] = {}
        self.graph: CudaGraph | None = None
        self.last_loss: Tensor | None = None
        if recipe.early_rate == 0:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(not name.startswith(FEATURES if recipe.views else EARLY))

    @property
    def _network(self) -> CbamCnn | QuantCbamCnn:
        """The model as one of those that views are for."""
        return cast(CbamCnn | QuantCbamCnn, self.model)

    def prune(self) -> None:
        """Do without the recipe's share of head weights from now on: the least ones in magnitude."""
        for name in HEAD:
            weights = self.model.get_parameter(name).detach().abs()
            least = weights.flatten().kthvalue(max(1, round(self.recipe.pruned * weights.numel()))).values
            self.kept[name] = weights > least
        self.mask()

    @torch.no_grad()
    def mask(self) -> None:
        """Hold pruned weights at zero."""
        for name, kept in self.kept.items():
            weights = self.model.get_parameter(name)
            weights.mul_(kept.to(weights.device))

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        super().optimizer_step(*arguments, **options)
        self.mask()

    def setup(self, stage: str) -> None:
        share(self.model)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it

    def on_fit_start(self) -> None:
        self.graph = None
        for faces in (self.train_set, self.validation_set):
            faces.to(self.device)
        for teacher in self.teachers:
            teacher.to(self.device).eval().requires_grad_(False)
        if self.recipe.views:
            self.train_set.features = self._views()

    @torch.no_grad()
    def _views(self) -> Tensor:
        """What the layers that rest give for changed copies of the training faces, (views, N, 128, 6, 6).

        They are drawn from the seed alone, so that a resumed run has the same. Half precision of bfloat16's range
        holds codes of up to eight bits exactly.
        """
        self.train_set.features = None
        self.model.eval()
        views = []
        for view in range(self.recipe.views):
            torch.manual_seed(mixed(self.recipe.seed, -1 - view))
            batches = []
            for rows in torch.arange(len(self.train_set), device=self.device).split(VIEWED_AT_ONCE):
                with full_precision(self.device):
                    batches.append(self._network.features(self.augmented(rows)[0]).to(torch.bfloat16).contiguous())
            views.append(torch.cat(batches))
        self.model.train()
        return torch.stack(views)

    def on_train_epoch_start(self) -> None:
        self.clock.start()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Draw augmentation and dropout from seed and step alone, so that a resumed run draws the same."""
        torch.manual_seed(mixed(self.recipe.seed, self.global_step))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.clock.lap(self.recipe.batch)

    def training_step(self, rows: Tensor, index: int) -> Tensor:
        with self.clock.data(), full_precision(self.device):
            batch = self.augmented(rows)
        if self._uses_cuda_graph and self.graph is None:
            self.graph = CudaGraph(self, self._with_gradients, batch)
            optimiser = self.optimizers(use_pl_optimizer=False)
            if isinstance(optimiser, Muon):
                optimiser.capture = True
        self._check_loss()
        loss, logits = self._loss_and_logits(*batch) if self.graph is None else self.graph(*batch)
        self.last_loss = loss.detach()
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=len(rows), sync_dist=True)
        labels = self.train_set.labels[rows]
        distance = euclidean(logits.detach()[:, : labels.shape[1]], labels).mean()
        self.log("euclidean", distance, on_step=False, on_epoch=True, batch_size=len(rows), sync_dist=True)
        return loss

    def _check_loss(self) -> None:
        """Stop where the last step's loss is not finite. A step later, a GPU has it without a wait."""
        if self.last_loss is not None and not torch.isfinite(self.last_loss):
            raise ValueError(
                f"the loss must stay finite, got {self.last_loss.item()} in step {self.global_step - 1}: use a new"
                f" --run folder and --set learning_rate=RATE with a RATE below {self.recipe.learning_rate:g}"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep no state that came of a loss that is not finite."""
        self._check_loss()

    def _loss_and_logits(self, faces: Tensor, targets: Tensor, votes: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and logits of a batch; losses are at full precision whatever the network's is."""
        network = self.model if self.train_set.features is None else self._network.from_features
        logits = network(faces).float()
        with full_precision(self.device):
            return self.loss(logits, targets, votes, faces), logits

    def _with_gradients(self, faces: Tensor, targets: Tensor, votes: Tensor) -> tuple[Tensor, ...]:
        """The same, backward pass included."""
        loss, logits = self._loss_and_logits(faces, targets, votes)
        loss.backward()
        return loss.detach(), logits.detach()

    @property
    def _uses_cuda_graph(self) -> bool:
        """Whether a step can be a CUDA graph: one GPU at full precision; a loss scaler looks at gradients."""
        return self.device.type == "cuda" and self.trainer.world_size == 1 and self.trainer.precision == "32-true"

    def backward(self, loss: Tensor, *arguments: Any, **options: Any) -> None:
        if self.graph is None:
            super().backward(loss, *arguments, **options)

    def optimizer_zero_grad(self, *arguments: Any, **options: Any) -> None:
        if self.graph is None:
            super().optimizer_zero_grad(*arguments, **options)

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients' memory, which the CUDA graph writes to."""
        if self.graph is None:
            super().on_validation_model_zero_grad()

    def augmented(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Input (B, 3, 48, 48), AU targets (B, AUs) and votes (B, 7) of some training faces.

        Once there are features, these are the input, (B, 128, 6, 6), each face's of one view.
        """
        change, known = self.recipe.augmentation, self.train_set
        if known.features is not None:
            view = torch.randint(self.recipe.views, (len(rows),), device=rows.device)
            return known.features[view, rows].float(), known.targets[rows], known.votes[rows]
        faces = change.corrupt(change.shade(change.warp(channels_first(self.train_set.pixels[rows]))))
        faces, targets, votes = change.blend(faces, self.train_set.targets[rows], self.train_set.votes[rows])
        return network_input(faces), targets, votes

    def loss(self, logits: Tensor, targets: Tensor, votes: Tensor, faces: Tensor) -> Tensor:
        """The recipe's weighted sum of losses."""
        total = au_loss(LOSSES[self.recipe.loss], logits, targets, self.au_weights)
        if self.train_set.by_emotion and self.recipe.emotion_weight:
            total = total + self.recipe.emotion_weight * emotion_loss(logits, votes)
        if self.teachers:
            total = total + self.recipe.distillation_weight * self.distillation(logits, faces)
        return total

    def distillation(self, logits: Tensor, faces: Tensor) -> Tensor:
        """The same losses with what the teachers say in place of the labels."""
        with torch.no_grad():
            teacher_logits = torch.stack([teacher(faces) for teacher in self.teachers]).mean(0)
        loss = distillation_loss(logits, teacher_logits)
        if self.train_set.by_emotion and self.recipe.emotion_weight:
            loss = loss + self.recipe.emotion_weight * emotion_loss(logits, emotion_probabilities(teacher_logits))
        return loss

    def validation_step(self, rows: Tensor, index: int) -> None:
        known = self.validation_set
        labels = known.labels[rows]
        faces = network_input(channels_first(known.pixels[rows]))
        logits = self.model(faces)
        whole: dict[str, Any] = {"on_epoch": True, "batch_size": len(rows), "sync_dist": True}
        self.log("valid_loss", self.loss(logits, known.targets[rows], known.votes[rows], faces), **whole)
        self.log("valid_euclidean", euclidean(logits, labels).mean(), **whole)
        probabilities = decoded(logits) if known.decoding == BY_EMOTION else torch.sigmoid(logits)
        occurrence = labels.nan_to_num(-1).int()
        for name, score in (("micro_f1", self.micro_f1), ("macro_f1", self.macro_f1)):
            score(probabilities, occurrence)
            self.log(name, score, prog_bar=True, **whole)

    def on_train_epoch_end(self) -> None:
        self.log("images_per_s", self.clock.images_per_s, sync_dist=True)
        self.log("data_share", self.clock.data_share, sync_dist=True)

    def configure_optimizers(self) -> Any:
        optimiser = optimiser_of(self.model, self.recipe)
        steps = int(self.trainer.estimated_stepping_batches)
        if self.recipe.optimiser == "adam":
            decay = self.recipe.weight_decay
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + decay * step))
        else:
            rise = max(1, round(self.recipe.warm_up * steps))
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, rise, steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def calibrate(self, device: torch.device) -> None:
        """Set activation scales from the first batches, the same in every process; they learn from there."""
        self.to(device)
        self.train_set.to(device)
        self.model.train()
        torch.manual_seed(self.recipe.seed)
        faces = len(self.train_set)
        batches = list(ShuffledRows(faces, min(self.recipe.batch, faces), self.recipe.seed, lambda: 0))
        with torch.no_grad():
            for step in range(CALIBRATION_STEPS + 1):  # the last one turns statistics into parameters
                self.model(self.augmented(batches[step % len(batches)])[0])


class Stopwatch:
    """Measures a training epoch: faces per second, and the share of the time that preparing batches takes."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin an epoch."""
        self._last = time.perf_counter()
        self._elapsed_s = self._data_s = 0.0
        self._faces = 0

    def lap(self, faces: int) -> None:
        """End a step over so many faces."""
        now = time.perf_counter()
        self._elapsed_s += now - self._last
        self._last = now
        self._faces += faces

    def data(self) -> Stopwatch:
        """Count the time inside `with` as preparing a batch."""
        return self

    def __enter__(self) -> None:
        self._entered = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._data_s += time.perf_counter() - self._entered

    @property
    def images_per_s(self) -> float:
        """Faces per second, waits included."""
        return self._faces / self._elapsed_s if self._elapsed_s else 0.0

    @property
    def data_share(self) -> float:
        """Share of the time in which the network waits for its batch."""
        return self._data_s / self._elapsed_s if self._elapsed_s else 0.0
