"""
Curvelets at finer and finer scales
===================================

From one scale to the next the waves of a curvelet are half as long. Their fronts get shorter, too, but only by half
every two scales: at fine scales a curvelet is a needle, and there are more directions for it. Below each curvelet is the
modulus of its Fourier transform: two opposite wedges that do not reach zero, so that it leaves constants alone. They
end where those of the next scale begin. All are drawn at the same size, the insets enlarge the fine ones.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit
from convkit import plots

plt.rcParams.update({"font.size": 12})
plan, scales, angle = convkit.Curvelets((512, 512)), (1, 2, 3, 4), 0.5


def size(j):
    """Root mean square width and length of the atom whose direction is next to the angle."""
    l = int(np.argmin([abs(plan.angle(j, wedge) - angle) for wedge in range(len(plan.shapes[j]))]))
    envelope = np.abs(np.fft.fftshift(np.fft.ifft2(plan.window(j, l)))) ** 2
    rows, columns = (np.arange(512) - 256 for _ in range(2))
    rows, columns, weight = rows[:, None], columns[None, :], envelope / envelope.sum()
    moments = [[(weight * a * b).sum() for a in (rows, columns)] for b in (rows, columns)]
    return np.sqrt(np.linalg.eigvalsh(moments))


sizes = np.array([size(j) for j in scales])
for j, (width, length) in zip(scales, sizes, strict=True):
    print(f"scale {j}: {width:5.2f} pixels wide, {length:5.2f} long, {length / width:.1f} times as long as wide")
quarter, half = (sizes[:-2] / sizes[2:]).T
assert (np.abs(quarter / 4 - 1) < 0.1).all()  # the width over two scales
assert (np.abs(half / 2 - 1) < 0.1).all()  # the length

figure = plt.figure(figsize=(12, 6.6), layout="constrained")
plots.atoms(plan, angle=angle, scales=scales, figure=figure)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_19_curvelet_atoms.png"
figure.savefig(path, dpi=90)
print(f"saved {path}")
