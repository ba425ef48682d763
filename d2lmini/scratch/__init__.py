"""Convolutional networks in NumPy alone, forwards and backwards, small enough to read.

columns      im2col and col2im: windows as the columns of a matrix
conv         the convolutional layer
pooling      max, average and global average pooling
dense        the dense layer, and Flatten before it
activations  ReLU and sigmoid
loss         softmax and cross-entropy
network      layers one after the other; LeNet
training     gradient descent
gradient     the numerical gradient, which checks the others
init         the first weights

A layer holds its parameters and nothing else. `forward(X)` gives the output and a cache;
`backward(dY, cache)` gives the gradient for X and those for the parameters. Images are (N, C, H, W), in
float32 unless said otherwise.

NumPy's matrix products may run in several threads. These matrices are small, and on a busy machine the
threads wait for each other: OPENBLAS_NUM_THREADS=1, set before NumPy is imported, keeps them from it.
"""

from d2lmini.scratch.activations import ReLU, Sigmoid
from d2lmini.scratch.columns import col2im, im2col, output_size, to_images, to_rows
from d2lmini.scratch.conv import Conv2D, conv2d_backward, conv2d_forward
from d2lmini.scratch.dense import Dense, Flatten
from d2lmini.scratch.gradient import check_gradient, numerical_gradient, relative_error
from d2lmini.scratch.loss import SoftmaxCrossEntropy, softmax
from d2lmini.scratch.network import Layer, Sequential, lenet
from d2lmini.scratch.pooling import (
    AvgPool2D,
    GlobalAvgPool2D,
    MaxPool2D,
    avg_pool_backward,
    avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
    pool_columns,
)
from d2lmini.scratch.training import evaluate, sgd_step, train

__all__ = [
    "AvgPool2D",
    "Conv2D",
    "Dense",
    "Flatten",
    "GlobalAvgPool2D",
    "Layer",
    "MaxPool2D",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "avg_pool_backward",
    "avg_pool_forward",
    "check_gradient",
    "col2im",
    "conv2d_backward",
    "conv2d_forward",
    "evaluate",
    "im2col",
    "lenet",
    "max_pool_backward",
    "max_pool_forward",
    "numerical_gradient",
    "output_size",
    "pool_columns",
    "relative_error",
    "sgd_step",
    "softmax",
    "to_images",
    "to_rows",
    "train",
]
