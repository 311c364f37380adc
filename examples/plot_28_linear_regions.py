"""
A network of rectifiers is made of flat pieces
==============================================

Where every rectifier of a network is either on or off, the network is one affine map. Its space of inputs is cut into such
regions: here a plane through three images of digits, padded to 28 x 28 = 784 samples, as a network with three hidden layers
of 64 units sees it, as it was drawn and after it has learnt to tell the digits. Every colour is a region. Training moves
the cuts, but what a region is does not change: the derivative of a unit, taken anywhere in it, is the same.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from convkit import nn, optim, plots
from convkit.nn import views

plt.rcParams.update({"font.size": 12})
nn.manual_seed(4)

digits = load_digits()
images = np.repeat(np.repeat(digits.images, 3, axis=1), 3, axis=2)  # 24 x 24
x = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32) / 16
labels = digits.target

hidden = [layer for size in (784, 64, 64) for layer in (nn.Linear(size, 64), nn.ReLU())]
model = nn.Sequential(*hidden, nn.Linear(64, 10))
three = [x[np.flatnonzero(labels == digit)[0]] for digit in (0, 3, 8)]
plane = views.Plane.through(*three, margin=0.4)
before = views.linear_regions(model, plane, 320)

loss, optimizer = nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
order = np.random.default_rng(0)
for _ in range(10):
    for batch in np.split(order.permutation(len(x))[:1792], 28):
        optimizer.zero_grad()
        model.loss_and_grad(x[batch], labels[batch], loss)
        optimizer.step()
after = views.linear_regions(model, plane, 320)
right = (model(x).data.argmax(axis=1) == labels).mean()
print(f"regions on the plane: {before.count} before training, {after.count} after it, with {right:.1%} of the digits told")
assert right > 0.95
assert min(before.count, after.count) > 100

# Inside the largest region the derivative of every unit is the same; across regions it is not.
place = np.argwhere(after.labels == np.bincount(after.labels.ravel()).argmax())[::50]
inside = plane.point((place[:, 1] + 0.5) / 320, (place[:, 0] + 0.5) / 320)
gradient = views.input_gradient(model, inside, 8)
assert np.abs(gradient - gradient[0]).max() < 1e-4 * np.abs(gradient).max()
assert np.abs(views.input_gradient(model, np.stack(three), 8) - gradient[0]).max() > 0.1 * np.abs(gradient).max()

figure = plt.figure(figsize=(12, 6.2), layout="constrained")
marks = {str(digit): image for digit, image in zip((0, 3, 8), three, strict=True)}
for part, regions, word in zip(figure.subfigures(1, 2), (before, after), ("as drawn", "trained"), strict=True):
    plots.linear_regions(regions, marks, figure=part)
    part.axes[0].set_title(f"{word}: {regions.count} linear regions")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
