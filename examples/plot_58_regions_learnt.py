"""
Training first straightens a network, then folds it
===================================================

A network of rectifiers with three hidden layers of 64 units learns MNIST, and its linear regions are counted on a plane
through three test images, a 3, an 8 and a 0. As it is drawn it has thousands. In the first fifty steps, in which it learns
most, three quarters of them go: the cuts leave the part of the space where the images are. Then the number rises again while
the last percents are learnt, and after 800 steps is about what it was. Lines are medians of three seeds, bands their range;
pictures are of the first.
"""

import argparse
import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import plots
from convkit.nn.views import Plane, Regions

options = argparse.ArgumentParser(description="Draw what python -m benchmarks.learning regions recorded.")
options.add_argument("folder", nargs="?", default=".", help="where the picture goes")
options.add_argument("--full", metavar="DIR", help="first repeat the run, half a minute, with the files of MNIST in DIR")
given, root = options.parse_args(), Path(__file__).parent.parent
if given.full:
    command = [sys.executable, "-m", "benchmarks.learning", "regions", "--again", "--data", str(Path(given.full).resolve())]
    subprocess.run(command, cwd=root, check=True)
found = json.loads((root / "benchmarks" / "results" / "learning_regions.json").read_text(encoding="utf-8"))

plt.rcParams.update({"font.size": 12})
settings, runs = found["options"], list(found["cells"].values())
size, side, steps = settings["size"], settings["side"], settings["steps"]
counts, accuracies = ([run[key] for run in runs] for key in ("counts", "accuracies"))
for step, count, accuracy in zip(steps, np.median(counts, axis=0), np.median(accuracies, axis=0), strict=True):
    print(f"after {step:3} steps: {count:4.0f} regions, {accuracy:.1%} of the test images right")
assert np.median(counts, axis=0)[2] < 0.4 * min(np.median(counts, axis=0)[[0, -1]])

figure = plt.figure(figsize=(17, 4.6), layout="constrained")
*parts, last = figure.subfigures(1, 4, width_ratios=(1, 1, 1, 1.1))
plane = Plane(np.zeros(2), np.array([side, 0.0]), np.array([0.0, side]))
marks = {str(digit): side * np.array(place) for digit, place in zip(settings["digits"], settings["places"], strict=True)}
for part, (step, text) in zip(parts, runs[0]["maps"].items(), strict=True):
    labels = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u2").reshape(size, size).astype(int)
    axes = plots.linear_regions(Regions(labels, plane), marks, figure=part).axes[0]
    axes.set_title(f"after {step} steps: {labels.max() + 1} regions")
    assert labels.max() + 1 == runs[0]["counts"][steps.index(int(step))]
axes = plots.loss_curves({"regions": counts}, steps, labels=("step", "regions on the plane"), figure=last).axes[0]
axes.set(yscale="linear", ylim=(0, None))
axes.get_legend().remove()
share = axes.twinx()
share.plot(steps, 100 * np.median(accuracies, axis=0), "s--", color="#D55E00", markersize=4)
share.set_ylabel("test images right (%)", color="#D55E00")
axes.yaxis.label.set_color("#0072B2")

path = Path(given.folder) / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=70)
print(f"saved {path}")
