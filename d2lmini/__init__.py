"""The helper package of the book: the operations of convolutional networks, small enough to read.

conv        cross-correlation, with one and with many channels
pooling     the largest or the mean value of each window
shapes      size formulas, receptive fields, the shape after every layer of a model
models      softmax regression, MLP, LeNet, VGG
"""

from d2lmini.conv import (
    comp_conv2d,
    corr2d,
    corr2d_multi_in,
    corr2d_multi_in_out,
    corr2d_multi_in_out_1x1,
)
from d2lmini.models import VGG11, init_xavier, lenet, mlp, softmax_regression, vgg, vgg_block
from d2lmini.pooling import avg_pool2d, global_avg_pool2d, max_pool2d, pool2d
from d2lmini.shapes import (
    LayerShape,
    conv_output_size,
    conv_transpose_output_size,
    layer_shapes,
    pool_output_size,
    receptive_field,
)

__all__ = [
    "VGG11",
    "LayerShape",
    "avg_pool2d",
    "comp_conv2d",
    "conv_output_size",
    "conv_transpose_output_size",
    "corr2d",
    "corr2d_multi_in",
    "corr2d_multi_in_out",
    "corr2d_multi_in_out_1x1",
    "global_avg_pool2d",
    "init_xavier",
    "layer_shapes",
    "lenet",
    "max_pool2d",
    "mlp",
    "pool2d",
    "pool_output_size",
    "receptive_field",
    "softmax_regression",
    "vgg",
    "vgg_block",
]
