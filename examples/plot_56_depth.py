"""
Depth hurts a plain network, not a residual one
===============================================

Networks of 20 and 56 layers for CIFAR-10, plain and with shortcuts around every two convolutions: three stages of 8, 16 and
32 channels, each convolution with a batch norm, and as many parameters with shortcuts as without. Whatever the 20 layers
compute, 56 could: the others need only do nothing. Yet the plain network of 56 layers is worse than that of 20, on the images
it is trained on, so that it is not over-fitting: it is harder to train. The residual one is not. Width and length are those
that two cores do in half an hour, so that accuracies are far from the best; in He et al. (2016) the width is twice this one
and training sixty times as long.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import plots

options = argparse.ArgumentParser(description="Draw what python -m benchmarks.learning depth recorded.")
options.add_argument("folder", nargs="?", default=".", help="where the picture goes")
options.add_argument("--full", metavar="DIR", help="first repeat the runs, 30 minutes, with the files of CIFAR-10 in DIR")
given, root = options.parse_args(), Path(__file__).parent.parent
if given.full:
    command = [sys.executable, "-m", "benchmarks.learning", "depth", "--again", "--data", str(Path(given.full).resolve())]
    subprocess.run(command, cwd=root, check=True)
found = json.loads((root / "benchmarks" / "results" / "learning_depth.json").read_text(encoding="utf-8"))

plt.rcParams.update({"font.size": 12})
curves, accuracies = {}, {"20 layers": {}, "56 layers": {}}
for key, cell in found["cells"].items():
    word, layers, _, seed = key.split()
    curves.setdefault(f"{word}, {layers} layers", []).append(cell["losses"])
    accuracies[f"{layers} layers"].setdefault(word, []).append(cell["test_accuracy"])
    print(f"{word:8} {layers} layers, seed {seed}: {cell['parameters']:,} parameters, {cell['multiply_adds']:,} multiply-adds, "
          f"last loss {cell['losses'][-1]:.3f}, test accuracy {cell['test_accuracy']:.1%}, {cell['seconds']:.0f} s")
last = {name: np.mean([losses[-1] for losses in runs]) for name, runs in curves.items()}
assert last["plain, 56 layers"] > last["plain, 20 layers"]
assert last["residual, 56 layers"] < last["plain, 56 layers"]

figure = plt.figure(figsize=(13, 5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
count = len(curves["plain, 20 layers"][0])
at = np.arange(1, count + 1) * found["options"]["epochs"] / count
axes = plots.loss_curves(curves, at, labels=("epoch", "training loss"), figure=left).axes[0]
axes.set_yscale("linear")
plots.scores(accuracies, label="test accuracy", figure=right).axes[0].legend(loc="lower left", frameon=False)

path = Path(given.folder) / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
