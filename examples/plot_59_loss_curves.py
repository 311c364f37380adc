"""
Five loss curves and how to read them
=====================================

Losses on the images for training and on others, for validation, after each epoch of five runs on 600 digits; a star where
validation was best. Good: both fall, level off, and stay close. Underfit: both stay high and close together; the model is too
small, or trained too short. Overfit: the training loss goes on falling and the validation loss rises; stop where it was
least, give more data, a penalty, dropout. Rate too high: the loss jumps about and does not settle. Bad first weights: nothing
happens for epochs, as the signal fades in six layers, until it suddenly does. Each is a real run, made by what its title
says; the digits are too easy to be overfitted, so three in ten labels of that run are wrong.
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import data, nn, optim, plots
from convkit.training import evaluate

plt.rcParams.update({"font.size": 11})
images, labels = data.digits()
(x, y), held = data.split(images.reshape(-1, 64) / 16, labels, fraction=1 - 600 / 1797, seed=0)
wrong = np.where(np.arange(600) % 10 < 3, (y + 1) % 10, y)


def dense(*units):
    """Dense layers with rectifiers."""
    nn.manual_seed(0)
    layers = [layer for before, after in pairwise(units) for layer in (nn.Linear(before, after), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def trained(model, targets, rate, epochs):
    """Losses after each epoch; a history that `plots.training_curves` draws."""
    optimizer, loss = optim.SGD(model.parameters(), lr=rate, momentum=0.9), nn.CrossEntropyLoss()
    batches, history = data.ArrayLoader(x, targets, batch_size=32), {"epoch": [], "loss": [], "validation_loss": []}
    for epoch in range(epochs):
        for inputs, wanted in batches:
            optimizer.zero_grad()
            model.loss_and_grad(inputs, wanted, loss)
            optimizer.step()
        found = epoch + 1, evaluate(model, (x, targets)).loss, evaluate(model, held).loss
        for key, value in zip(history, found, strict=True):
            history[key].append(value)
    return history


runs = {
    "good": trained(dense(64, 32, 10), y, 0.02, 30),
    "underfit: 2 units": trained(dense(64, 2, 10), y, 0.05, 30),
    "overfit: wrong labels": trained(dense(64, 256, 256, 10), wrong, 0.05, 60),
    "rate too high": trained(dense(64, 64, 10), y, 0.6, 30),
    "bad first weights": trained(dense(*[64] * 6, 10), y, 0.03, 40),
}
figure = plt.figure(figsize=(17, 4), layout="constrained")
for part, (name, history) in zip(figure.subfigures(1, 5), runs.items(), strict=True):
    axes = plots.training_curves(history, figure=part).axes[0]
    axes.set(title=name, ylim=(0, 2.5))
    least = int(np.argmin(history["validation_loss"]))
    axes.plot(least + 1, history["validation_loss"][least], "*", color="black", markersize=11, label="least")
    axes.legend(frameon=False)
    ends = history["loss"][-1], history["validation_loss"][-1], history["validation_loss"][least]
    print(f"{name:22} training {ends[0]:.3f}, validation {ends[1]:.3f}, at best {ends[2]:.3f} in epoch {least + 1}")

last = {name: (history["loss"][-1], history["validation_loss"][-1]) for name, history in runs.items()}
assert last["good"][1] < 0.25
assert last["underfit: 2 units"][0] > 0.5
assert last["overfit: wrong labels"][1] > 1.5 * min(runs["overfit: wrong labels"]["validation_loss"])
assert np.abs(np.diff(runs["rate too high"]["loss"][15:])).mean() > 5 * np.abs(np.diff(runs["good"]["loss"][15:])).mean()
assert runs["bad first weights"]["loss"][4] > 2.2 > 0.5 > last["bad first weights"][0]

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
