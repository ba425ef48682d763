"""The training loop and its evaluation, plain enough to follow line by line."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from d2lmini._checks import check_int
from d2lmini.augment import Augment
from d2lmini.checkpoint import (
    check_folder,
    optimizer_settings,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from d2lmini.data import FashionMNIST, as_float, check_pixels, minibatches
from d2lmini.history import History
from d2lmini.modes import evaluation_mode
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
        ValueError: there was no minibatch.
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
    check_some(num_images)
    return total_loss / num_images, num_correct / num_images


def train(
    model: nn.Module,
    data: FashionMNIST | Batches,
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
    test_data: Batches | None = None,
) -> History:
    """Train `model` in place, and measure it on the test images after every epoch.

    Every epoch draws its shuffle, its augmentation and its dropout from `seed` and the epoch's number, so
    the same call on the same machine gives the same weights. Torch's global seed is set for that.

    Args:
        model: maps images (B, 1, 28, 28), float32 in [0, 1], to logits (B, classes).
        data: what `load_fashion_mnist` gives, or anything with the same four tensors; or minibatches
            (images, labels) that can be read once an epoch, such as a list or a `DataLoader`, which
            shuffle themselves and have a batch size of their own. Images as uint8 become 0 to 1.
        num_epochs, batch_size, lr: passes over the data, images a step, learning rate.
        optimizer: called as `optimizer(model.parameters(), lr=lr)`.
        schedule: called as `schedule(optimizer, num_steps)`, stepped after every minibatch; see `one_cycle`.
        loss_function: of logits and labels, a mean over the minibatch.
        augment: called as `augment(images, generator)` on every training minibatch; see `random_flip`.
        seed: an integer from 0.
        device: where to compute; None takes a GPU when there is one. The model stays there.
        progress: a live curve or a bar; None shows it where somebody watches, and nowhere else.
        checkpoint: a file to save after every epoch. When it exists, training goes on after its last
            epoch as if it had never stopped; the settings must be the same. Only `num_epochs` may be
            another, so that a finished run can be made longer, unless there is a `schedule`: it was made
            for so many steps.
        test_data: minibatches to measure on, in place of the test images of `data`. Without either, the
            test accuracy is NaN.

    Returns:
        The history. After Ctrl-C that of the finished epochs, with a line that says so; the model keeps
        what it has learned, and `history.interrupted` is True. A Ctrl-C before this call has finished an
        epoch isn't caught. So in a loop over settings one Ctrl-C ends a training and another the loop;
        or one ends both::

            history = train(model, data, lr=lr)
            if history.interrupted:
                break

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        ValueError: a setting below its minimum, a checkpoint of another run, no minibatch.
        TypeError: data that is neither; a setting that isn't a number.
        FileNotFoundError: the folder of `checkpoint` doesn't exist.
        KeyboardInterrupt: Ctrl-C in the first epoch.
    """
    check_int("num_epochs", num_epochs, 0)
    check_int("batch_size", batch_size, 1)
    check_int("seed", seed, 0)
    check_lr(lr)
    if checkpoint is not None:
        check_folder(checkpoint)
    device = pick_device(device)
    source = source_of(data, batch_size, device, test_data)
    check_source(source, num_epochs, with_schedule=schedule is not None)
    model.to(device)
    opt = optimizer(model.parameters(), lr=lr)
    settings = {"batch_size": batch_size, "lr": lr, "seed": seed} | optimizer_settings(opt)
    states: dict[str, Any] = {"optimizer": opt}
    if schedule is not None and num_epochs > 0:
        states["schedule"] = schedule(opt, num_epochs * source.num_batches)

    history = History()
    if checkpoint is not None and Path(checkpoint).exists():
        content = read_checkpoint(checkpoint)
        check_num_epochs(checkpoint, content, num_epochs, free=schedule is None)
        history = restore(checkpoint, content, model, states, settings)
    settings["num_epochs"] = num_epochs
    display = choose_display(progress, num_epochs, source.num_batches, len(history))
    epochs_before = len(history)
    try:
        for epoch in range(epochs_before, num_epochs):
            generator = seed_epoch(seed, epoch)
            batches = watched(augmented(source.epoch(generator), augment, generator), display)
            loss, accuracy = train_epoch(model, batches, *states.values(), loss_function=loss_function)
            history.append(loss, accuracy, source.test_accuracy(model))
            display.epoch(history)
            if checkpoint is not None:
                save_checkpoint(checkpoint, model, history, states, settings)
    except KeyboardInterrupt:
        if len(history) == epochs_before:
            raise
        history.interrupted = True
    except TrainingDiverged as error:
        error.history = history
        raise
    finally:
        display.close()
    if history.interrupted:
        print(f"Stopped by Ctrl-C after {len(history)} of {num_epochs} epochs.")
    return history


class Source(NamedTuple):
    """Where a training gets its minibatches, and what measures it after an epoch."""

    epoch: Callable[[torch.Generator], Batches]  # the minibatches of one epoch, on the training's device
    num_batches: int | None  # of one epoch; None when nobody can know before
    test_accuracy: Callable[[nn.Module], float]
    once: bool = False  # whether it can be read only once


def source_of(
    data: FashionMNIST | Batches, batch_size: int, device: torch.device, test_data: Batches | None
) -> Source:
    """The source for four tensors, whose images go to the device at once, or for minibatches."""
    if not hasattr(data, "train_images"):
        check_iterable("data", data)
        return Source(
            lambda generator: moved("data", data, device),
            length_of(data),
            lambda model: math.nan if test_data is None else share_right(model, test_data, device),
            once=isinstance(data, Iterator),
        )
    check_same_length("train_images", data.train_images, "train_labels", data.train_labels)
    images, labels = data.train_images.to(device), data.train_labels.to(device)

    def test_accuracy(model: nn.Module) -> float:
        if test_data is not None:
            return share_right(model, test_data, device)
        return evaluate(model, data.test_images, data.test_labels, device=device)

    return Source(
        lambda generator: minibatches(images, labels, batch_size, generator),
        math.ceil(len(images) / batch_size),
        test_accuracy,
    )


def length_of(batches: Batches) -> int | None:
    """How many minibatches there are, or None: an iterable need not know, and some loaders only seem to."""
    try:
        return len(batches) if isinstance(batches, Sized) else None
    except TypeError:
        return None


def moved(name: str, batches: Batches, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Somebody else's minibatches on our device, bytes as floats from 0 to 1."""
    for batch in batches:
        check_batch(name, batch)
        images, labels = batch
        check_same_length("images", images, "labels", labels)
        check_pixels(images)
        yield as_float(images.to(device)), labels.to(device)


@torch.no_grad()
def share_right(model: nn.Module, batches: Batches, device: torch.device) -> float:
    """The share of images in all minibatches whose largest logit is at the true label."""
    num_correct, num_images = 0, 0
    with evaluation_mode(model):
        for images, labels in moved("test_data", batches, device):
            num_correct += (model(images).argmax(dim=1) == labels).sum().item()
            num_images += len(labels)
    check_some(num_images)
    return num_correct / num_images


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

    The model stays on its device (or goes to `device`), and each of its modules in the mode it was in. The
    images may lie on any device; the logits are on the model's.

    Raises:
        ValueError: `batch_size` below 1, or no images.
        TypeError: images that are neither uint8 nor floating point.
    """
    check_int("batch_size", batch_size, 1)
    check_some(len(images))
    check_pixels(images)
    if device is None:
        parameter = next(model.parameters(), None)
        device = images.device if parameter is None else parameter.device
    else:
        model.to(device)
    with evaluation_mode(model):
        return torch.cat([model(as_float(batch.to(device))) for batch in images.split(batch_size)])


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


def check_same_length(name: str, images: Tensor, other: str, labels: Tensor) -> None:
    """Raise unless there is one label for each image."""
    if len(images) != len(labels):
        raise ValueError(f"`{name}` ({len(images)}) and `{other}` ({len(labels)}) must have the same length.")


def check_some(num_images: int) -> None:
    """Raise when there was nothing to learn from, or to measure on."""
    if num_images == 0:
        raise ValueError(
            "there must be at least one image; was an iterator of minibatches already read to its end?"
        )


def check_iterable(name: str, batches: object) -> None:
    """Raise unless minibatches can be taken from this, or it is a data set of four tensors."""
    if not isinstance(batches, Iterable):
        raise TypeError(
            f"`{name}` must have `train_images` and its three fellows, as load_fashion_mnist() gives, or be "
            f"an iterable of (images, labels) such as a DataLoader, got {type(batches).__name__}."
        )


def check_batch(name: str, batch: object) -> None:
    """Raise unless a minibatch is a pair of tensors."""
    pair = isinstance(batch, tuple | list) and len(batch) == 2
    if not pair or not all(isinstance(part, Tensor) for part in batch):
        raise TypeError(f"`{name}` must give pairs (images, labels) of tensors, got {type(batch).__name__}.")


def check_source(source: Source, num_epochs: int, with_schedule: bool) -> None:
    """Raise when minibatches that can be read once are to be read again, or a schedule needs their number."""
    if source.once and num_epochs > 1:
        raise TypeError(
            f"`data` is an iterator, which gives its minibatches only once: `num_epochs` (={num_epochs}) "
            "passes need a list or a DataLoader."
        )
    if source.num_batches is None and with_schedule:
        raise TypeError("`data` must have a length when there is a `schedule`, which counts the steps.")


def check_num_epochs(
    path: str | os.PathLike[str], content: dict[str, Any], num_epochs: int, free: bool
) -> None:
    """Raise unless a run of `num_epochs` can go on from a checkpoint; when `free`, it may be a longer one."""
    stored, done = content["settings"].get("num_epochs"), len(content["history"]["test_accuracy"])
    if stored is None or (stored != num_epochs and not free):
        why = "" if stored is None else " The schedule was made for so many."
        raise ValueError(
            f"{path} holds another run: `num_epochs` is {stored} in the file, {num_epochs} in this call."
            f"{why} Use the same settings, or another file."
        )
    if num_epochs < done:
        raise ValueError(f"{path} holds {done} finished epochs, more than `num_epochs` (={num_epochs}).")
