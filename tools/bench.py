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
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from d2lmini import (
    VGG11,
    FashionMNIST,
    History,
    corr2d,
    fold_batch_norms,
    init_xavier,
    lenet,
    load_fashion_mnist,
    one_cycle,
    random_flip,
    scratch,
    train,
    vgg,
)


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


def modern_lenet(data: FashionMNIST, num_epochs: int, **settings: Any) -> tuple[History, float]:
    """Train a modern LeNet on plain pixels: its history, and its seconds with a test after each epoch."""
    torch.manual_seed(0)
    model = init_xavier(lenet(nn.ReLU, nn.MaxPool2d))
    recipe = {"optimizer": torch.optim.AdamW, "lr": 4e-3, "schedule": one_cycle, "batch_size": 64}
    start = time.perf_counter()
    history = train(model, data, num_epochs=num_epochs, progress=False, **recipe | settings)
    return history, time.perf_counter() - start


def bench_accuracy(data: FashionMNIST) -> None:
    """How soon the modern LeNet is right nine times in ten, and how good it gets."""
    print("\nTest accuracy of the modern LeNet, the network asked once")
    for title, num_epochs, settings in (
        ("4 epochs, to see how soon it is right nine times in ten", 4, {}),
        ("10 epochs with flips, the settings of chapter 7", 10, {"augment": random_flip}),
    ):
        history, seconds = modern_lenet(data, num_epochs, **settings)
        print(f"  {title:<58}{history.test_accuracy[-1]:10.3f} after {seconds:.1f} s")


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


def conv2d_loop(X: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A convolutional layer by its definition, one window after the other."""
    kh, kw = weight.shape[2:]
    Y = np.zeros((len(X), len(weight), X.shape[2] - kh + 1, X.shape[3] - kw + 1), X.dtype)
    for n, o, i, j in np.ndindex(Y.shape):
        Y[n, o, i, j] = (X[n, :, i : i + kh, j : j + kw] * weight[o]).sum() + bias[o]
    return Y


def bench_layer(rounds: int) -> None:
    """A convolutional layer in NumPy, as a loop and by im2col, against torch's."""
    rng = np.random.default_rng(0)
    arrays = [rng.random(shape, np.float32) for shape in ((64, 6, 14, 14), (16, 6, 5, 5), (16,))]
    tensors = [torch.from_numpy(array) for array in arrays]
    quick = {
        "d2lmini.scratch, im2col": lambda: scratch.conv2d_forward(*arrays),
        "torch.nn.functional.conv2d": lambda: F.conv2d(*tensors),
    }
    seconds = medians(quick, rounds, repeat=10)
    few = arrays[0][:4], *arrays[1:]
    seconds["the loop over windows"] = 16 * medians({"loop": lambda: conv2d_loop(*few)}, rounds)["loop"]
    show("LeNet's second convolution, 64 images, forwards", seconds, "ms")


def bench_numpy(data: FashionMNIST, rounds: int, batch_size: int = 64) -> None:
    """Forwards and backwards through LeNet, in NumPy and in torch."""
    images = data.train_images[:batch_size].float() / 255
    labels = data.train_labels[:batch_size]
    arrays, truth = images.numpy(), labels.numpy()
    network, loss_function = scratch.lenet(rng=np.random.default_rng(0)), scratch.SoftmaxCrossEntropy()
    model = lenet(nn.ReLU, nn.MaxPool2d)

    def in_numpy() -> None:
        logits, caches = network.forward(arrays)
        _, cache = loss_function.forward(logits, truth)
        network.backward(loss_function.backward(cache), caches)

    def in_torch() -> None:
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()

    seconds = medians({"d2lmini.scratch, NumPy alone": in_numpy, "torch": in_torch}, rounds, repeat=20)
    show(f"LeNet (ReLU, max pooling) forwards and backwards, {batch_size} images in float32", seconds, "ms")
    rates = [f"{name} {batch_size / value:,.0f}" for name, value in seconds.items()]
    print(f"  images a second: {', '.join(rates)}")


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
    bench_accuracy(data)
    bench_corr2d(rounds)
    bench_layer(rounds)
    bench_numpy(data, rounds)
    bench_folding(rounds)
    bench_start(rounds)


if __name__ == "__main__":
    main()
