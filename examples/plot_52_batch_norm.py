"""
Batch norm, before the activation or after it
=============================================

Five dense layers of 32 units learn the digits, with PyTorch's first weights, which let a signal fade from layer to layer. A
batch norm behind each layer brings it back to mean 0 and deviation 1. Without it hardly anything is learnt in five epochs;
with it rates over two decades do. He's first weights help as well, at one of the rates. The notes say of its place "there is
debate; but before": here both are good; after the activation is better at three of the four rates, before it at the highest.
Lines are medians of three seeds, bands their range; tests are with the averages that the norms have kept.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import data, nn, optim, plots
from convkit.training import evaluate

plt.rcParams.update({"font.size": 12})
images, labels = data.digits()
(train_x, train_y), test = data.split(images.reshape(-1, 64) / 16, labels, fraction=0.2, seed=0)
LAYERS, UNITS, EPOCHS, RATES = 5, 32, 5, (0.004, 0.02, 0.1, 0.5)
orders = {
    "none": lambda: [nn.ReLU()],
    "none, He's first weights": lambda: [nn.ReLU()],
    "before the activation": lambda: [nn.BatchNorm1d(UNITS), nn.ReLU()],
    "after the activation": lambda: [nn.ReLU(), nn.BatchNorm1d(UNITS)],
}


def train(name, rate, seed):
    """Loss of every batch, and accuracy on the test images."""
    nn.manual_seed(seed)
    layers = [layer for i in range(LAYERS) for layer in (nn.Linear(UNITS if i else 64, UNITS), *orders[name]())]
    model = nn.Sequential(*layers, nn.Linear(UNITS, 10))
    for layer in layers if "He" in name else ():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    optimizer, loss, losses = optim.SGD(model.parameters(), lr=rate), nn.CrossEntropyLoss(), []
    batches = data.ArrayLoader(train_x, train_y, batch_size=32, drop_last=True, seed=seed)
    for _ in range(EPOCHS):
        for x, y in batches:
            optimizer.zero_grad()
            losses.append(model.loss_and_grad(x, y, loss))
            optimizer.step()
    return np.convolve(losses, np.ones(12) / 12, mode="valid"), evaluate(model, test).accuracy


runs = {(name, rate): [train(name, rate, seed) for seed in range(3)] for name in orders for rate in RATES}
figure = plt.figure(figsize=(15, 5), layout="constrained")
left, right = figure.subfigures(1, 2)
shown = {name: [losses for losses, _ in runs[name, 0.1]] for name in orders}
axes = plots.loss_curves(shown, labels=("step", "loss of a batch, mean of 12"), figure=left).axes[0]
axes.set_title("rate 0.1")
accuracy = {name: np.array([[score for _, score in runs[name, rate]] for rate in RATES]).T for name in orders}
axes = plots.loss_curves(accuracy, RATES, labels=("rate", "accuracy on test images"), figure=right).axes[0]
axes.set(title=f"after {EPOCHS} epochs", xscale="log", yscale="linear")
axes.get_legend().remove()
for name in orders:
    told = ", ".join(f"{rate:g}: {score:.1%}" for rate, score in zip(RATES, np.median(accuracy[name], axis=0), strict=True))
    print(f"batch norm {name}: median accuracy at rate {told}")
middle = {name: np.median(accuracy[name], axis=0) for name in orders}
assert min(middle["before the activation"][1:].min(), middle["after the activation"][1:].min()) > 0.9
assert middle["none"].max() < 0.5 < middle["none, He's first weights"].max()

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
