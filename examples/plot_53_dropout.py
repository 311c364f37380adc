"""
Dropout: many thin networks in one
==================================

In training each hidden unit is dropped with probability 1/2 and the others are doubled: what arrives is the same on average,
and at test time all stay and nothing is scaled. Left: the mean of more and more masked passes nears that one pass. What the
next layer gets, a sum, does so for ever, as one over the root of their number; behind a second hidden layer a difference
stays, as the mean of a rectified sum is not the rectified mean. Middle: 400 digits, three in ten with a wrong label, three
seeds. Without dropout the wrong labels are learnt by heart, and the test loss rises again; with it the gap stays small.
Right: each mask is a network. One is worse than the mean of fifty, which the one scaled pass equals at a fiftieth of the
cost. 512 hidden units have 2^512, about 10^154, masks; the notes' layer of 4096 has 2^4096, about 10^1233.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import data, nn, optim, plots
from convkit.autodiff import no_grad
from convkit.training import evaluate, fit, predict

plt.rcParams.update({"font.size": 12})
images, labels = data.digits()
(few, wrong), test = data.split(images.reshape(-1, 64) / 16, labels, fraction=1 - 400 / 1797, seed=0)
wrong[:120] = (wrong[:120] + np.random.default_rng(0).integers(1, 10, 120)) % 10


def trained(p, seed):
    """A network with dropout of probability p; losses and test accuracy after every four epochs."""
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(p), nn.Linear(256, 256), nn.ReLU(), nn.Dropout(p),
                          nn.Linear(256, 10))  # fmt: skip
    optimizer, rows = optim.Adam(model.parameters()), []
    for _ in range(15):
        fit(model, (few, wrong), optimizer=optimizer, epochs=4, progress=False)
        rows.append((evaluate(model, (few, wrong)).loss, *evaluate(model, test)))
    return model, np.transpose(rows)


plain, dropped = ([trained(p, seed) for seed in range(3)] for p in (0.0, 0.5))


def masked(layers, x, passes):
    """Running means of passes in which units are dropped."""
    layers.train()
    with no_grad():
        total = np.cumsum([layers(x).data for _ in range(passes)], axis=0)
    return total / np.arange(1, passes + 1)[:, None, None]


figure = plt.figure(figsize=(16, 4.8), layout="constrained")
parts, counts, apart = figure.subfigures(1, 3), 2 ** np.arange(10), {}
for name, end in {"what the second layer gets": 4, "scores, behind two layers": 7}.items():
    layers, x = dropped[0][0][:end], test[0][:100]
    apart[name] = (masked(layers, x, 512)[counts - 1] - predict(layers, x)).std(axis=(1, 2)) / predict(layers, x).std()
plots.loss_curves(apart, counts, labels=("masked passes", "their mean from the scaled pass"), figure=parts[0])
parts[0].axes[0].set_xscale("log", base=2)

curves = {}
for word, runs in {"without dropout": plain, "with dropout": dropped}.items():
    curves |= {f"{word}, {part}": [rows[i] for _, rows in runs] for i, part in enumerate(("training", "test"))}
    last = np.median([rows[:, -1] for _, rows in runs], axis=0)
    print(f"{word}: training loss {last[0]:.3f}, test loss {last[1]:.3f}, test accuracy {last[2]:.1%}")
plots.loss_curves(curves, np.arange(4, 61, 4), labels=("epoch", "loss without masks"), figure=parts[1])

several = np.array([1, 2, 5, 10, 20, 50])
means = [masked(nn.Sequential(model, nn.Softmax(1)), test[0], 50)[several - 1] for model, _ in dropped]
ensemble = [[(mean.argmax(1) == test[1]).mean() for mean in each] for each in means]
accuracies = {"mean of masked networks": ensemble}
for word, runs in {"one scaled pass": dropped, "trained without dropout": plain}.items():
    accuracies[word] = [[rows[2, -1]] * len(several) for _, rows in runs]
plots.loss_curves(accuracies, several, labels=("masks", "test accuracy"), figure=parts[2]).axes[0].set_yscale("linear")
print("masks averaged:", ", ".join(f"{n}: {score:.1%}" for n, score in zip(several, np.median(ensemble, axis=0), strict=True)))
assert np.allclose(apart["what the second layer gets"] * np.sqrt(counts), apart["what the second layer gets"][0], rtol=0.15)
assert np.median(ensemble, axis=0)[-1] > np.median(ensemble, axis=0)[0] + 0.03
path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
