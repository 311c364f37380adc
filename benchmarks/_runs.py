"""What the commands for training runs share: options, and cells of which each is written down as soon as it is done."""

from __future__ import annotations

import argparse
import json
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


def record(name: str, cells: Sequence[Cell], options: argparse.Namespace, **settings: Any) -> dict[str, Any]:
    """Run the cells that are not in ``results/<name>.json``, write the file after each, and return what it holds.

    What was run with other settings is not gone on with.
    """
    target = options.json or (None if options.quick else RESULTS / f"{name}.json")
    settings = {"quick": options.quick, **settings}
    found = {"area": name, **circumstances(settings), "cells": {}}
    if target is not None and target.exists() and not options.again:
        stored = json.loads(target.read_text(encoding="utf-8"))
        if stored["options"] != settings:
            raise SystemExit(f"{target} was made with {stored['options']}, and this run has {settings}; start anew with "
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
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as file:
                file.write((json.dumps(found, indent=1) + "\n").encode())
    if target is not None:
        print(f"wrote {target}")
    return found
