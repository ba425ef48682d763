"""What the problem sets of the course ask a value to be: `expect`.

The tests of a problem set stand in its notebook, so that a student can run the public ones, and this module
is their only tool. It takes a right answer in any usual form (a number of Python, NumPy or torch; a tuple,
a list or a shape; a tensor or an array of any dtype) and nothing else: an object that says of itself that
it equals everything is no number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

RTOL, ATOL = 1e-4, 1e-5  # float32 sums in another order differ by less
LONGEST = 300  # characters of a value that a message shows
PLAIN = (bool, int, float, str, tuple, list, torch.Size, torch.Tensor, torch.nn.Parameter, np.ndarray)


class Unexpected(AssertionError):
    """A value isn't what a test expects; the first line says in which case, and why it might be so."""


def expect(got: Any, wanted: Any, why: str) -> None:
    """Raise Unexpected unless a value is the one that is wanted.

    Args:
        got: a number, a string, or anything of numbers with a shape; floats may differ by 1e-4 of their size.
        wanted: the same; its shape must be the same too. A string or a bool is met by its like only.
        why: what is tested, and what usually goes wrong: the message's first line.

    >>> expect((4, 2), torch.Size([4, 2]), "a shape")
    >>> expect(torch.ones(2, 2), np.ones((2, 2)), "ones")
    >>> expect(torch.ones(2, 3), torch.ones(3, 2), "rows first, then columns")
    Traceback (most recent call last):
    d2lmini.course.Unexpected: rows first, then columns
      expected: shape (3, 2): [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
      got:      shape (2, 3): [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    right = plain(wanted)
    try:
        found = plain(got)
    except TypeError as error:
        raise Unexpected(f"{why}\n  expected: {shown(right)}\n  got:      {error}") from None
    if not same(found, right):
        raise Unexpected(f"{why}\n  expected: {shown(right)}\n  got:      {shown(found)}")


def same(found: str | bool | np.ndarray, right: str | bool | np.ndarray) -> bool:
    """Whether two plain values are the same, numbers within the tolerance."""
    if isinstance(right, str | bool) or isinstance(found, str | bool):
        return type(found) is type(right) and found == right
    return found.shape == right.shape and bool(
        np.allclose(found, right, rtol=RTOL, atol=ATOL, equal_nan=True)
    )


def plain(value: Any) -> str | bool | np.ndarray:
    """A value as a string, a bool, or an array of float64; TypeError if it is none of them.

    A list of strings becomes one string, so that a list is not its first word.

    >>> plain([1, torch.tensor(2)]), plain(("conv", "pool"))
    (array([1., 2.]), "['conv', 'pool']")
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str | bool) and type(value) in PLAIN:
        return value
    parts = _parts(value)
    if isinstance(parts, bool):  # of a tensor or an array without axes
        return parts
    if isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts):
        return repr(parts)
    try:
        if _has_text(parts):
            raise ValueError
        return np.asarray(parts, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"a {type(value).__name__} that isn't made of numbers in rows of one length"
        ) from None


def _parts(value: Any) -> Any:
    """A value as nested lists of Python's own numbers; TypeError for any other kind of object.

    The types are asked for by name: a class of its own could say of itself whatever it likes.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) not in PLAIN:
        raise TypeError(f"an object of type {type(value).__name__}")
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().tolist()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_parts(part) for part in value] if isinstance(value, tuple | list) else value


def _has_text(parts: Any) -> bool:
    return any(map(_has_text, parts)) if isinstance(parts, list) else isinstance(parts, str)


def shown(value: str | bool | np.ndarray) -> str:
    """A plain value in a message, cut when it is long; an array with its shape, if it has one."""
    if isinstance(value, str | bool):
        text = repr(value) if isinstance(value, bool) or not value.startswith("[") else value
    elif value.ndim == 0:
        text = f"{value.item():.6g}"
    elif value.ndim == 1:
        text = f"({', '.join(f'{each:.6g}' for each in value)}{',' * (len(value) == 1)})"
    else:
        text = f"shape {value.shape}: {np.round(value, 4).tolist()}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
