"""Facts of the book's index that no module's test holds, each asked of torch or counted in another way.

A chapter shows a fact by its own code; here it is derived once more, independently of the chapters and,
where it can be, of the package, so that an error in one of them doesn't hide in the other.
"""

from __future__ import annotations

import inspect
import json
from itertools import product
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from d2lmini import VGG11, files, layer_shapes, lenet, receptive_field, vgg

NINE = torch.arange(9).reshape(1, 1, 3, 3)
FOUR = torch.arange(4).reshape(1, 1, 2, 2)
BANDS = Path(__file__).with_name("bands.json")


def size(n: int, k: int, **settings: int) -> int:
    """The length that torch's convolution gives."""
    return F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), **settings).shape[-1]


def shape(layer: nn.Module, *input_shape: int) -> tuple[int, ...]:
    """What a layer makes of one picture, as (channels, height, width)."""
    return tuple(layer(torch.zeros(1, *input_shape))[0].shape)


def visits(n: int, k: int, p: int, s: int = 1) -> torch.Tensor:
    """How many windows read each pixel: the gradient of the sum of all windows' sums."""
    X = torch.zeros(1, 1, n, n, requires_grad=True)
    F.conv2d(X, torch.ones(1, 1, k, k), padding=p, stride=s).sum().backward()
    return X.grad[0, 0]


def macs(model: nn.Module, *input_shape: int) -> int:
    """Multiply-accumulates by torch's counter, which counts a product and its sum as two operations."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *input_shape))
    return counter.get_total_flops() // 2


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# --- sizes and padding --------------------------------------------------------------------------


def test_the_sizes_of_the_book_are_torchs():
    assert size(28, 5) == 24 and size(12, 3) == 10 and size(7, 3, dilation=2) == 3
    assert shape(nn.Conv2d(3, 5, 5), 3, 32, 32) == (5, 28, 28)
    assert [size(240 - 4 * layer, 5) for layer in range(10)][-1] == 200
    for n, k, stride, expected in ((39, 3, 1, 37), (37, 5, 2, 17), (17, 5, 2, 7)):
        assert size(n, k, stride=stride) == expected


def test_total_padding_counts_both_sides():
    for n, k, p, s in product(range(4, 12), range(1, 5), range(3), range(1, 4)):
        assert size(n, k, padding=p, stride=s) == (n - k + 2 * p + s) // s
    assert size(3, 2) == 2 and size(3, 2, padding=1) == 4 and size(3, 2, padding=2) == 6
    assert size(28, 3, padding=1) == 28 and size(28, 3, padding=2) == 30
    one = torch.ones(1, 1, 1, 1, dtype=torch.int64)
    assert torch.equal(F.conv2d(NINE, one, padding=1), F.pad(NINE, [1, 1, 1, 1]))  # per side


def test_55_layers_fit_into_224_pixels():
    n, layers = 224, 0
    while n >= 5:
        n, layers = size(n, 5), layers + 1
    assert (layers, n) == (55, 4)
    with pytest.raises(RuntimeError):
        size(n, 5)
    assert size(224, 5, padding=2) == 224  # so a hundred of these layers fit as well


def test_same_padding_needs_odd_kernels():
    assert {k: (k - 1) // 2 for k in (3, 5, 7)} == {3: 1, 5: 2, 7: 3}
    for k in range(1, 10):
        keeps = [p for p in range(10) if size(12, k, padding=p) == 12]
        assert keeps == ([(k - 1) // 2] if k % 2 else [])


def test_stride_2_halves_every_even_size():
    assert size(8, 3, padding=1, stride=2) == 4
    assert [224 // 2**i for i in range(6)] == [224, 112, 56, 28, 14, 7]
    for k, n in product((1, 3, 5, 7), range(2, 226, 2)):
        assert size(n, k, padding=(k - 1) // 2, stride=2) == n // 2


def test_visits_are_even_only_at_k_minus_1():
    counts = [visits(6, 3, p) for p in range(3)]
    assert [(count[0, 0].item(), count[2, 2].item()) for count in counts] == [(1, 9), (4, 9), (9, 9)]
    for k in (2, 3, 4, 5):
        assert [p for p in range(k) if visits(9, k, p).unique().numel() == 1] == [k - 1]


def test_some_pixels_are_read_by_no_window():
    for n, k, s in product(range(7, 15), (3, 5), (1, 2, 3)):
        assert (visits(n, k, 0, s).diag() == 0).sum() == (n - k) % s
    assert [(visits(6, k, 0, 2) == 0).sum().item() for k in (1, 2, 3)] == [27, 0, 11]


def test_padding_is_cheap():
    windows = [size(32, 3, padding=p) ** 2 for p in (1, 2, 4)]
    assert windows == [1024, 1156, 1444]
    assert windows[1] / windows[0] < 1.13


def test_printed_size_formulas_fail():
    assert (8 - 3) / 2 + 1 == 3.5 and size(8, 3, stride=2) == 3  # no floor
    pooled = F.max_pool1d(torch.zeros(1, 1, 112), 3, stride=2, padding=1)
    assert (112 - 3) // 2 + 1 == 55 and pooled.shape[-1] == 56  # no padding
    transposed = nn.ConvTranspose2d(1, 1, kernel_size=3, stride=2)
    assert shape(transposed, 1, 4, 6) == (1, 9, 13) != (1, 9, 9)  # the height's formula, twice


# --- windows and channels -----------------------------------------------------------------------


def test_a_stride_for_each_axis():
    strided = F.conv2d(NINE, FOUR, padding=1, stride=(3, 2))
    assert strided.tolist() == [[[[0, 8], [6, 8]]]]
    layer = nn.Conv2d(1, 1, kernel_size=(3, 5), padding=(0, 1), stride=(3, 4))
    assert shape(layer, 1, 8, 8) == (1, 2, 2)
    unpadded = nn.Conv2d(1, 1, kernel_size=(3, 5), padding="valid", stride=(3, 4))
    assert shape(unpadded, 1, 8, 8) == (1, 2, 1)  # what one published version prints


def test_windows_and_their_positions():
    layer = nn.Conv2d(1, 2, kernel_size=3, stride=2, padding=1)
    assert shape(layer, 1, 5, 5) == (2, 3, 3) and 3 * 3 * 2 == 18
    assert F.unfold(torch.zeros(1, 3, 32, 32), 3, padding=1).shape == (1, 27, 1024)  # 27 products each


def test_a_stride_saves_and_widens():
    assert [size(224, 3, padding=1, stride=s) ** 2 for s in (1, 2)] == [50176, 12544]
    assert receptive_field([(3, 1)] * 5) == (11, 1) and receptive_field([(3, 2)] * 5) == (63, 32)


def test_a_thinned_high_tone_is_a_low_one():
    def tone(hertz, rate):
        return torch.sin(2 * torch.pi * hertz * torch.arange(rate, dtype=torch.float64) / rate)

    torch.testing.assert_close(tone(3000, 8000)[::2], -tone(1000, 4000))
    torch.testing.assert_close(tone(440, 8000)[::2], tone(440, 4000))


def test_four_strided_kernels_lose_nothing():
    X = torch.randn(1, 1, 8, 6, generator=torch.Generator().manual_seed(0))
    kept = F.conv2d(X, torch.eye(4).reshape(4, 1, 2, 2), stride=2)
    assert kept.numel() == X.numel() and torch.equal(F.pixel_shuffle(kept, 2), X)
    dots = torch.eye(4).reshape(4, 1, 2, 2)
    assert F.max_pool2d(dots, 2).unique().numel() == 1  # four pictures, one answer


def test_a_kernel_is_as_deep_as_its_pack():
    for groups in (1, 2, 3, 4, 6, 12):
        layer = nn.Conv2d(12, 24, 3, groups=groups)
        assert layer.weight.shape == (24, 12 // groups, 3, 3)
        assert count(layer) == 3 * 3 * 12 // groups * 24 + 24
    assert nn.Conv2d(12, 24, 3).groups == 1
    with pytest.raises(ValueError):
        nn.Conv2d(12, 24, 3, groups=0)


def test_the_layout_of_weights():
    kinds = [
        (nn.Conv1d, nn.ConvTranspose1d),
        (nn.Conv2d, nn.ConvTranspose2d),
        (nn.Conv3d, nn.ConvTranspose3d),
    ]
    for axes, (conv, transposed) in enumerate(kinds, start=1):
        assert conv(3, 1, 3).weight.shape == (1, 3, *[3] * axes)
        assert transposed(3, 1, 3).weight.shape == (3, 1, *[3] * axes)


def test_the_arguments_of_conv2d():
    given = {name: each.default for name, each in inspect.signature(nn.Conv2d).parameters.items()}
    assert [name for name in given if given[name] is inspect.Parameter.empty] == [
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    assert list(given.items())[3:] == [
        ("stride", 1),
        ("padding", 0),
        ("dilation", 1),
        ("groups", 1),
        ("bias", True),
        ("padding_mode", "zeros"),
        ("device", None),
        ("dtype", None),
    ]
    assert shape(nn.Conv2d(1, 1, 5, padding="same"), 1, 9, 9) == (1, 9, 9)


def test_small_windows_see_as_far_for_less():
    for small, one in (([3, 3], 5), ([3, 3, 3], 7), ([3] * 6, 13)):
        assert receptive_field([(k, 1) for k in small]) == (one, 1)
        assert sum(k * k for k in small) < one * one
    assert (3 * 3 + 3 * 3, 5 * 5) == (18, 25) and (6 * 9, 13 * 13) == (54, 169)
    assert receptive_field([(3, 1)] * 3)[0] == 7 < receptive_field([(5, 1)] * 2)[0] == 9


def test_a_large_window_is_cheap_at_the_bottom():
    with torch.device("meta"):
        large = nn.Conv2d(3, 64, 7, bias=False)
        stack = nn.Sequential(*(nn.Conv2d(channels, 64, 3, bias=False) for channels in (3, 64, 64)))
    assert (count(large), count(stack)) == (9408, 75456)


def test_few_small_kernels_factorise():
    """Columns times rows, counted; the chapter counts the kernels of rank 1."""
    vectors = [torch.tensor(v) for v in product((-1, 0, 1), repeat=3) if any(v)]
    assert len({tuple(torch.outer(a, b).flatten().tolist()) for a, b in product(vectors, repeat=2)}) == 338
    assert 3**9 == 19683


# --- backwards and sideways ---------------------------------------------------------------------


def test_the_gradient_rotates_the_kernel():
    X, K, G = (t.double() for t in (NINE, FOUR, FOUR + 1))
    X.requires_grad_()
    F.conv2d(X, K).backward(G)
    assert torch.equal(F.conv2d(G, K.flip(2, 3), padding=1), X.grad)
    assert (F.conv2d(G, K.mT, padding=1) == X.grad).sum() == 2
    assert not torch.equal(F.conv2d(G, K.mT, padding=1), X.grad)


def test_fetching_from_the_right_moves_left():
    X = torch.tensor([0, 0, 5, 0, 0])
    Z = torch.tensor([X[j + 1] if j + 1 < len(X) else 0 for j in range(len(X))])
    assert Z.tolist() == [0, 5, 0, 0, 0] == X.roll(-1).tolist()


def test_upsampling_copies_or_mixes():
    X = torch.tensor([[[0.0, 16.0], [32.0, 48.0]]])[None]
    nearest, bilinear = (F.interpolate(X, scale_factor=2, mode=mode) for mode in ("nearest", "bilinear"))
    assert torch.equal(nearest, X.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert bilinear[0, 0, 0].tolist() == [0, 4, 12, 16]
    for n, factor in product(range(1, 20), (1, 1.5, 2, 2.5, 3)):
        upsampled = F.interpolate(torch.zeros(1, 1, n), scale_factor=factor, mode="nearest")
        assert upsampled.shape[-1] == int(n * factor)


# --- whole networks -----------------------------------------------------------------------------


def convnet() -> nn.Sequential:
    """The network of chapter 6, of layers only."""
    convs = [nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*convs, nn.Linear(2000, 500), nn.ReLU(), nn.Linear(500, 10), nn.LogSoftmax(1))


def test_the_network_of_chapter_6():
    rows = layer_shapes(convnet(), (1, 1, 28, 28))
    sides = [28, *(row.output_shape[2] for row in rows if row.type in ("Conv2d", "MaxPool2d"))]
    assert sides == [28, 24, 12, 10] and rows[5].output_shape == (1, 2000)
    assert [row.parameters for row in rows if row.parameters] == [260, 1820, 1000500, 5010]
    assert count(convnet()) == 1007590
    assert macs(convnet(), 1, 28, 28) == 144000 + 180000 + 1000000 + 5000


def test_the_network_of_chapter_6_takes_two_sizes():
    network, accepted = convnet(), []
    for n in range(16, 41):
        try:
            network(torch.zeros(1, 1, n, n))
            accepted.append(n)
        except RuntimeError:
            assert shape(network[:5], 1, n, n)[0] == 20
    assert accepted == [28, 29]


def test_forward_hides_shapes():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return F.max_pool2d(self.conv(x), 2)

    class Plain(Net):
        def forward(self, x):
            return self.conv(x)

    assert str(Net()) == str(Plain()).replace("Plain", "Net")
    assert shape(Net(), 1, 8, 8) == (1, 3, 3) and shape(Plain(), 1, 8, 8) == (1, 6, 6)
    assert [row.type for row in layer_shapes(Net(), (1, 1, 8, 8))] == ["Conv2d"]


def test_the_parts_of_a_deep_network():
    assert shape(nn.Conv2d(3, 16, 3, padding=1), 3, 32, 32) == (16, 32, 32)
    assert shape(nn.MaxPool2d(2), 16, 32, 32) == (16, 16, 16)
    assert shape(nn.AdaptiveAvgPool2d(1), 64, 4, 4) == (64, 1, 1)
    parts = [
        [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)] for i, o in ((3, 16), (16, 32), (32, 64))
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    deep = nn.Sequential(*(layer for part in parts for layer in part), *head)
    assert count(deep) == 24234 and shape(deep, 3, 97, 61) == (10,)


def test_a_dummy_pass_finds_in_features():
    assert shape(lenet()[:7], 1, 28, 28) == (400,) and lenet()[7].in_features == 400
    with torch.device("meta"):
        model = vgg(VGG11)
        assert model[:6](torch.zeros(1, 1, 224, 224)).shape == (1, 25088)
    unpadded = lenet()
    unpadded[0], unpadded[7] = nn.Conv2d(1, 6, 5), nn.Linear(16 * 4 * 4, 120)
    assert shape(unpadded, 1, 28, 28) == (10,) and count(unpadded) == 44426


def test_costs_of_whole_layers_and_networks():
    assert macs(lenet(), 1, 28, 28) == 416520
    with torch.device("meta"):
        assert nn.Linear(1000 * 1000, 1000, bias=False).weight.numel() == 10**9
        operations = 2 * macs(nn.Conv2d(128, 128, 5, padding=2), 128, 256, 256)
    assert operations == 53_687_091_200 == 2 * 26_843_545_600 and operations // 2 == 256**2 * 5**2 * 128**2


def test_a_search_has_thousands_of_candidates():
    block = list(product(("narrow", "middle", "wide"), (1, 2, 3), (3, 5)))  # widths, convolutions, window
    candidates = sum(1 for _ in product(block, repeat=3))
    assert candidates == 5832 and round(candidates * 4 / 60 / 24) == 16  # days, at four minutes each


def test_frozen_and_equal_weights():
    def layer_after_steps(requires_grad, lr):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
        nn.init.constant_(model[0].weight, 0.1)
        model[0].requires_grad_(requires_grad)
        groups = [{"params": model[0].parameters(), "lr": lr}, {"params": model[3].parameters()}]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01)
        nn.init.ones_(model[3].weight)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(1, 1, 4, 4)).square().sum().backward()
            optimizer.step()
        return model[0].weight

    for frozen in (layer_after_steps(False, 0.1), layer_after_steps(True, 0.0)):
        assert (frozen == 0.1).all()
    moved = layer_after_steps(True, 0.001)
    assert (moved != 0.1).any() and torch.equal(moved[0], moved[1])  # two kernels that never part


# --- data, and what was measured ----------------------------------------------------------------


def test_the_files_are_the_published_ones():
    unpacked = [file.sha256[:8] for file in files.FILES]
    assert unpacked == ["c59f468a", "bad3541b", "5b4141f0", "0402a96d"]
    packed = {name: digest[:8] for name, digest in files.DOWNLOADS.items() if "images" in name}
    assert packed == {"train-images-idx3-ubyte.gz": "3aede38d", "t10k-images-idx3-ubyte.gz": "346e55b9"}


def measured(chapter: str, name: str) -> list[float]:
    """The results of all measured runs, on the whole data set."""
    stored = json.loads(BANDS.read_text(encoding="utf-8"))["bands"][chapter][name]
    return [value for runs in stored["data"]["full"]["runs"].values() for value in runs.values()]


@pytest.mark.parametrize(
    ("chapter", "name", "low", "high"),  # what others report of the same model
    [
        ("07_lenet", "softmax regression", 0.83, 0.84),  # about 0.835, as people do
        ("07_lenet", "MLP", 0.845, 0.883),
        ("07_lenet", "classic LeNet", 0.76, 0.83),  # in 50 published runs; a textbook prints 0.779
        ("07_lenet", "modern LeNet", 0.876, 0.916),  # two convolutions with pooling
    ],
)
def test_measured_accuracies_meet_others(chapter, name, low, high):
    values = measured(chapter, name)
    assert min(values) < high and max(values) > low


def test_the_classic_network_stalls():
    assert max(measured("07_lenet", "slow LeNet, first epoch")) < 0.11
    epochs = measured("07_lenet", "slow LeNet, epochs at chance")
    assert min(epochs) >= 4 and max(epochs) <= 9  # of ten; others say 2 to 4
    softmax = min(measured("07_lenet", "softmax regression"))
    assert max(measured("07_lenet", "slow LeNet")) < 0.73 < softmax
    assert max(measured("07_lenet", "classic LeNet")) < softmax


def test_the_small_vgg_among_larger_networks():
    others = {"small VGG at 224 pixels": 0.920, "best below 100 000 weights": 0.925, "VGG-16": 0.935}
    others |= {"ResNet-18": 0.949, "Wide-ResNet-40-4": 0.967}
    values = measured("08_vgg", "small VGG")
    assert others["best below 100 000 weights"] < min(values) and max(values) < others["ResNet-18"]
