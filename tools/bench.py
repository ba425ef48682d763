"""Time the package against its alternatives, side by side in one run: `make bench`.

Absolute times differ from machine to machine and from minute to minute; the ratios are the result. Every
comparison runs its candidates in turn, A B C A B C …, and quotes the median of each one's rounds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from d2lmini import VGG11, FashionMNIST, corr2d, fold_batch_norms, lenet, load_fashion_mnist, train, vgg


def medians(candidates: dict[str, Callable[[], object]], rounds: int, repeat: int = 1) -> dict[str, float]:
    """Seconds for one call of each candidate: the median over `rounds`, after one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for warm_up in [True] + [False] * rounds:
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(repeat):
                call()
            if not warm_up:
                times[name].append((time.perf_counter() - start) / repeat)
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, seconds: dict[str, float], unit: str = "s") -> None:
    """Print one comparison: each candidate's median, and its ratio to the first."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
    first = next(iter(seconds.values()))
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:<58}{value * scale:10.2f} {unit:<2}{value / first:10.2f}x")


class OneByOne(Dataset):
    """The usual data set class: one image at a time, through the steps of torchvision's transforms.

    They are written out, so that the benchmark needs no torchvision: the data set makes a PIL image,
    ToTensor turns it into floats from 0 to 1, Normalize subtracts the mean and divides by the deviation.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images[:, 0], labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index].numpy())
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        pixels = pixels.view(*picture.size, 1).permute(2, 0, 1).contiguous()  # (1, 28, 28)
        image = pixels.to(torch.float32).div(255)
        mean, deviation = torch.as_tensor([0.286]), torch.as_tensor([0.353])
        image = image.clone().sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))
        return image, int(self.labels[index])


def epoch_of_train(data: FashionMNIST) -> None:
    """One epoch through `train`."""
    train(lenet(), data, num_epochs=1, lr=0.9, progress=False)


def epoch_bare(images: Tensor, labels: Tensor) -> None:
    """One epoch with nothing but what learning needs, the images as floats in advance."""
    model = lenet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9)
    for rows in torch.randperm(len(images)).split(256):
        loss = F.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def epoch_one_by_one(data: FashionMNIST) -> None:
    """One epoch with the usual `DataLoader`: four worker processes, a transform for each image."""
    model: nn.Module = lenet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9)
    dataset = OneByOne(data.train_images, data.train_labels)
    for images, labels in DataLoader(dataset, batch_size=256, shuffle=True, num_workers=4):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def bench_training(data: FashionMNIST, rounds: int) -> None:
    """`train` against the bare loop and against the per-image loader."""
    without_test = replace(data, test_images=data.test_images[:1], test_labels=data.test_labels[:1])
    floats = data.train_images.float() / 255
    candidates = {
        "d2lmini.train": lambda: epoch_of_train(without_test),
        "the bare tensor loop, no bookkeeping, images already floats": lambda: epoch_bare(
            floats, data.train_labels
        ),
        "DataLoader, image by image, 4 workers and a transform": lambda: epoch_one_by_one(data),
    }
    warnings.filterwarnings("ignore", message="This DataLoader will create 4 worker")  # as asked
    title = f"One epoch of LeNet on {len(data.train_images)} images, batch 256, without the test pass"
    show(title, medians(candidates, rounds))


def corr2d_loop(X: Tensor, K: Tensor) -> Tensor:
    """Cross-correlation by its definition, one output after the other."""
    kh, kw = K.shape
    Y = torch.zeros(X.shape[0] - kh + 1, X.shape[1] - kw + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + kh, j : j + kw] * K).sum()
    return Y


def bench_corr2d(rounds: int) -> None:
    """`corr2d` against its loop and against torch."""
    for n in (8, 28, 256):
        X, K = torch.rand(n, n), torch.rand(3, 3)
        loop = medians({"loop": lambda X=X, K=K: corr2d_loop(X, K)}, rounds)
        quick = {
            "d2lmini.corr2d": lambda X=X, K=K: corr2d(X, K),
            "torch.nn.functional.conv2d": lambda X=X, K=K: F.conv2d(X[None, None], K[None, None]),
        }
        seconds = medians(quick, rounds, repeat=100)
        seconds["the loop over output pixels"] = loop["loop"]
        show(f"Cross-correlation of {n}x{n} pixels with a 3x3 kernel", seconds, "µs")


@torch.no_grad()
def bench_folding(rounds: int) -> None:
    """A whole VGG-11 in evaluation mode, with its batch norms and with these folded away."""
    model = vgg(VGG11, num_hidden=64, batch_norm=True).eval()  # the convolutions are those of the paper
    folded = fold_batch_norms(model)
    for pictures in ("1 picture", "8 pictures"):
        X = torch.rand(int(pictures.split()[0]), 1, 224, 224)
        candidates = {
            "with the batch norms folded": lambda X=X: folded(X),
            "with its batch norms": lambda X=X: model(X),
        }
        show(f"VGG-11 on {pictures} of 224x224, evaluation mode", medians(candidates, rounds), "ms")


def seconds_printed(code: str) -> float:
    """Run code in a new Python process and read the seconds that it prints."""
    command = [sys.executable, "-c", f"import time; start = time.perf_counter(); {code}"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def bench_start(rounds: int) -> None:
    """Imports, and loading the data in a new process and again in the same one."""
    imports = {
        "import d2lmini": "import d2lmini",
        "import torch alone": "import torch",
    }
    loads = {
        "the first call in a new process": "d2lmini.load_fashion_mnist()",
        "the second call": "d2lmini.load_fashion_mnist(); start = time.perf_counter();"
        "d2lmini.load_fashion_mnist()",
    }
    stop = "; print(time.perf_counter() - start)"
    for title, codes, before in (
        ("Importing, in a new process", imports, ""),
        ("Loading and verifying Fashion-MNIST", loads, "import d2lmini; start = time.perf_counter(); "),
    ):
        times: dict[str, list[float]] = {name: [] for name in codes}
        for _ in range(rounds):
            for name, code in codes.items():
                times[name].append(seconds_printed(before + code + stop))
        show(title, {name: statistics.median(values) for name, values in times.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each comparison")
    rounds = parser.parse_args().rounds
    data = load_fashion_mnist()
    print(f"{data}\ntorch {torch.__version__}, {torch.get_num_threads()} threads; medians of {rounds} rounds")
    bench_training(data, rounds)
    bench_corr2d(rounds)
    bench_folding(rounds)
    bench_start(rounds)


if __name__ == "__main__":
    main()
