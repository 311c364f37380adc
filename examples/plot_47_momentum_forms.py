"""
Three ways to write momentum
============================

As PyTorch has it, v = momentum v + g and x -= lr v; the classic form has the rate in the velocity, v = momentum v + lr g;
the third makes v an average, v = momentum v + (1 - momentum) g. At a constant rate they are one method, the third at the
rate lr / (1 - momentum), and agree to 1e-15. When the rate falls the classic form goes on with the old one in its velocity,
and runs far past. Nesterov's momentum takes the gradient ahead: PyTorch's version is the classical one, seen from ahead, to
1e-15. An average that looks ahead by all of v, not by momentum times v, is another method, if little different here. All
three end far below plain momentum.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import nn, optim, plots
from convkit.optim import surfaces

plt.rcParams.update({"font.size": 12, "legend.fontsize": 10})
START, STEPS, RATE, BETA = (-4.0, 1.0), 60, 0.02, 0.9


def descend(form, nesterov=False, rate=RATE, later=1.0):
    """Points of a form of momentum; from step 15 on the rate is `later` times what it was."""
    w = nn.Parameter(np.array(START))
    optimizer, points = optim.SGD([w], rate, BETA, nesterov=nesterov, form=form), [w.data.copy()]

    def closure():  # lookahead calls this ahead of w
        w.grad = surfaces.ravine(w.data)[1]

    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = rate * (later if step >= 15 else 1)
        optimizer.step(closure)
        points.append(w.data.copy())
    return np.array(points)


def apart(a, b):
    return np.linalg.norm(a - b, axis=1).max()


torch, classic, ewma = descend("torch"), descend("classic"), descend("ewma", rate=RATE / (1 - BETA))
print(f"constant rate: torch and classic at most {apart(torch, classic):.1e} apart, torch and ewma {apart(torch, ewma):.1e}")
assert max(apart(torch, classic), apart(torch, ewma)) < 1e-12
same_rate = descend("ewma")
changed = {form: descend(form, rate=RATE * scale, later=0.1) for form, scale in
           (("torch", 1), ("classic", 1), ("ewma", 1 / (1 - BETA)))}  # fmt: skip
print(f"rate to a tenth after 15 steps: torch and ewma at most {apart(changed['torch'], changed['ewma']):.1e} apart, "
      f"torch and classic {apart(changed['torch'], changed['classic']):.2f}")  # fmt: skip
assert apart(changed["torch"], changed["ewma"]) < 1e-12 < 0.1 < apart(changed["torch"], changed["classic"])

nesterov = {
    "momentum": torch,
    "Nesterov, torch": descend("torch", True),
    "classic, gradient at x - momentum v": descend("classic", "lookahead"),
    "ewma, gradient at x - lr v": descend("ewma", "lookahead", rate=RATE / (1 - BETA)),
}
heights = {name: surfaces.ravine(points.T)[0] for name, points in nesterov.items()}
for name, values in heights.items():
    print(f"{name}: loss after 20 steps {values[20]:.3f}, after 60 {values[60]:.5f}")
# PyTorch's parameters are those of the classical form seen from ahead: where that takes its gradients.
behind = nesterov["classic, gradient at x - momentum v"]
ahead = behind + BETA * np.diff(behind, axis=0, prepend=behind[:1])
assert apart(ahead, nesterov["Nesterov, torch"]) < 1e-12

figure = plt.figure(figsize=(16, 5), layout="constrained")
left, middle, right = figure.subfigures(1, 3)
paths = {"torch": torch, "classic": classic, "ewma, rate / (1 - momentum)": ewma, "ewma, same rate": same_rate}
plots.descent_paths(surfaces.ravine, paths, (-4.5, 3, -2, 2), figure=left).axes[0].set_title("constant rate: one path")
plots.descent_paths(surfaces.ravine, changed, (-4.5, 3, -2, 2), figure=middle).axes[0].set_title("a tenth from step 15 on")
plots.loss_curves(heights, figure=right).axes[0].set(ylim=(1e-5, 2e3), title="Nesterov's momentum, three ways")

path = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=72)
print(f"saved {path}")
