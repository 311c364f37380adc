"""
One image, many images
======================

A network should tell what is in a picture however it was taken: mirrored, from nearer, tilted, darker, through another lens.
Changing the images at random in each epoch teaches it that, and an image counts as many. Each change is drawn from a range,
here a wide one. What a warp needs from beyond the edges is black, or the image mirrored at its edge. Several warps at once are
one interpolation, as sharp as a single one. The ten crops at the end are for tests: the scores of the corners, the middle, and
these five mirrored are averaged.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from convkit import data

plt.rcParams.update({"font.size": 11})

photo = load_sample_image("china.jpg")[80:400:2, 120:536:2] / 255  # 160 x 208
image = np.moveaxis(photo, -1, 0)[None].astype(np.float32)
mirrored = {"boundary": "reflect"}
changes = {
    "horizontal flip": data.RandomHorizontalFlip(1),
    "vertical flip": data.RandomVerticalFlip(1),
    "crop, 24 pixels of padding": data.RandomCrop((160, 208), padding=24),
    "short side 170 to 240, crop": data.RandomScaleCrop((150, 195), (170, 240)),
    "contrast": data.RandomContrast((1.5, 2)),
    "brightness": data.RandomBrightness((0.2, 0.3)),
    "translation": data.RandomTranslation((15, 30)),
    "rotation": data.RandomRotation((10, 20)),
    "stretch": data.RandomStretch((1, 2)),
    "shear": data.RandomShear((15, 25), **mirrored),
    "lens distortion": data.RandomLensDistortion((0.4, 0.5)),
    "all warps in one": data.RandomWarp(rotation=12, translation=9, stretch=(0.8, 1.2), shear=12, lens=0.2, **mirrored),
    "a random mix": data.RandomMix([data.RandomRotation(15, **mirrored), data.RandomShear(15, **mirrored),
                                    data.RandomContrast((0.4, 0.6)), data.RandomHorizontalFlip(1)], count=3),
}  # fmt: skip
panels = {"the image": image[0]}
for name, change in changes.items():
    panels[name] = change(image, np.random.default_rng(5))[0]
    assert np.array_equal(panels[name], change(image, np.random.default_rng(5))[0])  # a seed fixes it
    assert not np.array_equal(panels[name], image[0])
turned = data.RandomRotation((180, 180))(image, np.random.default_rng(0))
assert np.array_equal(turned, image[:, :, ::-1, ::-1])  # no bit is lost where pixels meet pixels

crops = data.TenCrop((120, 60))(image)[0]
rows = [np.concatenate([np.pad(crop, ((0, 0), (4, 4), (4, 4)), constant_values=1) for crop in five], axis=2)
        for five in (crops[:5], crops[5:])]  # fmt: skip
panels["ten crops"] = np.concatenate(rows, axis=1)

figure, grid = plt.subplots(3, 5, figsize=(14, 7.2), layout="constrained")
for axes, (name, panel) in zip(grid.flat, panels.items(), strict=True):
    axes.imshow(np.clip(np.moveaxis(panel, 0, -1), 0, 1))
    axes.set(title=name, xticks=[], yticks=[], frame_on=False)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
with Image.open(path) as drawn:
    small = drawn.convert("RGB").quantize(256)  # photographs in all colours would make a large file
small.save(path)
print(f"{len(changes)} changes of one image")
print(f"saved {path}")
