"""
How curvelets tile frequency and space
======================================

A curvelet is made by cutting the frequency plane into pieces. Squares, each twice as large as the one inside it, divide
it into scales; rays divide a scale into wedges, and at every second scale there are twice as many. So a wedge at scale
j is as long as 2^j and as wide as 2^(j/2): its width is the root of its length, which makes it "parabolic". What is long
among the frequencies is short in space: the coefficients of the shaded wedge lie on a grid of cells that are short
across the atom, as 2^-j, and longer along it, as 2^(-j/2). Wherever windows overlap their squares sum to one, so that
nothing is lost.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convkit
from convkit import plots

plt.rcParams.update({"font.size": 12})
plan = convkit.Curvelets((512, 512), real=False)

total = sum(plan.window(j, l) ** 2 for j in range(plan.scales) for l in range(len(plan.shapes[j])))
assert np.abs(total - 1).max() < 1e-14
assert [len(wedges) for wedges in plan.shapes] == [1, 16, 32, 32, 64, 64]

# Two scales on, a cell is a quarter as high across the atom, and half as high along it.
for j in (1, 2, 3):
    cells = [[float(grid.reshape(-1)[1]) for grid in plan.position(scale, 1 if scale < 2 else 2)] for scale in (j, j + 2)]
    (along, across), (finer_along, finer_across) = cells
    assert 3.6 < across / finer_across < 4.4
    assert 1.8 < along / finer_along < 2.2
    print(f"scale {j}: cells of {across:.1f} x {along:.1f} pixels, scale {j + 2}: {finer_across:.1f} x {finer_along:.1f}")

figure = plt.figure(figsize=(12, 6.7), layout="constrained")
plots.tiling(plan, figure=figure)

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "plot_18_curvelet_tiling.png"
figure.savefig(path, dpi=100)
print(f"saved {path}")
