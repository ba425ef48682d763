"""What a kernel runs before a chapter whose bands are measured (`make bands`).

NBPROOF_SEED takes the place of the chapter's own seeds, in `torch.manual_seed(…)`, in
`np.random.default_rng(…)` and in `train`, that of `d2lmini.scratch` too.
NBPROOF_WRONG asks for a result that is wrong, which the chapter's bands should notice.
"""

import ast
import functools
import math
import os
from copy import copy

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as chapter 9 does, which would come too late

import numpy as np  # noqa: E402
import torch  # noqa: E402
from IPython import get_ipython  # noqa: E402

import d2lmini  # noqa: E402
from d2lmini import scratch, training  # noqa: E402

SEED = int(os.environ.get("NBPROOF_SEED", "0"))
WRONG = os.environ.get("NBPROOF_WRONG", "")


class Reseed(ast.NodeTransformer):
    """Put the seed into every `torch.manual_seed(…)` and `np.random.default_rng(…)` of a chapter's code."""

    def visit_Call(self, node):
        self.generic_visit(node)
        fixed = all(isinstance(argument, ast.Constant) for argument in node.args)
        if fixed and ast.unparse(node.func) in ("torch.manual_seed", "np.random.default_rng"):
            node.args = [ast.copy_location(ast.Constant(SEED), node)]
        return node


def untrained(model, data, *, num_epochs=10, **settings):
    """The history of a model that stays as it is."""
    model.to(training.pick_device())
    history = d2lmini.History()
    logits = training.predict(model, data.train_images).cpu()
    loss = torch.nn.functional.cross_entropy(logits, data.train_labels).item()
    accuracy = (logits.argmax(dim=1) == data.train_labels).float().mean().item()
    for _ in range(num_epochs):
        history.append(loss, accuracy, training.evaluate(model, data.test_images, data.test_labels))
    return history


def shuffled(model, data, *, train=d2lmini.train, **settings):
    """Train on labels that have nothing to do with their images."""
    order = torch.randperm(len(data.train_labels), generator=torch.Generator().manual_seed(SEED))
    data = copy(data)
    object.__setattr__(data, "train_labels", data.train_labels[order])  # FashionMNIST is frozen
    return train(model, data, **settings)


def adapted(model, data, *, train=d2lmini.train, **settings):
    """Train with an optimizer that no plateau stops."""
    return train(model, data, **settings | {"optimizer": torch.optim.AdamW, "lr": 1e-3})


def untrained_in_numpy(network, data, *, num_epochs=3, **settings):
    """The history of a network in NumPy that stays as it is."""
    shares = [
        scratch.evaluate(network, np.asarray(images), np.asarray(labels))
        for images, labels in (
            (data.train_images[:1000], data.train_labels[:1000]),
            (data.test_images, data.test_labels),
        )
    ]
    history = d2lmini.History()
    for _ in range(num_epochs):
        history.append(math.log(10), *shares)
    return history


WAYS = {
    "": d2lmini.train,
    "untrained": untrained,
    "shuffled labels": shuffled,
    "another optimizer": adapted,
}
WAYS_IN_NUMPY = {  # there is one optimizer, and no plateau
    "untrained": untrained_in_numpy,
    "shuffled labels": functools.partial(shuffled, train=scratch.train),
}
get_ipython().ast_transformers.append(Reseed())
if WRONG == "untrained":  # nor does a chapter's own loop move a weight
    torch.optim.AdamW.step = lambda self, closure=None: None
d2lmini.train = functools.partial(WAYS[WRONG], seed=SEED, progress=False)


def train_in_numpy(network, data, *, train=scratch.train, **settings):
    """Train in the wrong way; a call that must be refused, without data, is."""
    way = train if data is None else WAYS_IN_NUMPY.get(WRONG, train)
    return way(network, data, **settings)


scratch.train = functools.partial(train_in_numpy, seed=SEED)
