"""
The filters, one picture each
=============================

Every filter of the package on one photograph. Smoothing takes detail away (Gaussian, box); sharpening adds what smoothing
takes away (unsharp, sharpen); derivatives keep nothing but detail: the slope, its direction, the Laplacian, or what lies
between two widths (difference of Gaussians); emboss lights the picture as if bright were high. The structure tensor tells
how far the lines around a pixel go one way, and a Gabor filter finds stripes of one frequency, here upright ones.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pywt.data

from convkit import filters

plt.rcParams.update({"font.size": 13})

photo = pywt.data.camera()[70:230, 150:310]  # uint8: results are float32
tensor = filters.structure_tensor(photo, 3.0)
pictures = {
    "photograph": photo,
    "gaussian": filters.gaussian(photo, 3.0),
    "box": filters.box(photo, 11),
    "unsharp": filters.unsharp(photo, 2.0, 2.0),
    "emboss": filters.emboss(photo),
    "gaussian_gradient\n_magnitude": filters.gaussian_gradient_magnitude(photo, 1.5),
    "laplacian": filters.laplacian(photo),
    "gaussian_laplace": filters.gaussian_laplace(photo, 2.0),
    "difference\n_of_gaussians": filters.difference_of_gaussians(photo, 1.0, 3.0),
    "steerable": filters.steerable(photo, np.pi / 4, order=2, sigma=1.5),
    "gabor": np.abs(filters.gabor(photo, 0.15)),
    "structure_tensor": tensor.orientation(),
}

# What the numbers say: smoothing keeps the mean and evens out, sharpening does the opposite, second derivatives have no mean.
assert abs(pictures["gaussian"].mean() - photo.mean()) < 1.5
assert pictures["box"].std() < photo.std() < pictures["unsharp"].std()
for name in ("laplacian", "gaussian_laplace", "difference\n_of_gaussians", "steerable"):
    assert abs(pictures[name].mean()) < 1.5
log, dog = filters.gaussian_laplace(photo, 2.0), filters.difference_of_gaussians(photo, 1.6, 2.5)
assert np.corrcoef(log.ravel(), -dog.ravel())[0, 1] > 0.98  # nearly the same filter

figure, axes = plt.subplots(2, 6, figsize=(14, 5.3), layout="constrained")
for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=True):
    most = np.quantile(np.abs(picture), 0.995)
    if name == "structure_tensor":
        colour = plt.get_cmap("hsv")(picture / np.pi + 0.5)[..., :3]
        ax.imshow(colour * tensor.coherence()[..., None])
    elif name in ("photograph", "gaussian", "box", "unsharp", "emboss"):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    else:
        ax.imshow(picture, cmap="gray", vmin=-most if picture.min() < 0 else 0, vmax=most)
    ax.set_title(name)
    ax.set(xticks=[], yticks=[])

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_11_filters.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
