"""Planning: which method, which tiles, which arithmetic; by a cost model."""

from convkit.planning.choose import METHODS, Plan, choose_method, decide
from convkit.planning.cost import Work, measure
from convkit.planning.exact import exact_arithmetic

__all__ = ["METHODS", "Plan", "Work", "choose_method", "decide", "exact_arithmetic", "measure"]
