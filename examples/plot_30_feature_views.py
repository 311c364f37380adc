"""
What a channel looks for
========================

A small network has learnt to tell digits. Above, the filters of its first layer, and how differently its layers answer when
a digit is shifted, enlarged or turned: for a shift by a pixel the scores change less than the first layer, for a turn by 60
degrees more. Below, for channels of its last convolution, the nine digits that excite the channel most. On the right of each
pair is the part of the digit that the channel saw there; on the left the activation, projected back to the image by a
deconvolutional network (the strokes that made the channel answer), and in the lower row its derivative by the samples: where
more light would raise it and where, drawn dark, it would lower it.
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from convkit import nn, optim, plots
from convkit.filters import gaussian
from convkit.nn import views

plt.rcParams.update({"font.size": 12})
nn.manual_seed(5)

digits, order = load_digits(), np.random.default_rng(0)
large = np.repeat(np.repeat(digits.images / 16, 3, axis=1), 3, axis=2)
x = gaussian(large, 1.0, axes=(1, 2))[:, None].astype(np.float32)  # 24 x 24
y = digits.target
first = nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
model = nn.Sequential(*first, nn.Conv2d(16, 24, 3), nn.ReLU(), nn.Flatten(), nn.Linear(384, 10))
train, test = np.split(order.permutation(len(x)), [1408])
loss, optimizer = nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=2e-3)
for _ in range(10):
    for batch in np.split(order.permutation(train), 44):
        optimizer.zero_grad()
        model.loss_and_grad(x[batch], y[batch], loss)
        optimizer.step()
right = (views.activation(model, x[test], "9").argmax(axis=1) == y[test]).mean()
print(f"{right:.1%} of {len(test)} unseen digits told")
assert right > 0.95

strongest, upper, lower = views.activation(model, x, "7").max(axis=(0, 2, 3)), {}, {}
for channel in np.argsort(-strongest)[:3]:
    best = views.top_activations(model, x, "7", channel, n=9)
    told = "".join(map(str, sorted(y[[each.image for each in best]])))
    for row, word in ((upper, "deconvnet"), (lower, "gradient")):
        backs = [views.deconvnet(model, x[[each.image]], "7", channel)[0] if word == "deconvnet" else
                 views.input_gradient(model, x[[each.image]], (channel, *each.position), layer="7")[0] for each in best]
        inside = [back[(slice(None), *each.field)] for back, each in zip(backs, best, strict=True)]
        # Nothing comes back outside of the receptive field.
        assert all(np.isclose((part**2).sum(), (back**2).sum()) for part, back in zip(inside, backs, strict=True))
        row[f"channel {channel}, {word}, digits {told}"] = inside, [each.patch for each in best]

amounts = {
    "shift to the right (pixels)": (np.arange(-5, 6), lambda a: {"right": a}),
    "scale": (np.linspace(0.7, 1.3, 11), lambda a: {"scale": a}),
    "turn (degrees)": (np.linspace(-60, 60, 13), lambda a: {"angle": np.deg2rad(a)}),
}
panels, layers = {}, {"first rectifier": "1", "second": "4", "third": "7", "scores": "9"}
for name, (steps, settings) in amounts.items():
    transforms = [partial(views.moved, **settings(a)) for a in steps]
    panels[name] = (steps, {word: np.mean([views.invariance(model, image, layer, transforms) for image in x[:20]], axis=0)
                            for word, layer in layers.items()})  # fmt: skip
shift, turn = (panels[name][1] for name in list(panels)[::2])
assert shift["scores"][[4, 6]].max() < shift["first rectifier"][[4, 6]].min()
assert turn["scores"][[0, -1]].min() > turn["first rectifier"][[0, -1]].max()

figure = plt.figure(figsize=(14, 9), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1, 1.75))
corner, beside = above.subfigures(1, 2, width_ratios=(1, 3))
plots.filter_grid(model[0].weight, figure=corner)
plots.activation_changes(panels, figure=beside)
plots.feature_views(upper | lower, columns=3, figure=below)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
