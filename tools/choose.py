"""Choose the recipes of chapters 7 and 8 on validation images alone: `make choose`.

Ten thousand of the training images are cut off, once and by a fixed seed (`validation_split`); every
candidate learns from the other fifty thousand and is judged on the ten thousand. What the split returns has
no test images, and nothing here keeps the data that has. A finished run is stored at once beside this file,
in choices.json, and skipped the next time, so the command can be stopped and called again.

    python tools/choose.py --seeds 3          all that is missing, then the table
    python tools/choose.py --runs 1           only the next missing run: for a machine that others use
    python tools/choose.py --table            the table of what is stored
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from d2lmini import (
    FashionMNIST,
    TrainingDiverged,
    init_xavier,
    lenet,
    load_fashion_mnist,
    one_cycle,
    predict,
    random_flip,
    train,
    validation_split,
    vgg_block,
)
from nbproof import files

RESULTS = Path(__file__).resolve().parent / "choices.json"
NUM_VALIDATION = 10_000


class Candidate(NamedTuple):
    """A recipe to be tried; `settings` are those of `train`."""

    model: str
    settings: dict[str, Any]
    book: bool = False  # whether a chapter has it now

    def __str__(self) -> str:
        rate, size, epochs = (self.settings[name] for name in ("lr", "batch_size", "num_epochs"))
        how = " with flips" if "augment" in self.settings else ""
        return f"{self.model}: lr {rate:g}, batch {size}, {epochs} epochs{how}"


def modern(lr: float, batch_size: int, num_epochs: int, flips: bool = True) -> dict[str, Any]:
    """AdamW, one cycle and flips, as in chapters 7 and 8."""
    settings: dict[str, Any] = {"optimizer": torch.optim.AdamW, "schedule": one_cycle}
    settings |= {"augment": random_flip} if flips else {}
    return settings | {"lr": lr, "batch_size": batch_size, "num_epochs": num_epochs}


CLASSIC, MODERN, VGG = "classic LeNet", "modern LeNet", "small VGG"
CANDIDATES = [
    *(
        Candidate(CLASSIC, {"lr": lr, "batch_size": 256, "num_epochs": 10}, book=lr == 0.9)
        for lr in (0.9, 0.5, 1.5)
    ),
    Candidate(MODERN, modern(4e-3, 64, 10), book=True),
    Candidate(MODERN, modern(2e-3, 64, 10)),
    Candidate(MODERN, modern(8e-3, 64, 10)),
    Candidate(MODERN, modern(4e-3, 128, 10)),
    Candidate(MODERN, modern(4e-3, 64, 10, flips=False)),
    Candidate(MODERN, modern(4e-3, 64, 5)),
    Candidate(VGG, modern(5e-3, 128, 4), book=True),  # half of the chapter's epochs, to compare
    Candidate(VGG, modern(2.5e-3, 128, 4)),
    Candidate(VGG, modern(1e-2, 128, 4)),
]


class Standardize(nn.Module):
    """Chapter 7's first layer."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, X: Tensor) -> Tensor:
        return (X - self.mean) / self.deviation


def small_vgg() -> nn.Sequential:
    """Chapter 8's network."""
    blocks, in_channels = [], 1
    for out_channels, convs in ((24, 1), (48, 2), (96, 2)):
        blocks.append(vgg_block(convs, in_channels, out_channels, batch_norm=True))
        in_channels = out_channels
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, 10)]
    return nn.Sequential(*blocks, *head).to(memory_format=torch.channels_last)


def modern_lenet(choosing: FashionMNIST) -> nn.Sequential:
    pixels = choosing.train_images.float() / 255
    mean, deviation = pixels.mean().item(), pixels.std().item()
    return nn.Sequential(Standardize(mean, deviation), *lenet(nn.ReLU, nn.MaxPool2d))


BUILDERS: dict[str, Callable[[FashionMNIST], nn.Module]] = {
    CLASSIC: lambda _: init_xavier(lenet()),
    MODERN: modern_lenet,
    VGG: lambda _: small_vgg(),
}


def images_to_choose_on() -> FashionMNIST:
    """The training images in two parts; the test images stay behind."""
    data = load_fashion_mnist()
    if data.is_sample:
        raise SystemExit("choose: only the sample of the data is here, which is too small to choose on")
    return validation_split(data, NUM_VALIDATION)


def share_right(probabilities: Tensor, labels: Tensor) -> float:
    return (probabilities.argmax(dim=1).cpu() == labels).float().mean().item()


def run(candidate: Candidate, seed: int, choosing: FashionMNIST) -> dict[str, Any]:
    """Train once: the validation accuracy, asked once and with the mirror image too; None if it diverged."""
    start = time.process_time()
    torch.manual_seed(seed)
    model = BUILDERS[candidate.model](choosing)
    once = twice = None
    try:
        train(model, choosing, seed=seed, progress=False, **candidate.settings)
        images, labels = choosing.test_images, choosing.test_labels  # the validation images
        answer = predict(model, images).softmax(dim=1)
        once = share_right(answer, labels)
        twice = share_right(answer + predict(model, images.flip(-1)).softmax(dim=1), labels)
    except TrainingDiverged:
        pass
    return {"once": once, "twice": twice, "seconds": round(time.process_time() - start)}


# --- what is stored -----------------------------------------------------------------------------


def keep(candidate: Candidate, seed: int, result: dict[str, Any]) -> None:
    """Add one result to {candidate: {seed: result}}."""
    with files.changed(RESULTS) as found:
        found.setdefault(str(candidate), {})[str(seed)] = result


def missing(found: dict[str, dict[str, Any]], seeds: int) -> Iterator[tuple[Candidate, int]]:
    """The runs to be done, all candidates with the first seed before any with the second."""
    for seed in range(seeds):
        for candidate in CANDIDATES:
            if str(seed) not in found.get(str(candidate), {}):
                yield candidate, seed


def table(found: dict[str, dict[str, Any]]) -> str:
    """A row for each candidate: its validation accuracy, mean and spread over the seeds; the best in bold."""
    rows = {}
    for candidate in CANDIDATES:
        results = found.get(str(candidate), {}).values()
        if values := [0.1 if each["once"] is None else each["once"] for each in results]:
            gains = [each["twice"] - each["once"] for each in results if each["once"] is not None]
            rows[candidate.model, str(candidate)] = values, gains, candidate.book
    best = {
        model: max(statistics.mean(v[0]) for key, v in rows.items() if key[0] == model) for model, _ in rows
    }
    lines = ["| recipe | validation accuracy | spread | asked twice | runs | |", "|---|---|---|---|---|---|"]
    for (model, name), (values, gains, book) in rows.items():
        mean = f"{statistics.mean(values):.4f}"
        mean = f"**{mean}**" if statistics.mean(values) == best[model] else mean
        spread = f"{statistics.stdev(values):.4f}" if len(values) > 1 else ""
        gain = f"{statistics.mean(gains):+.4f}" if gains else "diverged"
        lines.append(f"| {name} | {mean} | {spread} | {gain} | {len(values)} | {'the book' * book} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="runs of each candidate")
    parser.add_argument("--runs", type=int, default=None, help="at most so many runs now")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    todo = list(missing(files.read(RESULTS), options.seeds))[: options.runs]
    if todo and not options.table:
        choosing = images_to_choose_on()
        for candidate, seed in todo:
            result = run(candidate, seed, choosing)
            keep(candidate, seed, result)
            print(f"{candidate}, seed {seed}: {result}", flush=True)
    print(table(files.read(RESULTS)))


if __name__ == "__main__":
    main()
