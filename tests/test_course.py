"""`expect`, by which the problem sets judge: right answers in any form pass, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from d2lmini.course import LONGEST, Unexpected, expect, plain, shown


class Equal:
    """Says of itself that it equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        return np.zeros(2)


class EqualTuple(tuple):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (3, 3),
        (3.0, 3),
        (np.int64(3), 3),
        (torch.tensor(3), 3),
        ((2, 3), torch.Size([2, 3])),
        ([2, 3], (2, 3)),
        (np.array([2, 3]), (2, 3)),
        ((torch.tensor(2), np.int32(3)), (2, 3)),
        (torch.ones(2, 2, dtype=torch.float64), torch.ones(2, 2)),
        (torch.nn.Parameter(torch.ones(2)), [1, 1]),
        ([[1.0, 2.0]], torch.tensor([[1.0, 2.0]])),
        (1 + 5e-5, 1.0),
        (5e-6, 0.0),
        (float("nan"), float("nan")),
        (float("-inf"), float("-inf")),
        ("same", "same"),
        (True, True),
        (np.bool_(False), False),
        (torch.tensor(True), True),
        (np.array(False), False),
        (("conv", "pool"), ["conv", "pool"]),
        ([], ()),
    ],
)
def test_a_right_answer_passes_in_any_form(got: object, wanted: object) -> None:
    expect(got, wanted, "why")


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (3, 4),
        (1 + 3e-4, 1.0),
        (3e-5, 0.0),
        ((3, 2), (2, 3)),
        ((2, 3, 1), (2, 3)),
        (torch.ones(3, 2), torch.ones(2, 3)),
        (torch.ones(1, 2), torch.ones(2)),
        (float("inf"), float("-inf")),
        (0.0, float("nan")),
        ("other", "same"),
        (True, False),
        (1, True),
        (True, 1),
        (torch.tensor(True), 1),
        (torch.tensor([True]), True),
        ("1", 1),
        (["1", "2"], [1, 2]),
        (["conv", 1], ["conv", "pool"]),
        ("conv", ["conv"]),
        (["a"], "['b']"),
        (None, 3),
        (print, 3),
        (Equal(), 3),
        ([Equal(), Equal()], [0, 0]),
        (EqualTuple((1, 2)), (3, 4)),
        ({"a": 1}, 1),
        ([[1, 2], [3]], [[1, 2], [3, 4]]),
    ],
)
def test_a_wrong_answer_fails_and_says_why(got: object, wanted: object) -> None:
    with pytest.raises(Unexpected, match=r"^why\n  expected: .*\n  got:      "):
        expect(got, wanted, "why")


def test_the_message_names_both_values() -> None:
    with pytest.raises(Unexpected, match=r"expected: \(4, 2\)\n  got:      \(2,\)"):
        expect([2], (4, 2), "height and width")
    with pytest.raises(Unexpected, match="expected: 2.5\n  got:      an object of type NoneType"):
        expect(None, 2.5, "a mean")
    with pytest.raises(Unexpected, match="expected: 'left'\n  got:      True"):
        expect(True, "left", "a side")
    with pytest.raises(Unexpected, match=r"got:      shape \(1, 1\): \[\[0.3333\]\]"):
        expect([[1 / 3]], 1, "a number")


def test_a_long_value_is_cut() -> None:
    text = shown(plain(torch.zeros(100, 100)))
    assert text.endswith(" …") and len(text) == LONGEST + 2
    assert shown(plain("a" * (LONGEST - 2))) == repr("a" * (LONGEST - 2))
    assert shown(plain(["conv", "pool"])) == "['conv', 'pool']"
    assert shown(plain(())) == "()" and shown(plain([1])) == "(1,)"


def test_a_value_that_needs_a_gradient_can_be_compared() -> None:
    expect(torch.ones(2, requires_grad=True) * 2, [2, 2], "twice")
