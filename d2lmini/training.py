"""The training loop and its evaluation, plain enough to follow line by line."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from d2lmini._checks import check_int, check_same_length
from d2lmini.augment import Augment
from d2lmini.checkpoint import read_checkpoint, restore, save_checkpoint
from d2lmini.data import FashionMNIST, minibatches
from d2lmini.history import History
from d2lmini.progress import Display, choose_display

Batches = Iterable[tuple[Tensor, Tensor]]
Device = torch.device | str | None
LossFunction = Callable[[Tensor, Tensor], Tensor]


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number. `history` holds the epochs that were finished before."""

    history: History | None = None


def train_epoch(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    loss_function: LossFunction = F.cross_entropy,
) -> tuple[float, float]:
    """One pass over the minibatches: for each, predict, compare, go back, step.

    Args:
        model: maps images (B, ...) to logits (B, classes); changed in place.
        batches: (images, labels) pairs on the model's device, such as `minibatches` gives.
        optimizer: holds the model's parameters.
        schedule: stepped after every minibatch.
        loss_function: of logits and labels, a mean over the minibatch.

    Returns:
        (mean loss, accuracy from 0 to 1) over all images, taken while the weights still moved.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
    """
    model.train()
    total_loss, num_correct, num_images = 0.0, 0, 0
    for images, labels in batches:
        logits = model(images)  # (B, classes)
        loss = loss_function(logits, labels)
        check_finite(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        total_loss += loss.item() * len(labels)
        num_correct += (logits.argmax(dim=1) == labels).sum().item()
        num_images += len(labels)
    return total_loss / num_images, num_correct / num_images


def train(
    model: nn.Module,
    data: FashionMNIST,
    *,
    num_epochs: int = 10,
    batch_size: int = 256,
    lr: float = 0.1,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    schedule: Callable[[torch.optim.Optimizer, int], Any] | None = None,
    loss_function: LossFunction = F.cross_entropy,
    augment: Augment | None = None,
    seed: int = 0,
    device: Device = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> History:
    """Train `model` in place, and measure it on the test images after every epoch.

    Every epoch draws its shuffle, its augmentation and its dropout from `seed` and the epoch's number, so
    the same call on the same machine gives the same weights. Torch's global seed is set for that.

    Args:
        model: maps images (B, 1, 28, 28), float32 in [0, 1], to logits (B, classes).
        data: what `load_fashion_mnist` gives, or anything with the same four tensors.
        num_epochs, batch_size, lr: passes over the data, images a step, learning rate.
        optimizer: called as `optimizer(model.parameters(), lr=lr)`.
        schedule: called as `schedule(optimizer, num_steps)`, stepped after every minibatch; see `one_cycle`.
        loss_function: of logits and labels, a mean over the minibatch.
        augment: called as `augment(images, generator)` on every training minibatch; see `random_flip`.
        device: where to compute; None takes a GPU when there is one. The model stays there.
        progress: a live curve or a bar; None shows it where somebody watches, and nowhere else.
        checkpoint: a file to save after every epoch. When it exists, training goes on after its last
            epoch as if it had never stopped; the settings must be the same.

    Returns:
        The history. After Ctrl-C that of the finished epochs, with a line that says so; the model keeps
        what it has learned.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        ValueError: a setting below its minimum, or a checkpoint of another run.
    """
    check_int("num_epochs", num_epochs, 0)
    check_int("batch_size", batch_size, 1)
    check_lr(lr)
    check_same_length("train_images", data.train_images, "train_labels", data.train_labels)
    device = pick_device(device)
    model.to(device)
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    num_batches = math.ceil(len(images) / batch_size)
    settings = {"num_epochs": num_epochs, "batch_size": batch_size, "lr": lr, "seed": seed}
    opt = optimizer(model.parameters(), lr=lr)
    sched = schedule(opt, num_epochs * num_batches) if schedule is not None else None
    states = {"optimizer": opt} if sched is None else {"optimizer": opt, "schedule": sched}

    history = History()
    if checkpoint is not None and Path(checkpoint).exists():
        history = restore(checkpoint, read_checkpoint(checkpoint), model, states, settings)
    display = choose_display(progress, num_epochs, num_batches, len(history))
    interrupted = False
    try:
        for epoch in range(len(history), num_epochs):
            generator = seed_epoch(seed, epoch)
            batches = minibatches(images, labels, batch_size, generator)
            batches = watched(augmented(batches, augment, generator), display)
            loss, accuracy = train_epoch(model, batches, *states.values(), loss_function=loss_function)
            test_accuracy = evaluate(model, data.test_images, data.test_labels, device=device)
            history.append(loss, accuracy, test_accuracy)
            display.epoch(history)
            if checkpoint is not None:
                save_checkpoint(checkpoint, model, history, states, settings)
    except KeyboardInterrupt:
        interrupted = True
    except TrainingDiverged as error:
        error.history = history
        raise
    finally:
        display.close()
    if interrupted:
        print(f"Stopped by Ctrl-C after {len(history)} of {num_epochs} epochs.")
    return history


def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    batch_size: int = 1000,
    device: Device = None,
) -> float:
    """The share of images (N, 1, 28, 28) whose largest logit is at the true label, from 0 to 1.

    Raises:
        ValueError: `images` and `labels` differ in length.

    >>> evaluate(nn.Flatten(), torch.eye(2).reshape(2, 1, 1, 2), torch.tensor([0, 0]))
    0.5
    """
    check_same_length("images", images, "labels", labels)
    classes = predict(model, images, batch_size, device).argmax(dim=1)  # (N,)
    return (classes == labels.to(classes.device)).float().mean().item()


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, batch_size: int = 1000, device: Device = None) -> Tensor:
    """The logits (N, classes) of images (N, 1, 28, 28), in evaluation mode and without gradients.

    The model stays on its device (or goes to `device`) and in the mode it was in.

    Raises:
        ValueError: `batch_size` below 1.
    """
    parameter = next(model.parameters(), None)
    if device is None:
        device = images.device if parameter is None else parameter.device
    was_training = model.training
    model.to(device).eval()
    no_labels = torch.zeros(len(images), dtype=torch.int64)
    batches = minibatches(images, no_labels, batch_size)
    try:
        return torch.cat([model(batch.to(device)) for batch, _ in batches])
    finally:
        model.train(was_training)


def one_cycle(optimizer: torch.optim.Optimizer, num_steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """Raise the learning rate to the optimizer's own over the first 30 % of the steps, then lower it to 0.

    Source: Smith & Topin, Super-convergence (2019); torch.optim.lr_scheduler.OneCycleLR.
    """
    peak = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=peak, total_steps=num_steps)


def pick_device(device: Device = None) -> torch.device:
    """The device asked for; with None the GPU if there is one, else the CPU."""
    if device is not None:
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_epoch(seed: int, epoch: int) -> torch.Generator:
    """Seed torch for one epoch and give the generator of its shuffle: any epoch can be repeated alone."""
    torch.manual_seed(1_000_003 * seed + epoch)  # dropout draws from the global generator
    return torch.Generator().manual_seed(1_000_003 * seed + epoch)


def augmented(
    batches: Batches, augment: Augment | None, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """The minibatches, their images changed by `augment`."""
    for images, labels in batches:
        yield (augment(images, generator) if augment else images), labels


def watched(batches: Batches, display: Display) -> Iterator[tuple[Tensor, Tensor]]:
    """The minibatches, with one step of the progress display after each."""
    for batch in batches:
        yield batch
        display.step()


def check_finite(loss: Tensor) -> None:
    """Raise TrainingDiverged when the loss is NaN or infinite, with the usual reasons."""
    if not math.isfinite(loss.item()):
        raise TrainingDiverged(
            f"the loss became {loss.item()}, so no gradient means anything any more. Usual reasons: "
            "a learning rate that is too large (try a tenth), NaN in the images, a logarithm of 0."
        )


def check_lr(lr: float) -> None:
    """Raise unless a learning rate is a finite number above 0."""
    if isinstance(lr, bool) or not isinstance(lr, int | float):
        raise TypeError(f"`lr` (={lr!r}) must be a number.")
    if not 0 < lr < math.inf:
        raise ValueError(f"`lr` (={lr}) must be a finite number above 0.")
