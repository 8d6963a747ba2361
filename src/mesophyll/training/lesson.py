"""One training run as Lightning sees it: a stream of patches, a step, a schedule, checkpoints and logs.

Every patch is drawn from a generator seeded by the plan's seed and the patch's own number, so a training that was cut off and
resumed ends with the weights of one that was not.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader, IterableDataset

from mesophyll.device import fast_precision
from mesophyll.errors import FileError, SettingsError
from mesophyll.likeness import MARKS, Familiar, measure
from mesophyll.network import Built
from mesophyll.progress import Progress
from mesophyll.representations import Representation
from mesophyll.training.holding import Before
from mesophyll.training.patches import Augmentation
from mesophyll.training.plan import TrainingPlan
from mesophyll.training.preparation import Preparation, Prepared
from mesophyll.training.supply import Supply

__all__ = ["Lesson", "PatchStream", "fit", "precision"]

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""image_BCS, target_BCS, known_BS."""

_VALIDATION_SEED = 1_000_003  # its patches share no generator with those that are learnt
_WARM_UP = 0.05  # of all steps
_LOOK_AHEAD = 3  # batches that are made while a step runs
_MET = 512  # patches, spread over a training, whose marks are kept
_LAG = 16  # patches that are shown for the first time before one is shown again


class Bench:
    """Prepared patches by their number: each made once, ahead of its need, and kept while it is still to be shown."""

    def __init__(self, supply: Supply, how: Preparation, seed: int, workers: int) -> None:
        self.supply, self.how, self.seed, self.workers = supply, how, seed, workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="bench")
        self._made: dict[int, Future[Prepared]] = {}
        self._lock = threading.Lock()

    def ask(self, number: int) -> Future[Prepared]:
        """Have a patch prepared, if it is not yet."""
        with self._lock:
            if number not in self._made:
                rng = np.random.default_rng([self.seed, number])
                self._made[number] = self._pool.submit(self.supply.prepare, number, rng, self.how)
            return self._made[number]

    def forget(self, before: int) -> None:
        """Let go of the patches below a number."""
        with self._lock:
            self._made = {number: made for number, made in self._made.items() if number >= before}


@dataclass(frozen=True)
class PatchStream(IterableDataset[Batch]):
    """Batches number ``start`` to ``stop`` of the endless row that a plan's seed defines.

    Every ``repeats`` places of the row, a patch is shown for the first time; the places between show patches of some while ago
    once more, so that no batch is of one patch. ``keep``: the row is short and is looked at again and again.
    """

    bench: Bench
    batch_size: int
    start: int
    stop: int
    repeats: int = 1
    keep: bool = False

    def __iter__(self) -> Iterator[Batch]:
        # Threads, not processes: what they call lets go of the interpreter, and nothing is pickled.
        reach = max(_LOOK_AHEAD, -(-2 * self.bench.workers * self.repeats // self.batch_size))
        row: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(_LOOK_AHEAD) as pool:
            asked = self.start
            for number in range(self.start, self.stop):
                while asked < min(number + reach, self.stop):
                    self._ask(asked)
                    asked += 1
                row.append(pool.submit(self.batch, number))
                if len(row) == _LOOK_AHEAD:
                    yield row.popleft().result()
                    self._forget(number + 1 - len(row))
            while row:
                yield row.popleft().result()

    def batch(self, number: int) -> Batch:
        """Return one batch; the same for the same number."""
        shown = [
            self.bench.how.show(made.result(), np.random.default_rng([self.bench.seed, place, 1]))
            for place, made in self._ask(number)
        ]
        parts = zip(*((one.image_CS, one.target_CS, one.known_S) for one in shown), strict=True)
        image, target, known = (torch.from_numpy(np.stack(part)) for part in parts)
        return image, target, known

    def _ask(self, number: int) -> list[tuple[int, Future[Prepared]]]:
        """Have the patches of a batch prepared; return their places in the row, and what is made."""
        places = range(number * self.batch_size, (number + 1) * self.batch_size)
        return [(place, self.bench.ask(self._patch(place))) for place in places]

    def _patch(self, place: int) -> int:
        turn, view = divmod(place, self.repeats)
        return (turn - view * _LAG) % (turn + 1)  # at the beginning, there is no such while ago

    def _forget(self, number: int) -> None:
        """Let go of what no batch from ``number`` on shows."""
        if not self.keep:
            self.bench.forget(number * self.batch_size // self.repeats - (self.repeats - 1) * _LAG)


class Lesson(lightning.LightningModule):
    """A network, what it shall learn, and from what; perhaps with what it was ``before`` it is taught on."""

    met: torch.Tensor
    """The marks of patches that were learnt from, a row each; NaN where there were not so many."""

    def __init__(
        self,
        network: Built,
        representation: Representation,
        plan: TrainingPlan,
        learn: Supply,
        judge: Supply,
        before: Before | None = None,
    ) -> None:
        super().__init__()
        # oneDNN and cuDNN are faster when channels lie innermost.
        layout = torch.channels_last_3d if plan.ndim == 3 else torch.channels_last
        self.network = network.to(memory_format=layout)  # type: ignore[call-overload]
        self.representation, self.plan, self.before = representation, plan, before
        self.register_buffer("met", torch.full((_MET, len(MARKS)), torch.nan))  # a buffer: checkpoints hold it
        self.learn = Bench(learn, self._preparation(plan.augmentation), plan.seed, plan.workers)
        self.judge = Bench(judge, self._preparation(None), _VALIDATION_SEED, plan.workers)

    def _preparation(self, augmentation: Augmentation | None) -> Preparation:
        plan = self.plan
        return Preparation(self.representation, plan.ndim, plan.patch, augmentation, upright=plan.position == "upright")

    def train(self, mode: bool = True) -> Lesson:  # noqa: FBT001, FBT002 - the signature is torch's
        """Switch to learning, or to judging.

        What is taught on keeps the statistics of its normalisation: a handful of patches would only blur them, and so the
        network learns as it will be used.
        """
        super().train(mode)
        if self.plan.start:
            for module in self.network.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of the epoch that comes."""
        plan = self.plan
        start = self.current_epoch * plan.steps * plan.accumulate
        stop = start + plan.steps * plan.accumulate
        return DataLoader(PatchStream(self.learn, plan.batch, start, stop, plan.repeats), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the same few batches every time."""
        batches = -(-self.plan.validation_patches // self.plan.batch)
        return DataLoader(PatchStream(self.judge, self.plan.batch, 0, batches, keep=True), batch_size=None)

    def training_step(self, batch: Batch, place: int) -> torch.Tensor:
        """Return the loss of one batch."""
        self._remember(batch[0], place)
        return self._loss(batch, "training_loss")

    def _remember(self, image_BCS: torch.Tensor, place: int) -> None:
        """Keep the marks of one patch of a batch, now and then."""
        batches = self.plan.steps * self.plan.accumulate
        number = self.current_epoch * batches + place
        row, rest = divmod(number, -(-self.plan.epochs * batches // _MET))
        if not rest:
            one = image_BCS[number % len(image_BCS), 0]  # not always the same place, which may show always the same bed
            self.met[row] = torch.tensor(list(measure(one.float().cpu().numpy()).values()))

    def familiar(self, coarsest: float) -> Familiar:
        """Return what has been met so far."""
        met = [dict(zip(MARKS, marks, strict=True)) for marks in self.met.tolist()]
        return Familiar.of(met, self.plan.patch, coarsest)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Log the loss of one batch."""
        self._loss(batch, "validation_loss")

    def _loss(self, batch: Batch, name: str) -> torch.Tensor:
        image_BCS, target_BCS, known_BS = batch
        output_BCS = self.network(image_BCS)
        loss = self.representation.loss(output_BCS, target_BCS, known_BS)
        if self.before is not None:
            untold_BCS = torch.isnan(target_BCS) | ~known_BS[:, None]
            loss = loss + self.plan.hold * self.before.missed(image_BCS, output_BCS, untold_BCS)
        self.log(name, loss, on_step=False, on_epoch=True, batch_size=len(image_BCS))
        return loss

    def configure_optimizers(self) -> Any:
        """Return AdamW and the plan's schedule."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.plan.rate, weight_decay=self.plan.weight_decay)
        if self.plan.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=10)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "validation_loss"}}
        total = max(self.plan.epochs * self.plan.steps, 4)
        rise = max(_WARM_UP, 2 / total)  # a rise of one step would be divided by its length, 0
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=self.plan.rate, total_steps=total, pct_start=rise)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


class _Teller(Callback):
    """Tells the progress of the whole run, step by step."""

    def __init__(self, progress: Progress, plan: TrainingPlan) -> None:
        self.progress, self.total = progress, plan.epochs * plan.steps

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.progress("training", trainer.global_step, self.total)


def fit(lesson: Lesson, folder: Path, *, resume: bool, device: torch.device, progress: Progress) -> tuple[Built, float]:
    """Run a lesson; return the network as it was when it did best on validation, and that loss.

    Logs (CSV and TensorBoard) go to ``folder/logs``, checkpoints to ``folder/checkpoints``.
    """
    best = ModelCheckpoint(folder / "checkpoints", "best", monitor="validation_loss", enable_version_counter=False)
    last = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    stop = EarlyStopping("validation_loss", patience=lesson.plan.patience)
    checkpoint = folder / "checkpoints" / "last.ckpt"
    with _quiet():
        trainer = lightning.Trainer(
            max_epochs=lesson.plan.epochs,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            precision=precision(lesson.plan, lesson.network.network.stride, device),
            accumulate_grad_batches=lesson.plan.accumulate,
            gradient_clip_val=1.0,
            callbacks=[best, last, stop, _Teller(progress, lesson.plan)],
            # A version for each run: a resumed one adds to the logs and replaces none.
            logger=[CSVLogger(folder / "logs", "csv"), TensorBoardLogger(folder / "logs", "tensorboard")],
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(lesson, ckpt_path=checkpoint if resume and checkpoint.exists() else None, weights_only=True)
        except SystemExit:  # so ends Lightning on Ctrl-C, and leaves the process deaf to the next one
            signal.signal(signal.SIGINT, interrupt)
    if trainer.interrupted:
        raise FileError(
            f"the training in {folder} was interrupted after {trainer.current_epoch} epochs",
            f"its plan has {lesson.plan.epochs}",
            "go on with --resume",
        )
    loss = float("nan") if best.best_model_score is None else float(best.best_model_score)
    if math.isinf(loss):  # what a checkpoint takes NaN for
        raise SettingsError(
            f"the training in {folder} never had a finite loss on validation",
            f"with rate = {lesson.plan.rate:g} its weights grew beyond all bounds",
            "start again with a lower rate",
        )
    # By its name, not by the path that the checkpoint remembers: the folder may have moved since.
    state = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True, map_location="cpu")["state_dict"]
    lesson.load_state_dict(state)
    return lesson.network.eval().cpu(), loss


def precision(plan: TrainingPlan, stride: int, device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    """Return how a training reckons: with bfloat16 where the hardware multiplies that.

    Not where a volume's deepest level is two voxels wide: there, on a processor, oneDNN 3.12 (torch 2.13) adds to the gradient
    of a convolution what lies in memory by chance, and weights become NaN.
    """
    amiss = device.type == "cpu" and plan.ndim == 3 and plan.patch == 2 * stride
    return "bf16-mixed" if fast_precision(device) == torch.bfloat16 and not amiss else "32-true"


class _quiet(warnings.catch_warnings):  # noqa: N801 - used as a function
    """Keep Lightning's advice off the user's terminal."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        for part in ("pytorch", "pytorch.utilities.rank_zero", "fabric", "fabric.utilities.rank_zero"):
            logging.getLogger(f"lightning.{part}").setLevel(logging.ERROR)
        return entered
