"""
Schedules: rates that change while a network learns
===================================================

A network learns 400 digits by momentum, at a rate of 0.5, which is too high to end with: kept constant, it tells 13 % of
unseen digits wrong after 20 epochs, and never settles. Every schedule ends between 4.9 and 5.3 %, as near to each other as
four seeds are: how the rate falls matters less than that it falls. The exponential is good soon; the cosines stay high for
longer, are noisy for longer, and the one from the start ends with the lowest training loss. Warm-up costs a few epochs and
is not needed here. The plateau waits until the loss stalls, sooner for some seeds. Lines are medians, bands ranges.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import data, nn, optim, plots
from convkit.optim import lr_scheduler as schedules

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10, "axes.spines.top": False, "axes.spines.right": False})
EPOCHS, SEEDS, RATE, BATCHES = 20, 4, 0.5, 10
images, labels = data.digits()
x, y, loss = (images / 16).reshape(-1, 64), labels, nn.CrossEntropyLoss()
train, test = np.split(np.random.default_rng(0).permutation(len(x)), [400])


def warm_up(optimizer):
    rise = schedules.LinearLR(optimizer, start_factor=0.05, total_iters=4)
    return schedules.SequentialLR(optimizer, [rise, schedules.CosineAnnealingLR(optimizer, EPOCHS - 4)], [4])


plans = {  # each made of an optimizer; True if it goes on with the steps, not with the epochs
    "constant": (lambda o: schedules.LambdaLR(o, lambda epoch: 1), False),
    "steps": (lambda o: schedules.StepLR(o, 7, gamma=0.2), False),
    "exponential": (lambda o: schedules.ExponentialLR(o, 0.85), False),
    "cosine": (lambda o: schedules.CosineAnnealingLR(o, EPOCHS), False),
    "warm-up, cosine": (warm_up, False),
    "one cycle": (lambda o: schedules.OneCycleLR(o, RATE, total_steps=EPOCHS * BATCHES), True),
    "plateau": (lambda o: schedules.ReduceLROnPlateau(o, factor=0.3, patience=1), False),
}


def learn(make, by_step, seed):
    """Rates, training losses and shares of unseen digits told wrong, after each epoch."""
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer, found = optim.SGD(model.parameters(), lr=RATE, momentum=0.9), []
    schedule, batches = make(optimizer), data.ArrayLoader(x[train], y[train], batch_size=len(train) // BATCHES, seed=seed)
    for _ in range(EPOCHS):
        rate = optimizer.param_groups[0]["lr"]
        for digits, classes in batches:
            optimizer.zero_grad()
            model.loss_and_grad(digits, classes, loss)
            optimizer.step()
            if by_step:
                schedule.step()
        value = loss(model(x[train]), y[train]).item()
        found.append((rate, value, (model(x[test]).data.argmax(axis=1) != y[test]).mean()))
        if not by_step:
            schedule.step(*[value] * isinstance(schedule, schedules.ReduceLROnPlateau))
    return found


results = {name: np.array([learn(*plan, seed) for seed in range(SEEDS)]) for name, plan in plans.items()}
for name, values in results.items():
    wrong = values[:, -1, 2]
    print(f"{name:15} loss {values[:, -1, 1].mean():.4f}, {wrong.mean():.1%} wrong, {wrong.min():.1%} to {wrong.max():.1%}")

figure = plt.figure(figsize=(16, 5), layout="constrained")
words = "rate", "loss of 400 digits", "share of unseen digits told wrong"
for i, part in enumerate(figure.subfigures(1, 3)):
    curves = {name: values[:, :, i] for name, values in results.items()}
    plots.loss_curves(curves, np.arange(1, EPOCHS + 1), labels=("epoch", words[i]), figure=part)
for axes in figure.axes[1:]:
    axes.get_legend().remove()

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
