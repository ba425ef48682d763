"""Training runs on disk: written beside, then renamed, so that no crash leaves half a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from d2lmini.history import History

FORMAT = "d2lmini checkpoint 1"


def save_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    history: History,
    states: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write the model's weights and the history to `path`; give `path` back.

    `states` are further objects with a `state_dict()` (optimizer, schedule) and `settings` plain values
    that `train` needs to go on from here. The file is written as `path` + ".part", flushed and renamed:
    what stood at `path` stays whole until the new file is.

    Raises:
        FileNotFoundError: the folder of `path` doesn't exist.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    content = {
        "format": FORMAT,
        "model": model.state_dict(),
        "history": asdict(history),
        "states": {name: state.state_dict() for name, state in (states or {}).items()},
        "settings": dict(settings or {}),
    }
    try:
        with part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def load_checkpoint(path: str | os.PathLike[str], model: nn.Module) -> History:
    """Load weights into `model` and give back the history of their training.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint of `save_checkpoint`, or one of a different model.
    """
    return restore(path, read_checkpoint(path), model, {}, {})


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a checkpoint; only tensors and plain values are ever unpickled."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch raises half a dozen kinds for a broken file
        raise ValueError(f"{path} is not a readable checkpoint: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint: it must hold the mark {FORMAT!r}.")
    return content


def restore(
    path: str | os.PathLike[str],
    content: Mapping[str, Any],
    model: nn.Module,
    states: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> History:
    """Put a checkpoint into `model` and `states`, all of it or nothing; give back its history.

    The model comes last, when everything else has been compared and has gone well.

    Raises:
        ValueError: weights of other names or shapes, another optimizer or schedule, other `settings`.
    """
    check_weights(path, content["model"], model.state_dict())
    for name, value in settings.items():
        if content["settings"].get(name) != value:
            raise ValueError(
                f"{path} holds another run: `{name}` is {content['settings'].get(name)} in the file, "
                f"{value} in this call. Use the same settings, or another file."
            )
    if states and set(states) != set(content["states"]):
        raise ValueError(f"{path} holds {sorted(content['states'])}, this run needs {sorted(states)}.")
    history = History(**content["history"])
    for name, state in states.items():
        try:
            state.load_state_dict(content["states"][name])
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} holds another {name}: {error}") from error
    model.load_state_dict(content["model"])
    return history


def check_weights(path: str | os.PathLike[str], stored: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise unless a file's weights and a model's have the same names and shapes."""
    for name in sorted({*stored, *own}):
        there = tuple(stored[name].shape) if name in stored else "missing"
        here = tuple(own[name].shape) if name in own else "missing"
        if there != here:
            raise ValueError(
                f"{path} holds another model: `{name}` is {there} in the file, {here} in the model."
            )


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise unless a file can be put there: its folder exists."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"`checkpoint` ({path}) must lie in a folder that exists: {folder} doesn't.")


def optimizer_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimizer was made with, to be compared: its class, and its numbers for each parameter group.

    >>> layer = nn.Linear(1, 1)
    >>> found = optimizer_settings(torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9))
    >>> found["optimizer"], found["momentum"]
    ('torch.optim.sgd.SGD', 0.9)
    """
    kind = type(optimizer)
    found: dict[str, Any] = {"optimizer": f"{kind.__module__}.{kind.__qualname__}"}
    for number, group in enumerate(optimizer.param_groups):
        of_group = f" of parameter group {number}" if len(optimizer.param_groups) > 1 else ""
        for name, value in group.items():
            if isinstance(value, bool | int | float | str | tuple):
                found[name + of_group] = value
    return found
