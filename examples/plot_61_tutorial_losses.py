"""
The CIFAR-10 tutorial, five times over
======================================

The tutorial's network and loop, of which only the imports differ: batches of 4, SGD with a rate of 0.001 and momentum 0.9,
two epochs, the mean loss printed every 2000 steps. Each seed has its own first weights and its own order of the images, which
is the same in both libraries; "sequential" is convkit with the net as a `Sequential`, without a tape. Lines are medians of
the seeds, bands their range; stars are what the lecture notes print. In the middle how many test images are right at the
end, on the right how long it took on this machine, with the number of threads that is quickest for each.

Eleven of convkit's twelve means lie within the range of torch's seeds, one above it by 0.003. Torch takes 2.6 times as long as
the tutorial's loop, and 3.1 times as long as the `Sequential`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import plots

options = argparse.ArgumentParser(description="Draw what python -m benchmarks.cifar_tutorial recorded.")
options.add_argument("folder", nargs="?", default=".", help="where the picture goes")
options.add_argument("--full", metavar="DIR", help="first repeat the runs, 5 minutes, with the files of CIFAR-10 in DIR")
given, root = options.parse_args(), Path(__file__).parent.parent
if given.full:
    command = [sys.executable, "-m", "benchmarks.cifar_tutorial", "--again", "--data", str(Path(given.full).resolve())]
    subprocess.run(command, cwd=root, check=True)
found = json.loads((root / "benchmarks" / "results" / "cifar_tutorial.json").read_text(encoding="utf-8"))

plt.rcParams.update({"font.size": 12})
notes = [2.213, 1.887, 1.699, 1.597, 1.506, 1.471, 1.412, 1.373, 1.338, 1.301, 1.286, 1.291]
runs = {}
for key, cell in found["cells"].items():
    runs.setdefault(key.split()[0], []).append(cell)
curves = {name: np.array([cell["losses"] for cell in cells]) for name, cells in runs.items()}
accuracies = {name: [cell["test_accuracy"] for cell in cells] for name, cells in runs.items()}
seconds = {name: [cell["seconds"] for cell in cells] for name, cells in runs.items()}
print(f"{'notes':10}", *(f"{loss:.3f}" for loss in notes))
for name, losses in curves.items():
    print(f"{name:10}", *(f"{loss:.3f}" for loss in losses.mean(axis=0)))
    print(f"{'':10} test accuracy {np.mean(accuracies[name]):.1%}, {np.median(seconds[name]):.1f} s")
if "torch" in curves:
    mean, theirs = curves["convkit"].mean(axis=0), curves["torch"]
    within = np.count_nonzero((mean >= theirs.min(axis=0)) & (mean <= theirs.max(axis=0)))
    ratios = [np.median(seconds["torch"]) / np.median(seconds[name]) for name in ("convkit", "sequential")]
    print(f"{within} of 12 means are within the range of torch's seeds; torch takes {ratios[0]:.2f} and {ratios[1]:.2f} times "
          "as long")
assert np.abs(curves["convkit"].mean(axis=0) - notes).max() < 0.1
assert 0.5 < np.mean(accuracies["convkit"]) < 0.6

figure = plt.figure(figsize=(15, 5), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(2, 1, 1))
axes = plots.loss_curves(curves, labels=("epoch, step", "mean loss of 2000 steps"), figure=left).axes[0]
axes.plot(notes, "*", color="black", markersize=9, label="the notes")
steps = [f"{epoch}, {step}000" for epoch in (1, 2) for step in range(2, 13, 2)]
axes.set(yscale="linear", xticks=range(12))
axes.set_xticklabels(steps, rotation=45, ha="right")
axes.legend(frameon=False)
plots.scores({"": accuracies}, label="test accuracy", figure=middle).axes[0].set_ylim(0.5, 0.58)
plots.scores({"": seconds}, label="seconds of training", percent=False, figure=right).axes[0].set_ylim(bottom=0)

path = Path(given.folder) / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
