"""What the commands for training runs share: options, and cells of which each is written down as soon as it is done."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convkit._core.files import replacing
from convkit.bench.report import circumstances

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Cell:
    """One run: its name, and what gives its numbers, which may look at those of the cells before it."""

    key: str
    run: Callable[[Mapping[str, Any]], dict[str, Any]]


def parser(area: str, doc: str | None, seeds: int | None) -> argparse.ArgumentParser:
    """Options that all commands have; without `seeds` their number depends on others."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{area}", description=doc)
    made.add_argument("--data", required=True, metavar="DIR", help="the images")
    made.add_argument("--seeds", type=int, default=seeds, help=f"runs of each kind (default {seeds or 'by experiment'})")
    made.add_argument("--quick", action="store_true", help="a smaller version, written only where --json says")
    made.add_argument("--again", action="store_true", help="start anew; otherwise cells that are written down are left out")
    made.add_argument("--json", type=Path, default=None, metavar="FILE", help="where the numbers go (default results/...)")
    return made


def by_command(dataset: str, model: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """What ``convkit train`` writes of a run; with ``--quick`` it is one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["train", dataset, "--data", options.data, "--model", model, "--seed", str(seed), "--out", folder,
                   *["--epochs", "1"] * options.quick]
        subprocess.run([sys.executable, "-c", "from convkit.cli import main; main()", *command], check=True)
        return written(Path(folder))


def written(folder: Path) -> dict[str, Any]:
    """What a run of ``convkit train`` wrote of itself, without the place of its images."""
    found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    about = {name: value for name, value in found["settings"].items() if name != "directory"}
    kept = ("parameters", "test_accuracy", "seconds", "per_class", "losses", "first_layer")
    return {"settings": about, **{name: found[name] for name in kept}}


def record(name: str, cells: Sequence[Cell], options: argparse.Namespace, **settings: Any) -> dict[str, Any]:
    """Run the cells that are not in ``results/<name>.json``, write the file after each, and return what it holds.

    What was run with other settings is not gone on with. With ``--again`` the file stays as it is until all cells are done.
    """
    target = options.json or (None if options.quick else RESULTS / f"{name}.json")
    settings = {"quick": options.quick, **settings}
    found = {"area": name, **circumstances(settings), "cells": {}}
    working = target.with_suffix(".new.json") if target is not None and options.again else target
    if working is not None and working.exists():
        stored = json.loads(working.read_text(encoding="utf-8"))
        if stored["options"] != settings:
            raise SystemExit(f"{working} was made with {stored['options']}, and this run has {settings}; start anew with "
                             "--again, or name another file with --json")
        found = stored
    for number, cell in enumerate(cells, 1):
        if cell.key in found["cells"]:
            print(f"[{number}/{len(cells)}] {cell.key}: there already", flush=True)
            continue
        print(f"[{number}/{len(cells)}] {cell.key}", flush=True)
        begin = time.perf_counter()
        found["cells"][cell.key] = {**cell.run(found["cells"]), "wall": time.perf_counter() - begin}
        print(f"    {found['cells'][cell.key]['wall']:.1f} s", flush=True)
        if working is not None:
            working.parent.mkdir(parents=True, exist_ok=True)
            with replacing(working) as file:
                file.write((json.dumps(found, indent=1) + "\n").encode())
    if working is not None and target is not None:
        working.replace(target)
        print(f"wrote {target}")
    return found
