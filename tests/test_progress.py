"""The displays of a running training, and the history that they draw."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import IPython
import matplotlib.pyplot as plt
import pytest

from d2lmini import History
from d2lmini.progress import Bar, LiveCurve, choose_display, in_kernel


@pytest.fixture
def shown(monkeypatch):
    """What a live curve displays: a list of texts and pictures, the newest last."""
    found: list = []

    def display(value, display_id):
        assert display_id
        found.append(value)
        return SimpleNamespace(update=found.append)

    monkeypatch.setattr("IPython.display.display", display)
    return found


def test_a_live_curve_counts_minibatches_and_epochs(shown):
    curve = LiveCurve(num_epochs=4, num_batches=5, epochs_done=1)
    lines = [curve.line()]
    for _ in range(15):
        curve.step()
        lines.append(curve.line())
    assert lines[0] == "[#####...............] epoch 2 of 4, batch 0"
    assert lines[4:6] == [
        "[#########...........] epoch 2 of 4, batch 4",
        "[##########..........] epoch 3 of 4, batch 0",
    ]
    assert lines[-1] == "[####################] epoch 4 of 4, batch 0"  # after its last batch
    assert [text.data for text in shown if text.data] == lines  # five batches: each is worth a new line


@pytest.mark.parametrize(("num_batches", "updates"), [(25, 12), (100, 10), (3, 3), (1, 1)])
def test_a_live_curve_is_drawn_anew_about_ten_times_an_epoch(shown, num_batches, updates):
    curve = LiveCurve(1, num_batches, 0)
    for _ in range(num_batches):
        curve.step()
    assert len(shown) - 2 == updates  # after the empty line and the empty picture


def test_a_live_curve_draws_every_epoch_and_clears_itself(shown, monkeypatch):
    cleared = []
    monkeypatch.setattr("IPython.display.clear_output", lambda: cleared.append(True))
    curve, before = LiveCurve(2, 3, 0), plt.get_fignums()
    curve.epoch(History([0.5], [0.6], [0.7]))
    assert isinstance(shown[-1], plt.Figure) and plt.get_fignums() == before
    curve.close()
    assert cleared


def test_a_bar_counts_the_minibatches_of_all_epochs(capsys):
    bar = Bar(num_epochs=4, num_batches=5, epochs_done=1)
    assert (bar.bar.n, bar.bar.total) == (5, 20)
    bar.step()
    bar.epoch(History([0.5, 0.4], [0.6, 0.6], [0.7, 0.81]))
    assert bar.bar.n == 6 and bar.bar.postfix == "test accuracy 0.810"
    bar.close()
    assert "batch" in capsys.readouterr().err


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("watched", [True, False])
def test_the_display_fits_where_it_is_shown(monkeypatch, shown, kernel, watched):
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()) if kernel else None)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if kernel and watched:
        monkeypatch.setenv("JPY_SESSION_NAME", "a notebook")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched and not kernel)
    assert in_kernel() is kernel
    kind = (LiveCurve if kernel else Bar).__name__
    displays = [choose_display(progress, 2, 3) for progress in (None, True, False)]
    assert [type(d).__name__ for d in displays] == [kind if watched else "Silent", kind, "Silent"]
    for display in displays:
        if isinstance(display, Bar):
            assert display.bar.n == 0  # no epoch is done yet
        elif isinstance(display, LiveCurve):
            assert display.batches == 0
        display.close()


def test_no_kernel_without_ipython(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython")
    assert in_kernel() is False


def test_a_history_names_its_last_epoch():
    history = History()
    assert repr(history) == "History(no epoch finished)"
    history.append(0.5, 0.6, 0.7)
    assert repr(history) == "History(1 epoch, test accuracy 0.700)"
    untested = History([0.5, 0.4], [0.6, 0.8], [float("nan")] * 2)
    assert repr(untested) == "History(2 epochs, training accuracy 0.800)"
    history.append(0.4, 0.65, 0.8)
    assert repr(history) == "History(2 epochs, test accuracy 0.800)"
    assert (history.train_loss, history.train_accuracy) == ([0.5, 0.4], [0.6, 0.65])


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_history_draws_its_three_curves(epochs):
    history = History([0.5, 0.4, 0.3][:epochs], [0.6, 0.65, 0.7][:epochs], [0.7, 0.8, 0.9][:epochs])
    left = history.plot()
    right = left.figure.axes[1]
    drawn = {line.get_label(): line for line in (*left.get_lines(), *right.get_lines())}
    names = ("train_loss", "train_accuracy", "test_accuracy")
    assert list(drawn) == ["training loss", "training accuracy", "test accuracy"]
    for line, name in zip(drawn.values(), names, strict=True):
        assert list(line.get_xdata()) == list(range(1, epochs + 1))
        assert list(line.get_ydata()) == getattr(history, name)
        assert line.get_marker() == ("o" if epochs == 1 else "")
    assert len({line.get_linestyle() for line in drawn.values()}) == 3  # told apart without colour
    assert right.get_ylim() == (0, 1) and left.get_legend() is None
    left.figure.draw_without_rendering()
    assert right.get_legend().get_window_extent().y0 >= right.bbox.y1  # above the curves
    assert [text.get_text() for text in right.get_legend().get_texts()] == list(drawn)
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy")
    plt.close(left.figure)
