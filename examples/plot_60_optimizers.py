"""
Five optimizers on a network with dropout
=========================================

MNIST, two layers of 1000 rectifiers with dropout of a half, batches of 128: the network of the figure in the notes, from the
paper on Adam. Each optimizer has the rate out of four that is best after two epochs. On the left what each costs in training,
with dropout, over seven epochs of three seeds: medians, and bands for their range.

The notes' figure has Adam lowest, and AdaGrad well above it, over 200 epochs. Here Adam is among the two lowest for two epochs;
then AdaGrad, whose rate falls by itself, goes below it, and after seven epochs all five lie between 0.059 and 0.074, with 98.0
to 98.3 % of the test images right. Given its best rate, each comes to much the same; that AdaGrad's steps become too small in
the end would take longer to show.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import plots

options = argparse.ArgumentParser(description="Draw what python -m benchmarks.learning optimizers recorded.")
options.add_argument("folder", nargs="?", default=".", help="where the picture goes")
options.add_argument("--full", metavar="DIR", help="first repeat the runs, 25 minutes, with the files of MNIST in DIR")
given, root = options.parse_args(), Path(__file__).parent.parent
if given.full:
    command = [sys.executable, "-m", "benchmarks.learning", "optimizers", "--again", "--data", str(Path(given.full).resolve())]
    subprocess.run(command, cwd=root, check=True)
found = json.loads((root / "benchmarks" / "results" / "learning_optimizers.json").read_text(encoding="utf-8"))

plt.rcParams.update({"font.size": 12})
names, settings = ("AdaGrad", "RMSProp", "SGDNesterov", "AdaDelta", "Adam"), found["options"]
runs = {name: [cell for key, cell in found["cells"].items() if key.startswith(f"{name} seed")] for name in names}
searched = {key: cell for key, cell in found["cells"].items() if "seed" not in key}
tries = {name: {cell["rate"]: cell["losses"] for key, cell in searched.items() if key.startswith(name)} for name in names}
ends = {name: np.mean([np.mean(cell["losses"][-4:]) for cell in cells]) for name, cells in runs.items()}
for name in sorted(names, key=ends.__getitem__):
    rates, rate = sorted(tries[name]), runs[name][0]["rate"]
    edge = " (an end of the grid)" if rate in (rates[0], rates[-1]) else ""
    accuracy = np.mean([cell["test_accuracy"] for cell in runs[name]])
    print(f"{name:12} rate {rate:g}{edge}: training cost of the last epoch {ends[name]:.4f}, test accuracy {accuracy:.2%}")

figure = plt.figure(figsize=(14, 5.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
curves = {f"{name}, rate {cells[0]['rate']:g}": [cell["losses"] for cell in cells] for name, cells in runs.items()}
count = len(runs["Adam"][0]["losses"])
at = np.arange(1, count + 1) * settings["race"] / count
plots.loss_curves(curves, at, labels=("iterations over the whole set", "training cost"), figure=left)
axes = right.subplots()
lines = ("#0072B2", "o-"), ("#D55E00", "s--"), ("#009E73", "^-."), ("#CC79A7", "D:"), ("#E69F00", "v-")
for (name, rates), (colour, style) in zip(tries.items(), lines, strict=True):
    shown = [(rate, np.mean(losses[-4:])) for rate, losses in sorted(rates.items()) if losses]
    axes.loglog(*zip(*shown, strict=True), style, color=colour, label=name)
axes.set(xlabel="rate", ylabel=f"training cost in epoch {settings['search']}", title="the search for a rate")
axes.spines[["top", "right"]].set_visible(False)
second = slice(count // settings["race"], 2 * count // settings["race"])
early = {name: np.mean([cell["losses"][second] for cell in cells]) for name, cells in runs.items()}
assert max(early["Adam"], early["AdaGrad"]) < 0.95 * min(early[name] for name in ("RMSProp", "SGDNesterov", "AdaDelta"))
assert max(ends.values()) < 1.3 * min(ends.values())

path = Path(given.folder) / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
