"""Measure convkit: the table of work, the rivals, the runner, the report."""

from __future__ import annotations

from convkit.bench.cases import Case, default_cases, grid_cases
from convkit.bench.runner import Cell, Timing, measure_case

__all__ = ["Case", "Cell", "Timing", "default_cases", "grid_cases", "measure_case"]
