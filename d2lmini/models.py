"""The models of the book, from one linear map to VGG. Each is a plain `nn.Sequential` that prints itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from d2lmini._checks import check_int

Arch = Sequence[tuple[int, int]]

VGG11: Arch = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
"""VGG-11 of Simonyan & Zisserman (2015): eight convolutions in five blocks, (num_convs, out_channels)."""


def softmax_regression(num_classes: int = 10) -> nn.Sequential:
    """One linear map from 784 pixels to the classes: (B, 1, 28, 28) -> (B, num_classes) logits.

    The softmax itself is in the loss, `nn.functional.cross_entropy`.

    >>> sum(p.numel() for p in softmax_regression().parameters())
    7850
    """
    check_int("num_classes", num_classes, 1)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))


def mlp(num_hidden: int = 256, num_classes: int = 10) -> nn.Sequential:
    """One hidden layer with ReLU: (B, 1, 28, 28) -> (B, num_classes) logits.

    >>> sum(p.numel() for p in mlp().parameters())
    203530
    """
    check_int("num_hidden", num_hidden, 1)
    check_int("num_classes", num_classes, 1)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, num_hidden),
        nn.ReLU(),
        nn.Linear(num_hidden, num_classes),
    )


def lenet(
    activation: Callable[[], nn.Module] = nn.Sigmoid,
    pooling: Callable[[int], nn.Module] = nn.AvgPool2d,
    num_classes: int = 10,
) -> nn.Sequential:
    """LeNet-5 for 28x28 pixels: (B, 1, 28, 28) -> (B, num_classes) logits, 61 706 parameters.

    The classic form has sigmoids and average pooling; `lenet(nn.ReLU, nn.MaxPool2d)` is the modern one
    with the same number of parameters.

    >>> sum(p.numel() for p in lenet().parameters())
    61706

    Source: LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition (1998),
    without the Gaussian output layer and the partial connections.
    """
    check_int("num_classes", num_classes, 1)
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2),  # (B, 6, 28, 28)
        activation(),
        pooling(2),  # (B, 6, 14, 14)
        nn.Conv2d(6, 16, kernel_size=5),  # (B, 16, 10, 10)
        activation(),
        pooling(2),  # (B, 16, 5, 5)
        nn.Flatten(),  # (B, 400)
        nn.Linear(400, 120),
        activation(),
        nn.Linear(120, 84),
        activation(),
        nn.Linear(84, num_classes),
    )


def vgg_block(num_convs: int, in_channels: int, out_channels: int, batch_norm: bool = False) -> nn.Sequential:
    """`num_convs` times a 3x3 convolution with padding 1 and ReLU, then a 2x2 max pooling.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H // 2, W // 2). With `batch_norm` each convolution
    is followed by a batch norm, and has no bias of its own (the batch norm would take it away again).

    >>> len(vgg_block(2, 64, 128)), len(vgg_block(2, 64, 128, batch_norm=True))
    (5, 7)

    Source: Simonyan & Zisserman, Very deep convolutional networks for large-scale image recognition (2015).
    """
    check_int("num_convs", num_convs, 1)
    check_int("in_channels", in_channels, 1)
    check_int("out_channels", out_channels, 1)
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers.append(nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU())
        in_channels = out_channels
    layers.append(nn.MaxPool2d(kernel_size=2))
    return nn.Sequential(*layers)


def vgg(
    arch: Arch,
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 224,
    num_hidden: int = 4096,
    dropout: float = 0.5,
    batch_norm: bool = False,
) -> nn.Sequential:
    """VGG: one block for each (num_convs, out_channels) of `arch`, then three dense layers.

    Shapes: (B, in_channels, image_size, image_size) -> (B, num_classes) logits. Every block halves height
    and width, rounding down.

    Raises:
        ValueError: `image_size` too small for the number of blocks, or a setting below 1.

    >>> import torch
    >>> with torch.device("meta"):
    ...     sum(p.numel() for p in vgg(VGG11).parameters())
    128806154

    Source: Simonyan & Zisserman, Very deep convolutional networks for large-scale image recognition (2015).
    """
    check_int("image_size", image_size, 1)
    check_int("num_hidden", num_hidden, 1)
    check_int("num_classes", num_classes, 1)
    size = image_size // 2 ** len(arch)
    if size < 1:
        raise ValueError(
            f"`image_size` (={image_size}) must be at least {2 ** len(arch)}: "
            f"each of the {len(arch)} blocks halves it."
        )
    blocks: list[nn.Module] = []
    for num_convs, out_channels in arch:
        blocks.append(vgg_block(num_convs, in_channels, out_channels, batch_norm))
        in_channels = out_channels
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(in_channels * size * size, num_hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(num_hidden, num_hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(num_hidden, num_classes),
    )


def init_xavier(model: nn.Module) -> nn.Module:
    """Draw every dense and convolutional weight from ±√(6 / (fan_in + fan_out)), set biases to 0.

    Changes the model in place, drawing from torch's global generator, and returns it.

    >>> import torch
    >>> layer = init_xavier(nn.Linear(4, 2))
    >>> bool(layer.weight.abs().max() <= 1.0), layer.bias.tolist()
    (True, [0.0, 0.0])

    Source: Glorot & Bengio, Understanding the difficulty of training deep feedforward networks (2010).
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
