"""
The tutorial net, step by step
==============================

A small convolutional network, first trained for a few seconds to tell ten kinds of stripes apart: five directions, each in two
pairs of colours. Then one image goes through it. Convolutions make few channels into many and look at patches that
grow (5, 14 samples of the input); pools halve the maps and keep the largest of four; three dense layers make
400 numbers into ten scores. Most parameters sit in the first dense layer, most multiplications in the convolutions.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim

plt.rcParams.update({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED = "#0072B2", "#D55E00"
rng = np.random.default_rng(3)
nn.manual_seed(3)
rows, columns = np.indices((32, 32)) - 15.5
colours = np.array([[(1, 0.3, 0), (0, 0.35, 0.7)], [(0, 0.6, 0.45), (0.9, 0.85, 0.3)]])


def stripes(kinds):
    angle = np.pi / 5 * (kinds % 5)[:, None, None] + rng.normal(0, 0.08, (len(kinds), 1, 1))
    wave = np.cos(2 * np.pi * (rows * np.cos(angle) + columns * np.sin(angle)) / rng.uniform(7, 10, (len(kinds), 1, 1))
                  + rng.uniform(0, 6.3, (len(kinds), 1, 1)))
    high, low = colours[kinds // 5].transpose(1, 0, 2)[..., None, None]
    mixed = low + (high - low) * (0.5 + 0.5 * wave[:, None])
    return (mixed + rng.normal(0, 0.15, mixed.shape)).astype(np.float32)


net = nn.models.tutorial_net()
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for _ in range(700):
    kinds = rng.integers(0, 10, 16)
    optimizer.zero_grad()
    loss = net.loss_and_grad(stripes(kinds) - 0.5, kinds, nn.CrossEntropyLoss())
    optimizer.step()
kinds = rng.integers(0, 10, 200)
right = (net(stripes(kinds) - 0.5).data.argmax(1) == kinds).mean()
print(report := nn.summary(net, (1, 3, 32, 32)), f"loss {loss:.4f}, {right:.0%} of 200 new images right", sep="\n")

image, steps, maps = stripes(np.array([7])), {row.name: row for row in report.rows}, {}
x = image - 0.5
for name, layer in net.named_children():
    x = layer(x)
    maps[name] = np.asarray(x.data)[0]

figure = plt.figure(figsize=(15, 7), layout="constrained")
figure.get_layout_engine().set(w_pad=0.1, h_pad=0.16)
top, bottom = figure.subfigures(2, 1, height_ratios=(1.3, 1), hspace=0.05)
panels = top.subplots(1, 5, width_ratios=(1, 1.3, 1.3, 0.95, 0.95))
panels[0].imshow(np.clip(image[0], 0, 1).transpose(1, 2, 0))
panels[0].set_title("input: 3 x 32 x 32")
shown = (("relu1", "conv1", 3), ("pool1", "pool1", 3), ("relu2", "conv2", 4), ("pool2", "pool2", 4))
for panel, (name, before, across) in zip(panels[1:], shown, strict=True):
    channels, height, width = maps[name].shape
    padded = np.pad(maps[name], ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    tiles = padded.reshape(-1, across, height + 2, width + 2).transpose(0, 2, 1, 3).reshape(-1, across * (width + 2))
    panel.imshow(tiles, cmap="gray")
    row = steps[before]
    cost = f"{row.parameters:,} parameters, ReLU\n" if row.parameters else "largest of 2 x 2\n"
    panel.set_title(f"{before}: {channels} x {height} x {width}\n{cost}each sees {'{} x {}'.format(*row.receptive_field)}")
    panel.set_axis_off()
panels[0].set_axis_off()
panels = bottom.subplots(1, 3, width_ratios=(2, 1.6, 1.15))
for panel, name, shown in zip(panels, ("fc1", "fc2", "fc3"), ("relu3", "relu4", "fc3"), strict=True):
    panel.bar(range(count := len(maps[shown])), maps[shown], width=0.9, color=BLUE)
    panel.set(xlabel="output", ylabel="value", title=f"{name}: {count} numbers\n{steps[name].parameters:,} parameters")
panels[2].patches[7].set_color(RED)
panels[2].set(xlabel="class (the right one is 7)", ylabel="score", xticks=range(10))

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_31_tutorial_net.png"
figure.savefig(path, dpi=100)
assert right > 0.9
print(f"saved {path}")
