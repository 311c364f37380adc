"""
Why Adam's averages are corrected
=================================

Adam's averages begin at 0. Without correction the mean gradient has a tenth of its size at the first step, the root mean
square 0.032 of it: the step is 3.1623 times the rate, and soon after 6.57 times. Corrected, it is the rate at once. RAdam
takes five plain steps, then distrusts its mean square for long. It matters where eps stands: below the root 1e-6 stops
gradients of 1e-4. Right, digits: without correction Adam learns as well, at a third of the rate, and runs wild sooner; in
so short a run RAdam wants more.
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import data, nn, optim, plots

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10, "axes.spines.top": False, "axes.spines.right": False})
RATE = 0.01
methods = {"Adam": optim.Adam, "without correction": partial(optim.Adam, bias_correction=False), "RAdam": optim.RAdam}
LINES = ("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":")


def steps(make, gradients):
    """Lengths of steps, over the rate, for a row of gradients."""
    w = nn.Parameter(np.zeros(gradients.shape[1:]))
    optimizer, lengths = make([w], lr=RATE), []
    for gradient in gradients:
        before, w.grad = w.data.copy(), gradient
        optimizer.step()
        lengths.append(np.abs(before - w.data) / RATE)
    return np.array(lengths)


t, sizes = np.arange(1, 5001), np.logspace(-10, 0, 101)
same = {name: steps(make, np.ones((5000, 1)))[:, 0] for name, make in methods.items()}
for name, lengths in same.items():
    print(f"{name}: first step {lengths[0]:.4f} of the rate, longest {lengths.max():.2f}, step 5000 {lengths[-1]:.3f}")
assert np.allclose(same["without correction"], (1 - 0.9**t) / np.sqrt(1 - 0.999**t), rtol=1e-6)
assert round(same["without correction"][0], 4) == 3.1623
places = {"1e-8 beside the root": {"eps": 1e-8}, "1e-7 beside it": {"eps": 1e-7},
          "1e-8 below it": {"eps": 1e-8, "eps_inside": True}, "1e-6 below it": {"eps": 1e-6, "eps_inside": True}}  # fmt: skip
small = {name: steps(partial(optim.Adam, **settings), sizes[None])[0] for name, settings in places.items()}
for name, lengths in small.items():
    print(f"eps {name}: half a step for a gradient of {sizes[(lengths > 0.5).argmax()]:.0e}; for 0.01 {lengths[80]:.4f}")

figure = plt.figure(figsize=(16, 4.8), layout="constrained")
left, middle, right = figure.subfigures(1, 3)
titles = {left: "gradients that are all alike", middle: "where eps is added, first step"}
for (part, title), at, drawn in zip(titles.items(), (t, sizes), (same, small), strict=True):
    axes = part.subplots()
    for (name, lengths), (colour, line) in zip(drawn.items(), LINES, strict=False):
        axes.plot(at, lengths, line, color=colour, linewidth=2, label=name)
    axes.set(xlabel="step" if at is t else "gradient", ylabel="length of a step, over the rate", xscale="log", title=title)
    axes.legend(frameon=False)
axes.set(yscale="log", ylim=(1e-5, 3))
images, labels = data.digits()
x, loss, rates, curves = (images / 16).reshape(-1, 64), nn.CrossEntropyLoss(), 10.0 ** np.arange(-3, 0.1, 0.5), {}
for name, make in methods.items():
    curves[name] = np.zeros((3, len(rates)))
    for (seed, i), _ in np.ndenumerate(curves[name]):
        nn.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        optimizer, batches = make(model.parameters(), lr=rates[i]), data.ArrayLoader(x, labels, batch_size=64, seed=seed)
        for digits, classes in (*batches, *batches):
            optimizer.zero_grad()
            model.loss_and_grad(digits, classes, loss)
            optimizer.step()
        curves[name][seed, i] = loss(model(x), labels).item()
    found = np.median(curves[name], axis=0)
    print(f"digits, {name}: least loss {found.min():.3f} at the rate {rates[found.argmin()]:.3f}")
axes = plots.loss_curves(curves, rates, labels=("rate", "loss of digits after two epochs"), figure=right).axes[0]
axes.set(xscale="log", title="what it matters")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
