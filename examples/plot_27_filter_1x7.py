"""
A 7 x 7 filter learnt as 1 x 7, then 7 x 1
==========================================

Two thin convolutions in a row have 14 weights where a square one has 49, and do what a square one of rank 1 does. Here they
are trained to imitate square filters, by gradients alone. A filter of rank 1 they learn to the last digits. Of a filter of
rank 3 they find the best that rank 1 can do, which the singular values tell beforehand: what is left is its second and third
term. The training image is noise of perfectly flat spectrum, so that the loss is the distance of the filters.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit.nn.functional as F
from convkit import nn, optim
from convkit.autodiff import Tensor

plt.rcParams.update({"font.size": 13})
nn.manual_seed(1)
random = np.random.default_rng(1)

spectrum = np.fft.fft2(random.normal(size=(32, 32)))
x = np.fft.ifft2(spectrum / np.abs(spectrum)).real[None, None] * 32  # every frequency alike; mean square 1
at = np.arange(-3, 4) / 3
bump, slope, wave = np.exp(-3 * at**2), at * np.exp(-2 * at**2), np.cos(4 * at) * np.exp(-at**2)
one = np.outer(bump, slope)
three = one + 0.5 * np.outer(wave, bump) + 0.3 * np.outer(slope, wave)
targets = {"rank 1": one / np.linalg.norm(one), "rank 3": three / np.linalg.norm(three)}
around = {"padding_mode": "circular", "bias": False}


def train(target, steps=400):
    """14 weights after training, as a 7 x 7 filter, and the relative error of the filter at each step."""
    wanted = Tensor(F.conv2d(np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="wrap"), target[None, None]))
    thin = nn.Conv2d(1, 1, (1, 7), padding=(0, 3), **around), nn.Conv2d(1, 1, (7, 1), padding=(3, 0), **around)
    model = nn.Sequential(*thin).double()
    assert sum(p.numel() for p in model.parameters()) == 14
    loss, optimizer, errors = nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1, momentum=0.8), []
    for _ in range(steps):
        optimizer.zero_grad()
        errors.append(np.sqrt(model.loss_and_grad(x, wanted, loss)))
        optimizer.step()
    row, column = (p.data.reshape(7) for p in model.parameters())
    assert np.isclose(np.linalg.norm(np.outer(column, row) - target), np.sqrt(loss(model(x), wanted).item()))
    return np.outer(column, row), errors


figure = plt.figure(figsize=(13, 5.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
axes = left.subplots()
pictures = right.subplots(2, 3)
for (name, target), colour, line in zip(targets.items(), ("#0072B2", "#D55E00"), pictures, strict=True):
    learnt, errors = train(target)
    values = np.linalg.svd(target, compute_uv=False)
    best, error = np.sqrt((values[1:] ** 2).sum()), np.linalg.norm(learnt - target)
    print(f"{name}: singular values {values[:4].round(4)}, error of 14 weights {error:.3e}, of the best rank 1 {best:.3e}")
    assert error < 1e-6 if name == "rank 1" else abs(error - best) < 1e-6
    axes.semilogy(errors, color=colour, linewidth=2.5, label=f"target of {name}")
    if name == "rank 3":
        axes.axhline(best, color="black", linestyle="--", linewidth=1.2, label="best possible,\nfrom singular values")
    most = np.abs(target).max()
    for ax, word, picture in zip(line, ("target", "learnt", "left over"), (target, learnt, target - learnt), strict=True):
        drawn = ax.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most)
        ax.set(title=f"{name}: {word}", xticks=[], yticks=[])
    right.colorbar(drawn, ax=line[-1], label="weight")
axes.set(xlabel="step of gradient descent", ylabel="distance of the filters", title="14 weights imitate 49")
axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.9))
axes.spines[["top", "right"]].set_visible(False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
