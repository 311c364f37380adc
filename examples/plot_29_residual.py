"""
Residual against plain
======================

More layers should never hurt: those that are not needed could do nothing. Yet a plain stack must learn to do nothing, and
the gradient that could teach it shrinks from layer to layer on its way back. With a shortcut around every two layers, doing
nothing is where learning starts, and the gradient arrives whole. Both networks have the same number of weights, drawn in the
same way, and see the same batches of digits, 8 x 8 pixels each. No layer normalises: that would help the plain one, too.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from convkit import nn, optim

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"

digits = load_digits()
x, y = digits.images[:, None].astype(np.float32) / 16, digits.target
loss = nn.CrossEntropyLoss()


def network(blocks, shortcuts):
    """A convolution, `blocks` pairs of convolutions with or without shortcuts around them, and a dense layer."""
    nn.manual_seed(2)
    pairs = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)) for _ in range(blocks)]
    stack = [layer for pair in pairs for layer in (nn.Residual(pair) if shortcuts else pair, nn.ReLU())]
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), *stack, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 10))


def slopes(model):
    """Root mean square of the loss's derivative by the weights of each convolution, before training."""
    model.loss_and_grad(x[:256], y[:256], loss)
    return [float(np.sqrt((p.grad**2).mean())) for p in model.parameters() if p.ndim == 4]


def train(model, epochs=7):
    """The loss of every batch."""
    order, optimizer, losses = np.random.default_rng(0), optim.SGD(model.parameters(), lr=0.02, momentum=0.9), []
    for _ in range(epochs):
        for batch in np.split(order.permutation(len(x))[:1792], 28):
            optimizer.zero_grad()
            losses.append(model.loss_and_grad(x[batch], y[batch], loss))
            optimizer.step()
    return np.convolve(losses, np.ones(14) / 14, mode="valid")


figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
last, first = {}, {}
for blocks, line in ((1, ":"), (4, "--"), (10, "-")):
    for shortcuts, word, colour in ((False, "plain", RED), (True, "residual", BLUE)):
        model, layers = network(blocks, shortcuts), 2 + 2 * blocks
        arriving = slopes(model)
        curve = train(model)
        last[word, layers], first[word, layers] = curve[-1], arriving[0] / arriving[-1]
        left.plot(curve, line, color=colour, linewidth=2, label=f"{word}, {layers} layers")
        right.semilogy(np.arange(1, len(arriving) + 1), arriving, line, color=colour, linewidth=2, marker="o", markersize=4)
        print(f"{word:8} {layers:2} layers: loss {curve[-1]:.3f}, the first gradient {first[word, layers]:.1e} of the last")
assert last["plain", 22] > 2.2 > 0.6 > max(last["residual", layers] for layers in (4, 10, 22))
assert first["residual", 22] > 1e3 * first["plain", 22]
left.axhline(np.log(10), color="0.7", linewidth=1)
left.text(180, np.log(10) + 0.02, "guessing: ln 10", ha="right", color="0.4")
left.set(xlabel="step", ylabel="loss of a batch, mean of 14", title="depth stalls the plain network", ylim=(0, 2.5))
left.legend(frameon=False, loc="center right")
right.set(xlabel="convolution", xticks=range(1, 22, 4), ylabel="gradient of its weights, root mean square",
          title="what arrives of the gradient, before training")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
