"""Direct and separable correlation on a CUDA device against its copy bandwidth, its ceiling of multiply-adds, CuPy and torch.

Run as ``python -m benchmarks.device``. float32, boundary zero, 8192 squared; the rivals are given the same weights, and
the taps of those that are separable. A line for every target: what was to be reached, and what was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from convkit.bench import device
from convkit.bench.cases import Case
from convkit.bench.report import significant
from convkit.bench.rivals import choose_rivals
from convkit.bench.runner import Cell

SIZE, BUDGET = 8192, 2.0
# How many times longer a rival has to take.
RIVALS = {"cupyx.ndimage": 2.0, "torch": 1.0}


@dataclass(frozen=True)
class Target:
    """What a method is to reach with weights of ``taps`` squared: a share of the ``roof``, which is copy or fma."""

    method: str
    taps: int
    roof: str
    share: float

    def case(self, size: int) -> Case:
        """Disks are not separable; Gaussians are, and rivals know their taps."""
        return Case(2, size, self.taps, "gaussian" if self.method == "separable" else "disk")


TARGETS = (Target("direct", 3, "copy", 0.75), Target("direct", 5, "copy", 0.75), Target("direct", 7, "copy", 0.55),
           Target("direct", 15, "fma", 0.45), Target("separable", 31, "copy", 0.40))


@dataclass(frozen=True)
class Line:
    """One target: of what, what was wanted, and what was reached (None where it was not measured)."""

    what: str
    wanted: float
    reached: float | None
    unit: str

    @property
    def verdict(self) -> str:
        """Whether it was reached, in a word."""
        if self.reached is None:
            return "not measured"
        return "reached" if self.reached >= self.wanted else "MISSED"

    def shown(self, value: float | None) -> str:
        """A figure with its unit."""
        if value is None:
            return "-"
        return f"{100 * value:.0f} %" if self.unit == "%" else f"{significant(value, 2)}x"


def lines(target: Target, cell: Cell, roof: device.DeviceRoof) -> list[Line]:
    """The target's own line, and one for each rival."""
    label = f"{target.method} {target.taps}x{target.taps}"
    if cell.failed:
        return [Line(f"{label}: {cell.worst} differ", 1.0, 0.0, "x")]
    copy, fma = roof.shares(cell, target.method)
    own = cell.times[target.method].median
    found = [Line(f"{label}, of {target.roof}", target.share, copy if target.roof == "copy" else fma, "%")]
    for rival, times in RIVALS.items():
        taken = cell.times[rival].median / own if rival in cell.times else None
        found.append(Line(f"{label}, {rival} takes", times, taken, "x"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=SIZE, help="samples along each axis (%(default)s)")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of measuring for each target (%(default)s)")
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    options = parser.parse_args(arguments)
    clock = device.EventClock()
    try:
        roof = device.measure_device_roof("float32", clock, budget=options.budget)
    except (ImportError, RuntimeError) as error:
        print(f"benchmarks.device: {error}", file=sys.stderr)
        return 1
    chosen, missing = choose_rivals("cupy,torch", device.DEVICE_GROUPS)
    rivals = [rival for rival in chosen if rival in RIVALS]
    print(device.roof_line(roof))
    for name in missing:
        print(f"{name} is not installed, so it is left out.")
    cells, found = [], []
    for target in TARGETS:
        cell = device.measure_on_device(target.case(options.size), roof, clock, rivals=rivals, methods=(target.method,),
                                        budget=options.budget)
        cells.append(cell)
        for line in lines(target, cell, roof):
            found.append(line)
            print(f"{line.what:40} {line.shown(line.wanted):>6} {line.shown(line.reached):>8}  {line.verdict}", flush=True)
    if options.json is not None:
        document = device.document(cells, {"size": options.size, "device": "cuda", "rivals": rivals}, roof)
        document["targets"] = [{**asdict(line), "verdict": line.verdict} for line in found]
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(any(line.verdict == "MISSED" for line in found))


if __name__ == "__main__":
    sys.exit(main())
