"""What a training run wrote down, epoch by epoch, and its picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class History:
    """One number for each finished epoch: mean training loss, training accuracy, test accuracy (0 to 1).

    The training figures are running means over the epoch's minibatches, taken while the weights still
    moved; the test figure is measured when the epoch is over, and NaN where there were no test images.
    `interrupted` says that Ctrl-C has ended the training.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    interrupted: bool = field(default=False, compare=False)

    def __len__(self) -> int:
        """The number of finished epochs."""
        return len(self.test_accuracy)

    def __repr__(self) -> str:
        if not self:
            return "History(no epoch finished)"
        epochs = "1 epoch" if len(self) == 1 else f"{len(self)} epochs"
        if math.isnan(self.test_accuracy[-1]):
            return f"History({epochs}, training accuracy {self.train_accuracy[-1]:.3f})"
        return f"History({epochs}, test accuracy {self.test_accuracy[-1]:.3f})"

    def append(self, train_loss: float, train_accuracy: float, test_accuracy: float) -> None:
        """Write down one finished epoch."""
        self.train_loss.append(train_loss)
        self.train_accuracy.append(train_accuracy)
        self.test_accuracy.append(test_accuracy)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the three curves over the epochs, the loss on the left axis, accuracies on the right."""
        from d2lmini import plot

        ax = plot.show_curves({"training loss": self.train_loss}, ylabel="loss", ax=ax)
        right = ax.twinx()
        epochs = range(1, len(self) + 1)
        marker = "o" if len(self) == 1 else ""  # a line through one point can't be seen
        for values, style, color, label in (
            (self.train_accuracy, "--", "tab:orange", "training accuracy"),
            (self.test_accuracy, "-.", "tab:green", "test accuracy"),
        ):
            right.plot(epochs, values, style, marker=marker, color=color, label=label)
        right.set(ylabel="accuracy", ylim=(0, 1))
        ax.get_legend().remove()
        lines = [*ax.get_lines(), *right.get_lines()]
        above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3}
        right.legend(handles=lines, fontsize=7, frameon=False, **above)
        return ax
