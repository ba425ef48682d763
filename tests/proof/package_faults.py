"""Faults to be put into d2lmini, one at a time: the mistakes that people make in this field.

The chapters must notice them (`make mutate`). A fault is a text of one module, which occurs there once,
and what stands in its place.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One wrong line: in module `module`, `old` became `new`."""

    name: str
    module: str
    old: str
    new: str
    survives: str = ""  # why no chapter notices, where none does


CONV = [
    Fault(
        "corr2d: kernel flipped",
        "conv",
        "(windows * K).sum(dim=(-2, -1))",
        "(windows * K.flip(0, 1)).sum(dim=(-2, -1))",
    ),
    Fault(
        "corr2d: kernel transposed",
        "conv",
        "(windows * K).sum(dim=(-2, -1))",
        "(windows * K.T).sum(dim=(-2, -1))",
    ),
    Fault(
        "corr2d: height and width of the kernel swapped", "conv", "kh, kw = K.shape\n", "kw, kh = K.shape\n"
    ),
    Fault(
        "corr2d: the wrong axes summed",
        "conv",
        "(windows * K).sum(dim=(-2, -1))",
        "(windows * K).sum(dim=(0, 1))",
    ),
    Fault(
        "corr2d: mean for sum",
        "conv",
        "(windows * K).sum(dim=(-2, -1))",
        "(windows * K).double().mean(dim=(-2, -1)).to(X)",
    ),
    Fault(
        "corr2d: plus for times", "conv", "(windows * K).sum(dim=(-2, -1))", "(windows + K).sum(dim=(-2, -1))"
    ),
    Fault("corr2d: last row of windows missing", "conv", "X.unfold(0, kh, 1)", "X[:-1].unfold(0, kh, 1)"),
    Fault(
        "corr2d: two columns a step",
        "conv",
        ".unfold(1, kw, 1)  # (H', W', kh, kw)\n    return (windows * K).sum",
        ".unfold(1, kw, 2)  # (H', W', kh, kw)\n    return (windows * K).sum",
    ),
    Fault(
        "corr2d_multi_in: a channel lost",
        "conv",
        "(windows * K[:, None, None]).sum(",
        "(windows * K[:, None, None])[1:].sum(",
    ),
    Fault(
        "corr2d_multi_in: channels in reverse",
        "conv",
        "(windows * K[:, None, None]).sum(",
        "(windows * K.flip(0)[:, None, None]).sum(",
    ),
    Fault(
        "corr2d_multi_in: kernel flipped",
        "conv",
        "(windows * K[:, None, None]).sum(",
        "(windows * K.flip(1, 2)[:, None, None]).sum(",
    ),
    Fault(
        "corr2d_multi_in: the largest channel for their sum",
        "conv",
        ".sum(dim=(0, -2, -1))  # (H', W')",
        ".sum(dim=(-2, -1)).amax(dim=0)",
    ),
    Fault(
        "corr2d_multi_in_out: last output channel lost", "conv", "for kernel in K]", "for kernel in K[:-1]]"
    ),
    Fault(
        "corr2d_multi_in_out: output channels in reverse",
        "conv",
        "for kernel in K]",
        "for kernel in K.flip(0)]",
    ),
    Fault("corr2d_multi_in_out: channels last", "conv", "for kernel in K])", "for kernel in K], dim=-1)"),
    Fault(
        "corr2d_multi_in_out_1x1: weights read in the wrong order",
        "conv",
        "K.reshape(co, ci) @ pixels",
        "K.reshape(ci, co).T @ pixels",
    ),
    Fault(
        "corr2d_multi_in_out_1x1: pixels read in the wrong order",
        "conv",
        "X.reshape(ci, H * W)",
        "X.reshape(H * W, ci).T",
    ),
    Fault("comp_conv2d: image transposed", "conv", "conv2d(X[None, None])", "conv2d(X.T[None, None])"),
    Fault("comp_conv2d: the channel axis stays", "conv", "return Y[0, 0]", "return Y[0]"),
]

POOLING = [
    Fault("max_pool2d: padded with zeros", "pooling", "fill=lowest(X.dtype)", "fill=0"),
    Fault("max_pool2d: smallest for largest", "pooling", "values.argmax(", "values.argmin("),
    Fault(
        "max_pool2d: mean for max",
        "pooling",
        "Y = values.gather(-1, winner).squeeze(-1)",
        "Y = values.float().mean(dim=-1)",
    ),
    Fault(
        "max_pool2d: indices column by column",
        "pooling",
        ".reshape(H, W)  # (H, W): row",
        ".reshape(W, H).T  # row",
    ),
    Fault(
        "pool2d: stride is the window",
        "pooling",
        "max_pool2d(X, pool_size, stride, padding)",
        "max_pool2d(X, pool_size, None, padding)",
    ),
    Fault(
        "pool2d: an average's stride is the window",
        "pooling",
        "avg_pool2d(X, pool_size, stride, padding)",
        "avg_pool2d(X, pool_size, None, padding)",
    ),
    Fault(
        "pool2d: padding forgotten",
        "pooling",
        "max_pool2d(X, pool_size, stride, padding)",
        "max_pool2d(X, pool_size, stride)",
    ),
    Fault("pool2d: max and average swapped", "pooling", 'if mode == "max"', 'if mode != "max"'),
    Fault(
        "avg_pool2d: padding isn't counted",
        "pooling",
        "count_include_pad: bool = True,\n    divisor",
        "count_include_pad: bool = False,\n    divisor",
    ),
    Fault("avg_pool2d: counts what hangs over", "pooling", ".clamp(max=n + padding)", ""),
    Fault("avg_pool2d: padded with ones", "pooling", "fill=0).sum", "fill=1).sum"),
    Fault(
        "avg_pool2d: height plus width for their product",
        "pooling",
        "(rows[:, None] * columns)",
        "(rows[:, None] + columns)",
    ),
    Fault(
        "avg_pool2d: sum for mean", "pooling", "return sums / (rows[:, None] * columns).to(X)", "return sums"
    ),
    Fault(
        "global_avg_pool2d: sum for mean",
        "pooling",
        "X.mean(dim=(-2, -1), keepdim=True)",
        "X.sum(dim=(-2, -1), keepdim=True)",
    ),
    Fault(
        "global_avg_pool2d: over rows only",
        "pooling",
        "X.mean(dim=(-2, -1), keepdim=True)",
        "X.mean(dim=-2, keepdim=True)",
    ),
    Fault(
        "global_avg_pool2d: over channels too",
        "pooling",
        "X.mean(dim=(-2, -1), keepdim=True)",
        "X.mean(dim=(-3, -2, -1), keepdim=True)",
    ),
    Fault(
        "pooling: no padding at left and top",
        "pooling",
        "[p, p + overhang, *sides]",
        "[0, p + overhang, *sides]",
    ),
    Fault(
        "pooling: no padding at right and bottom",
        "pooling",
        "[p, p + overhang, *sides]",
        "[p, overhang, *sides]",
    ),
    Fault(
        "pooling: height and width of the padding swapped",
        "pooling",
        "[p, p + overhang, *sides]",
        "[*sides, p, p + overhang]",
    ),
    Fault(
        "pooling: height and width of the stride swapped",
        "pooling",
        ".unfold(-2, reach_h, sh).unfold(-2, reach_w, sw)",
        ".unfold(-2, reach_h, sw).unfold(-2, reach_w, sh)",
    ),
    Fault(
        "pooling: default stride is one",
        "pooling",
        "stride = kernel_size if stride is None else stride\n    return",
        "stride = 1 if stride is None else stride\n    return",
    ),
    Fault("pooling: what hangs over is cut off", "pooling", "max(0, last_end - (n + 2 * p))", "0"),
    Fault("pairs: height and width swapped", "_checks", "(value[0], value[1])", "(value[1], value[0])"),
]

SHAPES = [
    Fault(
        "conv_output_size: padding counted once",
        "shapes",
        "return (n + 2 * padding - reach)",
        "return (n + padding - reach)",
    ),
    Fault(
        "conv_output_size: ceil for floor",
        "shapes",
        "return (n + 2 * padding - reach) // stride + 1",
        "return -(-(n + 2 * padding - reach) // stride) + 1",
    ),
    Fault(
        "conv_output_size: one too few",
        "shapes",
        "(n + 2 * padding - reach) // stride + 1",
        "(n + 2 * padding - reach) // stride",
    ),
    Fault(
        "conv_output_size: dilation forgotten",
        "shapes",
        "reach = dilation * (kernel_size - 1) + 1\n    return",
        "reach = kernel_size\n    return",
    ),
    Fault(
        "conv_output_size: dilation times kernel size",
        "shapes",
        "reach = dilation * (kernel_size - 1) + 1\n    return",
        "reach = dilation * kernel_size\n    return",
    ),
    Fault(
        "conv_output_size: a window that doesn't fit",
        "shapes",
        "check_window_fits(n, kernel_size, padding, dilation)\n    reach",
        "reach",
    ),
    Fault(
        "pool_output_size: floor for ceil",
        "shapes",
        "size = -(-free // stride) + 1",
        "size = free // stride + 1",
    ),
    Fault(
        "pool_output_size: default stride is one",
        "shapes",
        "stride = kernel_size if stride is None",
        "stride = 1 if stride is None",
    ),
    Fault("pool_output_size: a last window wholly in the padding", "shapes", "size - starts_outside", "size"),
    Fault(
        "pool_output_size: padding counted once",
        "shapes",
        "free = n + 2 * padding - reach",
        "free = n + padding - reach",
    ),
    Fault(
        "conv_transpose_output_size: padding counted once",
        "shapes",
        "- 2 * padding + dilation",
        "- padding + dilation",
    ),
    Fault(
        "conv_transpose_output_size: output_padding forgotten",
        "shapes",
        "+ output_padding + 1\n    if",
        "+ 1\n    if",
    ),
    Fault(
        "conv_transpose_output_size: n for n - 1", "shapes", "size = (n - 1) * stride", "size = n * stride"
    ),
    Fault(
        "receptive_field: kernel size for kernel size - 1",
        "shapes",
        "(kernel_size - 1) * jump",
        "kernel_size * jump",
    ),
    Fault(
        "receptive_field: a layer's own stride counted",
        "shapes",
        "field += (kernel_size - 1) * jump\n        jump *= stride",
        "jump *= stride\n        field += (kernel_size - 1) * jump",
    ),
    Fault("receptive_field: strides added", "shapes", "jump *= stride", "jump += stride - 1"),
    Fault("layer_shapes: hooks never removed", "shapes", "handle.remove()", "pass"),
    Fault("layer_shapes: the model stays in evaluation mode", "shapes", "model.train(was_training)", "pass"),
    Fault("layer_shapes: runs in training mode", "shapes", "model.eval()", "model.train()"),
    Fault(
        "layer_shapes: biases not counted",
        "shapes",
        "for p in module.parameters())\n            rows",
        "for p in module.parameters() if p.ndim > 1)\n            rows",
    ),
    Fault("layer_shapes: containers count too", "shapes", " if not any(m.children())]", "]"),
]

MODELS = [
    Fault(
        "softmax_regression: a softmax too many",
        "models",
        "nn.Linear(784, num_classes))",
        "nn.Linear(784, num_classes), nn.Softmax(dim=1))",
    ),
    Fault(
        "mlp: no activation",
        "models",
        "nn.ReLU(),\n        nn.Linear(num_hidden, num_classes),\n    )\n\n\ndef lenet",
        "nn.Linear(num_hidden, num_classes),\n    )\n\n\ndef lenet",
    ),
    Fault(
        "lenet: no padding",
        "models",
        "nn.Conv2d(1, 6, kernel_size=5, padding=2)",
        "nn.Conv2d(1, 6, kernel_size=5)",
    ),
    Fault(
        "lenet: an activation missing after a convolution",
        "models",
        "activation(),\n        pooling(2),  # (B, 16, 5, 5)",
        "pooling(2),  # (B, 16, 5, 5)",
    ),
    Fault(
        "lenet: an activation missing between dense layers",
        "models",
        "nn.Linear(400, 120),\n        activation(),",
        "nn.Linear(400, 120),",
    ),
    Fault(
        "lenet: first pooling is max pooling whatever is asked",
        "models",
        "pooling(2),  # (B, 6, 14, 14)",
        "nn.MaxPool2d(2),",
    ),
    Fault(
        "lenet: second pooling is average pooling whatever is asked",
        "models",
        "pooling(2),  # (B, 16, 5, 5)",
        "nn.AvgPool2d(2),",
    ),
    Fault(
        "lenet: last activation is a sigmoid whatever is asked",
        "models",
        "activation(),\n        nn.Linear(84",
        "nn.Sigmoid(),\n        nn.Linear(84",
    ),
    Fault(
        "lenet: a bias missing",
        "models",
        "nn.Linear(84, num_classes)",
        "nn.Linear(84, num_classes, bias=False)",
    ),
    Fault(
        "lenet: half of the connections missing",
        "models",
        "nn.Conv2d(6, 16, kernel_size=5)",
        "nn.Conv2d(6, 16, kernel_size=5, groups=2)",
    ),
    Fault("vgg_block: no padding", "models", "kernel_size=3, padding=1, bias", "kernel_size=3, bias"),
    Fault("vgg_block: no activation", "models", "layers.append(nn.ReLU())", "pass"),
    Fault("vgg_block: no batch norm", "models", "layers.append(nn.BatchNorm2d(out_channels))", "pass"),
    Fault(
        "vgg_block: batch norm after the activation",
        "models",
        "layers.append(nn.BatchNorm2d(out_channels))\n        layers.append(nn.ReLU())",
        "layers.append(nn.ReLU())\n            layers.append(nn.BatchNorm2d(out_channels))\n"
        "        if not batch_norm:\n            layers.append(nn.ReLU())",
    ),
    Fault("vgg_block: a bias beside the batch norm", "models", "bias=not batch_norm", "bias=True"),
    Fault(
        "vgg_block: pooling moves by one",
        "models",
        "nn.MaxPool2d(kernel_size=2)",
        "nn.MaxPool2d(kernel_size=2, stride=1)",
    ),
    Fault(
        "vgg_block: average pooling", "models", "nn.MaxPool2d(kernel_size=2)", "nn.AvgPool2d(kernel_size=2)"
    ),
    Fault(
        "vgg: a dropout missing",
        "models",
        "nn.Linear(num_hidden, num_hidden),\n        nn.ReLU(),\n        nn.Dropout(dropout),",
        "nn.Linear(num_hidden, num_hidden),\n        nn.ReLU(),",
    ),
    Fault(
        "vgg: an activation missing between dense layers",
        "models",
        "nn.Linear(num_hidden, num_hidden),\n        nn.ReLU(),",
        "nn.Linear(num_hidden, num_hidden),",
    ),
    Fault("VGG11: a convolution missing", "models", "(2, 256)", "(1, 256)"),
    Fault("init_xavier: convolutions left out", "models", "nn.Linear | nn.Conv2d)", "nn.Linear)"),
    Fault("init_xavier: normal for uniform", "models", "xavier_uniform_", "xavier_normal_"),
    Fault(
        "init_xavier: biases not zero", "models", "nn.init.zeros_(module.bias)", "nn.init.ones_(module.bias)"
    ),
]

TRAINING = [
    Fault("train_epoch: no zero_grad", "training", "optimizer.zero_grad()\n", "\n"),
    Fault("train_epoch: no step", "training", "optimizer.step()\n", "\n"),
    Fault("train_epoch: the schedule isn't stepped", "training", "schedule.step()\n", "pass\n"),
    Fault(
        "train_epoch: in evaluation mode",
        "training",
        "    model.train()\n    total_loss",
        "    model.eval()\n    total_loss",
    ),
    Fault(
        "train_epoch: loss summed over minibatches only",
        "training",
        "loss.item() * len(labels)",
        "loss.item()",
    ),
    Fault("train_epoch: accuracy of the last minibatch", "training", "num_correct += ", "num_correct = "),
    Fault("train: learning rate ten times larger", "training", "lr=lr)\n    sched", "lr=10 * lr)\n    sched"),
    Fault(
        "train: the same order in every epoch",
        "training",
        "generator = seed_epoch(seed, epoch)",
        "generator = seed_epoch(seed, 0)",
    ),
    Fault(
        "train: never shuffled",
        "training",
        "minibatches(images, labels, batch_size, generator)",
        "minibatches(images, labels, batch_size)",
    ),
    Fault(
        "train: measured on the training images",
        "training",
        "evaluate(model, data.test_images, data.test_labels, device=device)",
        "evaluate(model, data.train_images, data.train_labels, device=device)",
    ),
    Fault(
        "train: measured in training mode", "training", "model.to(device).eval()", "model.to(device).train()"
    ),
    Fault("predict: the model stays in evaluation mode", "training", "model.train(was_training)", "pass"),
    Fault(
        "train: augmentation forgotten",
        "training",
        "(augment(images, generator) if augment else images), labels",
        "images, labels",
    ),
    Fault(
        "train: schedule counts epochs for steps",
        "training",
        "schedule(opt, num_epochs * num_batches)",
        "schedule(opt, num_epochs)",
    ),
    Fault(
        "train: its loss function is another",
        "training",
        "loss_function=loss_function)",
        "loss_function=F.multi_margin_loss)",
    ),
    Fault(
        "one_cycle: never comes down",
        "training",
        "OneCycleLR(optimizer, max_lr=peak, total_steps=num_steps)",
        "OneCycleLR(optimizer, max_lr=peak, total_steps=4 * num_steps)",
    ),
    Fault("evaluate: the smallest logit", "training", ".argmax(dim=1)  # (N,)\n", ".argmin(dim=1)\n"),
    Fault("random_flip: up and down", "augment", "images.flip(-1)", "images.flip(-2)"),
    Fault("random_flip: the minibatch in reverse", "augment", "images.flip(-1)", "images.flip(0)"),
    Fault(
        "history: training and test accuracy swapped",
        "history",
        "self.train_accuracy.append(train_accuracy)\n        self.test_accuracy.append(test_accuracy)",
        "self.train_accuracy.append(test_accuracy)\n        self.test_accuracy.append(train_accuracy)",
    ),
]

DATA = [
    Fault(
        "data: training labels shifted by one image",
        "data",
        "train_labels.long()",
        "train_labels.long().roll(1)",
    ),
    Fault("data: labels count from one", "data", "train_labels.long()", "(train_labels.long() + 1) % 10"),
    Fault(
        "data: test images in another order than their labels",
        "data",
        "test_images.unsqueeze(1)",
        "test_images.flip(0).unsqueeze(1)",
    ),
    Fault(
        "data: images transposed",
        "data",
        "train_images.unsqueeze(1)",
        "train_images.transpose(1, 2).unsqueeze(1)",
    ),
    Fault("data: two class names swapped", "data", '"Dress", "Coat"', '"Coat", "Dress"'),
    Fault(
        "data: header read as pixels",
        "data",
        "values[-math.prod(file.shape) :]",
        "values[: math.prod(file.shape)]",
    ),
    Fault("minibatches: not scaled", "data", "return images / 255 if", "return images.float() if"),
    Fault(
        "minibatches: every one gets the first labels",
        "data",
        "labels.index_select(0, rows))",
        "labels[: len(rows)])",
    ),
    Fault(
        "minibatches: the last minibatch dropped",
        "data",
        ".split(batch_size)\n    )",
        ".split(batch_size)\n        if len(rows) == batch_size\n    )",
    ),
    Fault(
        "minibatches: sorted for shuffled",
        "data",
        "order = torch.randperm(len(images), generator=generator, device=generator.device)",
        "pass",
    ),
]

PLOT = [
    Fault(
        "plot: values of a matrix in the wrong cells",
        "plot",
        "ax.text(column, row, format(",
        "ax.text(row, column, format(",
    ),
    Fault(
        "plot: a signed map not symmetric about zero",
        "plot",
        "ax.imshow(array, cmap=SIGNED_MAP, vmin=-limit",
        "ax.imshow(array, cmap=SIGNED_MAP, vmin=0",
    ),
    Fault("plot: grey reversed", "plot", 'IMAGE_MAP = "gray"', 'IMAGE_MAP = "gray_r"'),
    Fault("plot: a frame one row too low", "plot", "(column - 0.5, row - 0.5)", "(column - 0.5, row + 0.5)"),
    Fault("plot: titles one image late", "plot", "ax.set_title(titles[i]", "ax.set_title(titles[i - 1]"),
    Fault(
        "plot: steps in reverse",
        "plot",
        "for ax, (title, array) in zip(axes[0], arrays",
        "for ax, (title, array) in zip(axes[0], arrays[::-1]",
    ),
]

FAULTS = [*CONV, *POOLING, *SHAPES, *MODELS, *TRAINING, *DATA, *PLOT]
