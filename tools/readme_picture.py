"""Draw docs/windows.png, the picture of the README: a boot seen through four small windows."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from d2lmini import corr2d, load_fashion_mnist, max_pool2d, plot

KERNELS = {
    "light to the right": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "light below": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "slopes": [[2, 1, 0], [1, 0, -1], [0, -1, -2]],
    "thin lines": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}


def draw() -> plt.Figure:
    """A row for each kernel: the kernel, the feature map, what max pooling keeps of it."""
    boot = load_fashion_mnist("sample").train_images[0, 0].float() / 255  # (28, 28)
    figure = plt.figure(figsize=(9, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2))
    plot.show_image(boot, "one picture, 28x28", ax=left.subplots())
    axes = right.subplots(3, len(KERNELS))
    for column, (name, numbers) in enumerate(KERNELS.items()):
        K = torch.tensor(numbers, dtype=torch.float32)  # (3, 3)
        Y = corr2d(F.pad(boot, [1] * 4), K)  # (28, 28)
        pooled = max_pool2d(Y, 4)  # (7, 7)
        plot.show_matrix(K, name, signed=True, ax=axes[0, column])
        plot.show_signed(Y, ax=axes[1, column])
        plot.show_signed(pooled, ax=axes[2, column])
        axes[0, column].title.set_fontsize(9)
    for ax, name in zip(axes[:, 0], ("kernel, 3x3", "feature map", "max pooling, 7x7"), strict=True):
        ax.set_ylabel(name, fontsize=9)
    return figure


def main() -> None:
    path = Path(__file__).resolve().parent.parent / "docs" / "windows.png"
    path.parent.mkdir(exist_ok=True)
    draw().savefig(path, dpi=110, metadata={"Software": None})
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
