"""Measure convkit: the table of work, the rivals, the contest, the roof, the report."""

from __future__ import annotations

from convkit.bench.cases import Case, default_cases, grid_cases
from convkit.bench.contest import Timing
from convkit.bench.runner import Cell, measure_case

__all__ = ["Case", "Cell", "Timing", "default_cases", "grid_cases", "measure_case"]
