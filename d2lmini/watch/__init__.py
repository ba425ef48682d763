"""Operations to watch: figures in which a window moves, step by step, and a playground of settings.

    from d2lmini import watch
    watch.corr2d(X, K, padding=1)

Each function gives a scene, and a notebook shows it. The figure needs no kernel, no network and no extension,
so it moves on a web page and in an exported file too.

scene        panels of cells, and steps: what a figure consists of
geometry     which cells a window covers
correlation  cross-correlation, with padding, stride, dilation and channels
pools        pooling, forwards and backwards
strokes      transposed convolution
field        what a pixel sees through several layers
playground   settings to try
picture      a panel as a drawing
page         a scene as HTML; `watch.js` moves it, `playground.js` computes, `watch.css` is the look
"""

from d2lmini.watch.correlation import corr2d
from d2lmini.watch.field import receptive_field
from d2lmini.watch.playground import playground
from d2lmini.watch.pools import pool2d, pool2d_backward
from d2lmini.watch.scene import Panel, Scene, Step
from d2lmini.watch.strokes import conv_transpose2d

__all__ = [
    "Panel",
    "Scene",
    "Step",
    "conv_transpose2d",
    "corr2d",
    "playground",
    "pool2d",
    "pool2d_backward",
    "receptive_field",
]
