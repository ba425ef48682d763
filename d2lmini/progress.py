"""How training shows that it's alive: a live curve in a notebook, a bar on a terminal, else nothing.

Neither leaves a trace in a stored output. The live curve is cleared when training ends, and with it what
the cell printed before; the bar is drawn on a terminal only.
"""

from __future__ import annotations

import os
import sys
from typing import Protocol

from d2lmini.history import History


class Display(Protocol):
    """What `train` calls while it works."""

    def step(self) -> None: ...

    def epoch(self, history: History) -> None: ...

    def close(self) -> None: ...


def choose_display(
    progress: bool | None, num_epochs: int, num_batches: int | None, epochs_done: int = 0
) -> Display:
    """The display for where we run; `progress` True or False overrides the guess.

    Jupyter's server sets JPY_SESSION_NAME for a kernel that a person started from a notebook; a kernel
    started by nbclient or nbval has no such name, and stays silent. So does everything when nobody knows
    the number of minibatches (None), or there is nothing to do.
    """
    notebook = in_kernel()
    live = "JPY_SESSION_NAME" in os.environ if notebook else sys.stderr.isatty()
    if not (live if progress is None else progress) or not num_batches or not num_epochs:
        return Silent()
    kind = LiveCurve if notebook else Bar
    return kind(num_epochs, num_batches, epochs_done)


def in_kernel() -> bool:
    """Whether this code runs in a Jupyter kernel (not only in a process that has imported one)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class Silent:
    """Shows nothing."""

    def step(self) -> None:
        pass

    def epoch(self, history: History) -> None:
        pass

    def close(self) -> None:
        pass


class Bar:
    """One tqdm bar over all minibatches, on the terminal; it disappears at the end."""

    def __init__(self, num_epochs: int, num_batches: int, epochs_done: int) -> None:
        from tqdm import tqdm

        done, total = epochs_done * num_batches, num_epochs * num_batches
        self.bar = tqdm(total=total, initial=done, unit="batch", leave=False)

    def step(self) -> None:
        self.bar.update()

    def epoch(self, history: History) -> None:
        self.bar.set_postfix_str(f"test accuracy {history.test_accuracy[-1]:.3f}")

    def close(self) -> None:
        self.bar.close()


class LiveCurve:
    """A line of text that counts minibatches, and the curves, redrawn after every epoch."""

    def __init__(self, num_epochs: int, num_batches: int, epochs_done: int) -> None:
        from IPython.display import Pretty, display

        self.pretty = Pretty
        self.num_epochs, self.num_batches = num_epochs, num_batches
        self.batches = epochs_done * num_batches
        self.text = display(Pretty(self.line()), display_id=True)
        self.picture = display(Pretty(""), display_id=True)

    def line(self) -> str:
        epoch, batch = divmod(self.batches, self.num_batches)
        filled = round(20 * self.batches / (self.num_epochs * self.num_batches))
        bar = "#" * filled + "." * (20 - filled)
        return f"[{bar}] epoch {min(epoch + 1, self.num_epochs)} of {self.num_epochs}, batch {batch}"

    def step(self) -> None:
        self.batches += 1
        if self.batches % max(1, self.num_batches // 10) == 0:
            self.text.update(self.pretty(self.line()))

    def epoch(self, history: History) -> None:
        import matplotlib.pyplot as plt

        axes = history.plot()
        self.picture.update(axes.figure)
        plt.close(axes.figure)

    def close(self) -> None:
        from IPython.display import clear_output

        clear_output()
