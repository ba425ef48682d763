"""Small random changes to a minibatch that leave its labels true: a boot stays a boot when mirrored."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from d2lmini._checks import check_int, check_tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half: (B, C, H, W) -> (B, C, H, W).

    >>> images = torch.arange(4.0).reshape(1, 1, 2, 2).expand(64, 1, 2, 2)
    >>> random_flip(images, torch.Generator().manual_seed(0))[:, 0, 0, 0].unique()
    tensor([0., 1.])
    """
    check_tensor("images", images, "B, C, H, W")
    flip = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(flip.to(images.device)[:, None, None, None], images.flip(-1), images)


def random_shift(images: Tensor, generator: torch.Generator, pixels: int = 1) -> Tensor:
    """Move the whole minibatch by up to `pixels` in each direction, zeros coming in from the side.

    Shapes: (B, C, H, W) -> (B, C, H, W). One move a minibatch is drawn, not one an image: it's cheap, and
    over an epoch every move comes up.

    >>> random_shift(torch.ones(1, 1, 3, 3), torch.Generator().manual_seed(0)).shape
    torch.Size([1, 1, 3, 3])
    """
    check_tensor("images", images, "B, C, H, W")
    check_int("pixels", pixels, 0)
    down, right = torch.randint(0, 2 * pixels + 1, (2,), generator=generator).tolist()
    H, W = images.shape[-2:]
    return F.pad(images, [pixels] * 4)[..., down : down + H, right : right + W]
