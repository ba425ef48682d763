"""The helper package of the book: the operations of convolutional networks, small enough to read.

conv            cross-correlation, with one and with many channels
pooling         the largest or the mean value of each window
normalization   batch norm, in training and in evaluation
fold            a batch norm folded into the convolution before it
variants        convolutions along any number of axes, frames, separable layers, first weights
transposed      the way back: transposed convolution, upsampling, un-pooling
shapes          size formulas, receptive fields, the shape after every layer of a model
cost            parameters, multiply-accumulates, memory, and what a pixel sees
models          softmax regression, MLP, LeNet, VGG
files           the files of Fashion-MNIST: places, checksums, a download; without torch
data            the real Fashion-MNIST as tensors, and minibatches of it
augment         random flips and shifts of a minibatch
regularization  the L2 penalty, dropout, stopping early
validation      images to choose by, and what the best of many scores owes to luck
modes           evaluation mode for a while
training        the training loop and its evaluation
history         what a training run wrote down, and its picture
checkpoint      training runs on disk
progress        the live curve in a notebook, the bar on a terminal
plot            the figures of the book; imported on its own: `from d2lmini import plot`
watch           figures in which a window moves, and a playground; imported on its own
course          `expect`, by which the problem sets judge an answer; imported on its own
scratch         layers in NumPy alone, forwards and backwards; imported on its own
"""

from d2lmini.augment import random_flip, random_shift
from d2lmini.checkpoint import load_checkpoint, save_checkpoint
from d2lmini.conv import (
    comp_conv2d,
    corr2d,
    corr2d_multi_in,
    corr2d_multi_in_out,
    corr2d_multi_in_out_1x1,
)
from d2lmini.cost import (
    Field,
    LayerCost,
    Summary,
    field_after,
    field_of,
    layer_macs,
    mac_count,
    parameter_count,
    summary,
)
from d2lmini.data import FashionMNIST, load_fashion_mnist, minibatches
from d2lmini.files import DataError
from d2lmini.fold import fold_batch_norms, fold_conv_bn, scale_and_shift
from d2lmini.history import History
from d2lmini.models import VGG11, init_xavier, lenet, mlp, softmax_regression, vgg, vgg_block
from d2lmini.normalization import batch_norm, channel_moments
from d2lmini.pooling import avg_pool2d, global_avg_pool2d, max_pool2d, pool2d
from d2lmini.regularization import dropout, early_stopping, l2_penalty
from d2lmini.shapes import (
    LayerShape,
    conv_output_size,
    conv_transpose_output_size,
    layer_shapes,
    pool_output_size,
    receptive_field,
)
from d2lmini.training import TrainingDiverged, evaluate, one_cycle, predict, train, train_epoch
from d2lmini.transposed import (
    conv_matrix,
    conv_transpose2d,
    corr2d_transposed,
    interpolation_matrix,
    max_unpool2d,
    upsample_bilinear,
    upsample_nearest,
)
from d2lmini.validation import expected_best, validation_split
from d2lmini.variants import (
    binomial_kernel,
    corr_nd,
    depthwise_separable,
    fans,
    init_bound,
    pad_nd,
    separable_kernel,
)

__version__ = "0.1.0"

__all__ = [
    "VGG11",
    "DataError",
    "FashionMNIST",
    "Field",
    "History",
    "LayerCost",
    "LayerShape",
    "Summary",
    "TrainingDiverged",
    "avg_pool2d",
    "batch_norm",
    "binomial_kernel",
    "channel_moments",
    "comp_conv2d",
    "conv_matrix",
    "conv_output_size",
    "conv_transpose2d",
    "conv_transpose_output_size",
    "corr2d",
    "corr2d_multi_in",
    "corr2d_multi_in_out",
    "corr2d_multi_in_out_1x1",
    "corr2d_transposed",
    "corr_nd",
    "depthwise_separable",
    "dropout",
    "early_stopping",
    "evaluate",
    "expected_best",
    "fans",
    "field_after",
    "field_of",
    "fold_batch_norms",
    "fold_conv_bn",
    "global_avg_pool2d",
    "init_bound",
    "init_xavier",
    "interpolation_matrix",
    "l2_penalty",
    "layer_macs",
    "layer_shapes",
    "lenet",
    "load_checkpoint",
    "load_fashion_mnist",
    "mac_count",
    "max_pool2d",
    "max_unpool2d",
    "minibatches",
    "mlp",
    "one_cycle",
    "pad_nd",
    "parameter_count",
    "pool2d",
    "pool_output_size",
    "predict",
    "random_flip",
    "random_shift",
    "receptive_field",
    "save_checkpoint",
    "scale_and_shift",
    "separable_kernel",
    "softmax_regression",
    "summary",
    "train",
    "train_epoch",
    "upsample_bilinear",
    "upsample_nearest",
    "validation_split",
    "vgg",
    "vgg_block",
]
