"""
Features of one size make the valley round
==========================================

Thirteen measurements of wines, by which a linear model tells three growers apart. Proline counts in hundreds, hue is about
one: along one weight the loss is steep, along another flat, and a rate that does not run away along the first crawls along
the second. Taking the mean away and dividing by the deviation makes ellipses of equal loss circles, but for what correlations
leave. Left and middle: two of the weights, by which alcohol is told from colour and hue, each with the best fixed rate there
is; the steps needed go with the condition, the ratio of the curvatures. Right: all measurements, three growers, cross-
entropy, each at the best of fifteen rates. Taking away the mean does little for proline; dividing does all.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from convkit import nn, optim, plots
from convkit.data import Standardize

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10})
wine = load_wine()
pair = wine.data[:, [wine.feature_names.index(name) for name in ("color_intensity", "hue")]]
alcohol = wine.data[:, 0] - wine.data[:, 0].mean()


def regression(x):
    """Mean square error as a function of two weights, with its gradient; its two curvatures; the best weights."""
    hessian = 2 * x.T @ x / len(x)

    def loss(w):
        error = np.tensordot(x, w, 1) - alcohol.reshape(-1, *[1] * (w.ndim - 1))
        return np.mean(error**2, axis=0), 2 * np.tensordot(x.T, error, 1) / len(x)

    return loss, np.linalg.eigvalsh(hessian), np.linalg.lstsq(x, alcohol, rcond=None)[0]


figure = plt.figure(figsize=(16, 5.2), layout="constrained")
parts, steps = figure.subfigures(1, 3), {}
for part, (word, x) in zip(parts, {"as measured": pair, "normalised": Standardize().fit(pair)(pair)}.items(), strict=False):
    loss, curvatures, best = regression(x)
    run = optim.gradient_descent(loss, [0.0, 0.0], steps=1000, rate=2 / curvatures.sum())
    steps[word] = int(np.argmax(run.losses < run.losses[-1] + 1e-3 * (run.losses[0] - run.losses[-1])))
    reach = 1.3 * np.abs(best).max()
    extent = (best[0] - reach, best[0] + reach, best[1] - reach, best[1] + reach)
    axes = plots.descent_paths(loss, {f"{steps[word]} steps": run.path[: steps[word] + 1]}, extent, figure=part).axes[0]
    axes.set(title=f"{word}: condition {curvatures[1] / curvatures[0]:.3g}", xlabel="weight of colour", ylabel="weight of hue")
    print(f"{word}: condition {curvatures[1] / curvatures[0]:.3g}, {steps[word]} steps to a thousandth of the excess")

curves = {}
centred = wine.data - wine.data.mean(axis=0)
for word, x in {"as measured": wine.data, "centred": centred, "normalised": Standardize().fit(wine.data)(wine.data)}.items():
    tries, x = [], x.astype(np.float64)
    for rate in np.logspace(-6, 1, 15):
        model = nn.Linear(13, 3).double()
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        optimizer, losses = optim.SGD(model.parameters(), lr=rate), []
        for _ in range(300):
            optimizer.zero_grad()
            losses.append(nn.Sequential(model).loss_and_grad(x, wine.target, nn.CrossEntropyLoss()))
            optimizer.step()
        tries.append((losses[-1], rate, losses))
    last, rate, curves[word] = min(tries)
    print(f"{word}: loss {last:.4f} after {len(curves[word])} steps of rate {rate:.2g}")
axes = plots.loss_curves(curves, labels=("step", "cross-entropy of three growers"), figure=parts[2]).axes[0]
axes.set_title("13 measurements")
assert steps["normalised"] < 10 < steps["as measured"]
assert curves["normalised"][-1] < 0.1 * curves["centred"][-1]

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
