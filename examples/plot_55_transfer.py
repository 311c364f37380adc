"""
What five classes teach about five others
=========================================

A small convolutional network learns five classes of CIFAR-10 from 25,000 images: airplane, automobile, bird, cat, deer. Then
it gets a new head for the other five, dog, frog, horse, ship, truck, of which there are 50 or 500 images each. With 50,
frozen layers under a new head are better than a network that starts from scratch. With 500 that no longer holds: what starts
from scratch overtakes the frozen layers, and it pays to train more of them, the old ones at a tenth of the rate; with 50 it
does as well. That is what the notes advise: freeze all but the head, and with more data train more. All runs of a size have
the same number of steps and the same changes of images.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from convkit import plots

options = argparse.ArgumentParser(description="Draw what python -m benchmarks.learning transfer recorded.")
options.add_argument("folder", nargs="?", default=".", help="where the picture goes")
options.add_argument("--full", metavar="DIR", help="first repeat the runs, 15 minutes, with the files of CIFAR-10 in DIR")
given, root = options.parse_args(), Path(__file__).parent.parent
if given.full:
    command = [sys.executable, "-m", "benchmarks.learning", "transfer", "--again", "--data", str(Path(given.full).resolve())]
    subprocess.run(command, cwd=root, check=True)
found = json.loads((root / "benchmarks" / "results" / "learning_transfer.json").read_text(encoding="utf-8"))

plt.rcParams.update({"font.size": 12})
cells = found["cells"]
runs = {}
for key, cell in cells.items():
    images, way, _ = key.split(", ")
    runs.setdefault(f"{images} a class", {}).setdefault(way, []).append(cell["test_accuracy"])
source = next(iter(cells.values()))["source"]
print(f"the five classes it was trained on: {source:.1%} right")
for images, ways in runs.items():
    for way, accuracies in ways.items():
        learnt = cells[f"{images.removesuffix(' a class')}, {way}, seed 0"]["learnt"]
        told = ", ".join(f"{value:.1%}" for value in accuracies)
        print(f"{images:20} {way:20} {learnt:7,} parameters learnt: {np.mean(accuracies):.1%} right ({told})")
few, many = runs.values()

figure = plt.figure(figsize=(11.5, 5), layout="constrained")
axes = plots.scores(runs, label="test images of the new classes right", figure=figure).axes[0]
axes.legend(frameon=False, loc="upper left")
assert np.mean(few["head only"]) > np.mean(few["from scratch"])
assert np.mean(many["head only"]) < min(np.mean(many[way]) for way in ("from scratch", "head and last block", "all layers"))

path = Path(given.folder) / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
