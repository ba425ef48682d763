"""What hypothesis draws in these tests: tensors of small integers, settings of a window."""

from __future__ import annotations

import torch
from hypothesis import strategies as st


@st.composite
def tensors(draw, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A tensor of the given shape with random values, negative ones among them, no two alike by design."""
    seed = draw(st.integers(0, 2**31))
    dtype = dtype or draw(st.sampled_from([torch.float32, torch.float64]))
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(*shape, generator=generator, dtype=dtype) - draw(st.sampled_from([0, 5]))
    return torch.randint(-9, 10, shape, generator=generator).to(dtype)


sizes = st.integers(1, 9)
settings_or_pairs = st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))


def pair_of(elements: st.SearchStrategy[int]) -> st.SearchStrategy:
    """One integer, or two of them as (height, width)."""
    return st.one_of(elements, st.tuples(elements, elements))
