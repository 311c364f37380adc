"""
Adagrad: steps that shrink, and sparse features
===============================================

Adagrad divides by all squares so far: for the same gradient its steps fall as 1 / sqrt(t), where that helps and where it
does not. RMSprop forgets, and its steps keep their length. With a rate for each parameter, rare features take large steps
when they come. Right, texts are told by which of 500 words are in them, the k-th in 1 / k of all, in one pass, at the best
of three rates. Adagrad leads SGD by far if rare words tell more, and still if all tell alike; RMSprop and Adam come within
0.03 of it.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots

plt.rcParams.update({"font.size": 12, "legend.fontsize": 11})
rng = np.random.default_rng(0)

STEPS, reach = 3000, {}  # how far a step goes for a gradient of 1, after noisy ones of mean square 1
for name, make in {"Adagrad": optim.Adagrad, "RMSprop": optim.RMSprop}.items():
    w, lengths = nn.Parameter(np.zeros(100)), []
    optimizer = make([w], lr=1.0)
    for _ in range(STEPS):
        before, w.grad = w.data.copy(), rng.standard_normal(100)
        optimizer.step()
        lengths.append((before - w.data) / w.grad)
    reach[name] = np.transpose(lengths)
t = np.arange(1, STEPS + 1)
assert np.allclose(np.median(reach["Adagrad"], axis=0)[100:] * np.sqrt(t[100:]), 1, atol=0.05)

# Words in texts: the k-th most common is in a share 1 / k of them, a rare one tells more.
WORDS, TEXTS = 500, 6000
share = np.minimum(1 / np.arange(1, WORDS + 1), 0.5)
loss = nn.BCEWithLogitsLoss()
methods = {"SGD": (optim.SGD, 1.0), "Adagrad": (optim.Adagrad, 1.0), "RMSprop": (optim.RMSprop, 0.1), "Adam": (optim.Adam, 0.1)}
SIZES = {"that tell more the rarer they are": np.minimum(0.5 / np.sqrt(share), 8), "that tell alike": np.full(WORDS, 2.0)}


def texts(size, seed):
    drawn = np.random.default_rng(seed)
    x = (drawn.random((TEXTS, WORDS), np.float32) < share).astype(np.float32)
    scores = (x - share) @ (drawn.standard_normal(WORDS) * size)
    return x, (drawn.random((TEXTS, 1)) < 1 / (1 + np.exp(-scores[:, None]))).astype(np.float32)


def learn(make, lr, x, y):
    """Loss of unseen texts every 100 steps of one pass through 5000 others, ten a step."""
    model = nn.Sequential(nn.Linear(WORDS, 1))
    model.load_state_dict({"0.weight": np.zeros((1, WORDS), np.float32), "0.bias": np.zeros(1, np.float32)})
    optimizer, found = make(model.parameters(), lr=lr), []
    for step in range(501):
        if step % 100 == 0:
            found.append(loss(model(x[5000:]), y[5000:]).item())
        optimizer.zero_grad()
        model.loss_and_grad(x[10 * step : 10 * step + 10], y[10 * step : 10 * step + 10], loss)
        optimizer.step()
    return found


figure = plt.figure(figsize=(16, 4.8), layout="constrained")
left, *others = figure.subfigures(1, 3)
axes = plots.loss_curves(reach, t, labels=("step", "length of a step for a gradient of 1"), figure=left).axes[0]
axes.loglog(t, 1 / np.sqrt(t), "k:", label="1 / sqrt(t)")
axes.legend(frameon=False)
for part, (name, size) in zip(others, SIZES.items(), strict=True):
    curves, drawn = {}, [texts(size, seed) for seed in range(3)]
    for method, (make, scale) in methods.items():
        tries = {lr: np.array([learn(make, lr, *each) for each in drawn]) for lr in scale * 10.0 ** np.arange(-0.5, 0.6, 0.5)}
        best = min(tries, key=lambda lr: tries[lr][:, -1].mean())
        curves[method] = tries[best]
        print(f"words {name}, {method}: loss {curves[method][:, -1].mean():.3f} at the best rate, {best:.2g}")
    axes = plots.loss_curves(curves, np.arange(0, 501, 100), labels=("step", "loss of unseen texts"), figure=part).axes[0]
    axes.set_title(f"words {name}")
path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
