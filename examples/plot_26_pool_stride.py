"""
Fewer samples: strides and pools
================================

A network looks at larger and larger parts of an image by keeping fewer samples. A stride computes every fourth result
here; a pool keeps the largest or the mean of each window of 4 x 4. All three leave 48 x 48 samples of 192 x 192, but not
the same ones: a single bright pixel fills its window's largest, fades in the mean, and is lost between the steps of a
stride. Below, how many samples are left for windows of 3, what padding and ceil_mode, which lets the last window hang over,
add, and what strides and pools leave from layer to layer of a large network.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

import convkit.nn.functional as F
from convkit import nn

plt.rcParams.update({"font.size": 13})
BLUE, SKY, GREEN, RED = "#0072B2", "#56B4E9", "#009E73", "#D55E00"

photo = np.array(pywt.data.camera()[60:252, 130:322], np.float32) / 255
photo[20:180:32, 21:180:32] = 1  # single bright pixels, at odd columns
x, one = photo[None, None], np.ones((1, 1, 1, 1), np.float32)
pictures = {"image": x, "stride 4": F.conv2d(x, one, stride=4), "largest": F.max_pool2d(x, 4), "mean": F.avg_pool2d(x, 4)}
dots = [float(picture[0, 0, 20 * picture.shape[2] // 192, 21 * picture.shape[3] // 192]) for picture in pictures.values()]
assert dots[0] == dots[2] == 1 > max(dots[1], dots[3])

figure = plt.figure(figsize=(13, 8), layout="constrained")
above, below = figure.subfigures(2, 1)
for axes, (name, picture) in zip(above.subplots(1, 4), pictures.items(), strict=True):
    axes.imshow(picture[0, 0], cmap="gray", vmin=0, vmax=1)
    axes.set(title=f"{name}: {picture.shape[2]} x {picture.shape[3]}", xticks=[], yticks=[])

lines, bars = below.subplots(1, 2)
lengths = np.arange(5, 33)
for stride, padding, ceil, colour, line in ((1, 0, False, BLUE, "-"), (2, 0, False, GREEN, "-"), (2, 0, True, GREEN, ":"),
                                            (3, 0, False, RED, "-"), (3, 1, False, RED, "--")):  # fmt: skip
    given = [F.max_pool1d(np.zeros((1, 1, n), np.float32), 3, stride, padding, ceil_mode=ceil).shape[-1] for n in lengths]
    rounded = np.ceil if ceil else np.floor
    assert given == list(rounded((lengths + 2 * padding - 3) / stride) + 1)
    name = f"stride {stride}" + ", padding 1" * padding + ", ceil_mode" * ceil
    lines.step(lengths, given, line, color=colour, where="mid", linewidth=2, label=name)
lines.set(xlabel="samples in, n", ylabel="samples out", title="a window of 3: floor((n + 2 padding - 3) / stride) + 1")
lines.legend(frameon=False)

features = nn.models.zfnet(width=1 / 32)[0]  # shapes of space do not depend on the number of channels
shapes, sides = [("image", 224)], x[:, [0, 0, 0], :1, :1] * np.zeros((1, 1, 224, 224), np.float32)
for layer in features:
    sides = layer(sides)
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
        size, step = (np.max(v) for v in (layer.kernel_size, layer.stride))
        shapes.append((f"{'pool' if isinstance(layer, nn.MaxPool2d) else 'convolution'} {size} x {size}"
                       + f" / {step}" * bool(step > 1), sides.shape[-1]))  # fmt: skip
print(*(f"{name:20} {side} x {side}" for name, side in shapes), sep="\n")
assert [side for _, side in shapes] == [224, 110, 55, 26, 13, 13, 13, 13, 6]
bars.barh(range(len(shapes)), [side for _, side in shapes], color=[SKY if "pool" in name else BLUE for name, _ in shapes])
for at, (_, side) in enumerate(shapes):
    bars.text(side + 3, at, f"{side} x {side}", va="center", fontsize=11)
bars.set_yticks(range(len(shapes)), [name for name, _ in shapes], fontsize=11)
bars.set(xlabel="samples along a side", xlim=(0, 275), title="ZFNet, layer by layer")
bars.invert_yaxis()
for axes in (lines, bars):
    axes.spines[["top", "right"]].set_visible(False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=90)
print(f"saved {path}")
