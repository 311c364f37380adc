"""
Saddles, not minima, in many dimensions
=======================================

Where a gradient vanishes, the eigenvalues of the matrix of second derivatives tell what is there: a minimum, if all are
positive. If these matrices were drawn without any direction preferred, from normal numbers, half of all critical points in
1 dimension would be minima, but .146, .025, .0025 and .00014 in 2, 3, 4 and 5: exact values, which draws meet (300,000 a
dimension; of 10,000 there is one for 5 dimensions, and .145 or .027 for 2 and 3 are within chance). Critical points of a
smooth random surface are not quite so: their curvatures share a part, the height's, and points are met as often as they are
steep. Of those 1/4 are minima in the plane and (29 - 6 sqrt(6)) / 116 = .123 in space, and the share falls more slowly.
Either way, in many dimensions saddles are the rule. A loss is no random surface, so its numbers are others.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import cumulative_simpson, simpson

plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
DRAWS = 300_000
rng = np.random.default_rng(0)
dimensions = np.arange(1, 6)


def symmetric(n):
    """Symmetric matrices of normal numbers: off the diagonal with half the variance, so that no direction is special."""
    drawn = rng.standard_normal((DRAWS, n, n))
    return (drawn + drawn.transpose(0, 2, 1)) / 2


def exact(n):
    """Probability that all eigenvalues are above 0: de Bruijn's integral as the root of a determinant."""
    halves = []
    for x in (np.linspace(0, 12, 4001), np.linspace(-12, 12, 8001)):
        weighted = [np.polynomial.hermite_e.HermiteE.basis(k)(x) * np.exp(-(x**2) / 2) for k in range(n)]
        below = [cumulative_simpson(f, x=x, initial=0) for f in weighted]
        pairs = np.zeros((n + n % 2, n + n % 2))
        pairs[:n, :n] = [[simpson(weighted[j] * below[i] - weighted[i] * below[j], x=x) for j in range(n)] for i in range(n)]
        if n % 2:
            pairs[:n, n], pairs[n, :n] = [part[-1] for part in below], [-part[-1] for part in below]
        halves.append(np.sqrt(np.linalg.det(pairs)))
    return halves[0] / halves[1]


minima, surfaces = [], []
for n in dimensions:
    curvatures = np.linalg.eigvalsh(symmetric(n))
    minima.append((curvatures > 0).all(axis=1).mean())
    # At a critical point of a smooth random surface all curvatures share a part, and points are met as often as they are steep.
    shared = curvatures + rng.standard_normal((DRAWS, 1)) / np.sqrt(2)
    weight = np.abs(shared.prod(axis=1))
    surfaces.append(weight[(shared > 0).all(axis=1)].sum() / weight.sum())
theory = np.array([exact(n) for n in dimensions])
for row in zip(dimensions, theory, minima, surfaces, strict=True):
    print("{} dimensions: share of minima {:.7f}, of the draws {:.5f}; on random surfaces {:.4f}".format(*row))
assert np.allclose(theory[:3], [1 / 2, (2 - np.sqrt(2)) / 4, (np.pi - 2 * np.sqrt(2)) / (4 * np.pi)])
assert np.allclose(minima, theory, atol=4 * np.sqrt(theory / DRAWS).max())
assert np.allclose(surfaces[:3], [1 / 2, 1 / 4, (29 - 6 * np.sqrt(6)) / 116], atol=0.01)

figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
saddles = 1 - 2 * theory
left.bar(dimensions, theory, color=BLUE, label="minima")
left.bar(dimensions, saddles, bottom=theory, color="0.8", label="saddles")
left.bar(dimensions, theory, bottom=theory + saddles, color=RED, label="maxima")
for n, share in zip(dimensions[1:], saddles[1:], strict=True):
    left.text(n, 0.5, f"{share:.2%}", ha="center")
left.set(xlabel="dimensions", ylabel="share of critical points", title="no direction preferred", ylim=(0, 1.02))
left.legend(loc="lower right", framealpha=0.9)
right.semilogy(dimensions, theory, "-", color=BLUE, label="exact, no direction preferred")
right.semilogy(dimensions, np.ma.masked_equal(minima, 0), "o", color=BLUE, label=f"of {DRAWS:,} drawn matrices")
right.semilogy(dimensions, surfaces, "s--", color=GREEN, label="smooth random surface, drawn")
right.set(xlabel="dimensions", ylabel="share of minima", ylim=(5e-5, 1), xticks=dimensions, title="minima become rare")
right.legend(frameon=False, loc="lower left")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
