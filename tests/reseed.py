"""What a kernel runs before a chapter whose bands are measured (`make bands`).

NBPROOF_SEED takes the place of the chapter's own seeds, in `torch.manual_seed(…)` and in `train`.
NBPROOF_WRONG asks for a result that is wrong, which the chapter's bands should notice.
"""

import ast
import functools
import os
from copy import copy

import torch
from IPython import get_ipython

import d2lmini
from d2lmini import training

SEED = int(os.environ.get("NBPROOF_SEED", "0"))
WRONG = os.environ.get("NBPROOF_WRONG", "")


class Reseed(ast.NodeTransformer):
    """Put the seed into every `torch.manual_seed(…)` of a chapter's own code."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if ast.unparse(node.func) == "torch.manual_seed":
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


WAYS = {
    "": d2lmini.train,
    "untrained": untrained,
    "shuffled labels": shuffled,
    "another optimizer": adapted,
}
get_ipython().ast_transformers.append(Reseed())
if WRONG == "untrained":  # nor does a chapter's own loop move a weight
    torch.optim.AdamW.step = lambda self, closure=None: None
d2lmini.train = functools.partial(WAYS[WRONG], seed=SEED, progress=False)
