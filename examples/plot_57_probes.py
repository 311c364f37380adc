"""
Each block makes classes easier to tell apart by a plane
========================================================

Where classes can be told apart in the space of features by planes, a linear classifier is enough; where not, a deep network
makes another space. Here a linear classifier, a probe, learns to tell the classes of CIFAR-10 from what comes out of each
block of the networks of 20 layers of the picture before, on 5,000 images, and is tested on 5,000 others. It sees means over a
grid of 4 x 4. Behind nearly every block of a trained network it is better than before, from a third or so for the image
itself to two thirds; behind those of a network as it was drawn it is not, though there are more and more numbers to see: 48 of
the image, 128, 256 and 512 behind the stages.
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
probes = {}
for key, cell in found["cells"].items():
    word, layers, _, seed = key.split()
    for state, values in cell["probes"].items():
        if values:
            probes.setdefault(f"{word}, {state}", []).append(values)
for name, runs in probes.items():
    print(f"{name:20}", " ".join(f"{value:.1%}" for value in np.median(runs, axis=0)))
names = ["image", "conv", *(f"{stage}.{block}" for stage in (1, 2, 3) for block in (1, 2, 3))]
middle = {name: np.median(runs, axis=0) for name, runs in probes.items()}
assert middle["residual, trained"][-1] > middle["residual, trained"][0] + 0.1
assert middle["residual, trained"].max() > middle["residual, untrained"].max()

figure = plt.figure(figsize=(11.5, 5), layout="constrained")
labels = "what the probe sees: the image, the first convolution, blocks by stage", "accuracy of a linear probe"
axes = plots.loss_curves(probes, labels=labels, figure=figure).axes[0]
axes.set(yscale="linear", xticks=range(len(names)), xticklabels=names)
for end in (1.5, 4.5, 7.5):
    axes.axvline(end, color="0.9", zorder=0)

path = Path(given.folder) / f"{Path(__file__).stem}.png"
figure.savefig(path, dpi=80)
print(f"saved {path}")
