"""
Noise of the gradient against the size of the batch
===================================================

A batch estimates the gradient of all samples. Its noise falls as 1 / sqrt(batch): four times the work for half the noise.
Dots are measured, the root mean square distance of 200 batches' gradients from that of all digits, for a linear classifier;
lines are computed from the gradients of single samples, dotted as if samples came again, solid for each sample once in a
pass, where the noise ends with the whole set. Before training 51 samples have noise as large as the gradient. After
training, noise is all that a batch has: the gradient has fallen a hundredfold, the noise six times. That is why rates are
lowered late.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import data, nn, optim

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
COLOURS = {"before training": "#0072B2", "after training": "#D55E00"}
nn.manual_seed(0)
rng = np.random.default_rng(0)

images, labels = data.digits()
x = (images / 16).reshape(-1, 64)
count, loss = len(x), nn.CrossEntropyLoss()
model = nn.Sequential(nn.Linear(64, 10)).double()
sizes = 2 ** np.arange(11)


def gradient(chosen):
    """Mean gradient of some samples."""
    for parameter in model.parameters():
        parameter.grad = None
    model.loss_and_grad(x[chosen], labels[chosen], loss)
    return np.concatenate([parameter.grad.ravel() for parameter in model.parameters()])


figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
for name, colour in COLOURS.items():
    if name == "after training":
        optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        for _ in range(300):
            gradient(slice(None))
            optimizer.step()
    whole = gradient(slice(None))
    each = np.array([gradient([i]) for i in range(count)])
    assert np.allclose(each.mean(axis=0), whole)
    one = np.sqrt(((each - whole) ** 2).sum(axis=1).mean())  # standard deviation of one sample's gradient
    noise = []
    for size in sizes:
        drawn = np.array([gradient(rng.choice(count, size, replace=False)) for _ in range(200)])
        noise.append(np.sqrt(((drawn - whole) ** 2).sum(axis=1).mean()))
    without = one / np.sqrt(sizes) * np.sqrt((count - sizes) / (count - 1))
    assert np.allclose(noise, without, rtol=0.3)
    slope = np.polyfit(np.log(sizes[:8]), np.log(noise[:8]), 1)[0]
    norm = np.linalg.norm(whole)
    print(f"{name}: gradient {norm:.4f}, noise of one sample {one:.4f}, slope for 1 to 128 samples {slope:.3f}; as large as "
          f"the gradient with {(one / norm) ** 2:.1f} samples")
    left.loglog(sizes, noise, "o", color=colour, label=f"measured, {name}")
    left.loglog(sizes, one / np.sqrt(sizes), ":", color=colour)
    left.loglog(sizes, without, "-", color=colour)
    right.loglog(sizes, np.array(noise) / norm, "o-", color=colour, label=name)
left.plot([], [], "k-", label="theory, each sample drawn once")
left.plot([], [], "k:", label="theory, 1 / sqrt(batch)")
left.set(ylabel="standard deviation of the gradient", title=f"batches of {count} digits")
right.axhline(1, color="0.7", linewidth=1)
right.text(1, 0.7, "as large as the gradient", va="top", color="0.4")
right.set(ylabel="noise over the length of the whole gradient", title="when noise is what there is")
for axes in (left, right):
    axes.set(xlabel="samples in a batch", xticks=sizes[::2], xticklabels=sizes[::2])
    axes.minorticks_off()
    axes.legend(frameon=False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
