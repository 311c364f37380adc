"""CIFAR-10 by the larger network of ``convkit train``: 428,714 parameters, 20 epochs, crops and mirror images, batch norm.

Run as ``python -m benchmarks.cifar10 --data DIR``: 25 minutes for a seed on two cores. What is wanted of it are 84 % of the
test images within 45 minutes; it sees 48,000 of the 50,000 images, the others tell how it gets on. Its first layer has 32
filters of 5 x 5, of which it is told how many answer to colours and how many to directions.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks._runs import Cell, by_command, parser, record


def main(arguments: list[str] | None = None) -> int:
    options = parser("cifar10", __doc__, 1).parse_args(arguments)
    cells = [Cell(f"vgg {seed}", lambda done, seed=seed: by_command("cifar10", "vgg", options, seed))
             for seed in range(options.seeds)]
    runs = record("cifar10", cells, options)["cells"].values()
    scores, seconds = (np.array([run[key] for run in runs]) for key in ("test_accuracy", "seconds"))
    for run in runs:
        print(f"first layer: {run['first_layer']}")
    print(f"test accuracy {100 * scores.mean():.2f} % ({100 * scores.min():.2f} to {100 * scores.max():.2f}), "
          f"{np.median(seconds) / 60:.1f} minutes a run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
