"""Every picture that the package draws. Functions return a Matplotlib figure; the caller saves or shows it."""

from convkit.plots.curvelets import atoms, tiling, wheel
from convkit.plots.images import denoising, orientation
from convkit.plots.networks import activation_changes, feature_views, filter_grid, linear_regions
from convkit.plots.timing import COLOURS, Panel, crossover, roofline, speedups

__all__ = ["COLOURS", "Panel", "activation_changes", "atoms", "crossover", "denoising", "feature_views", "filter_grid",
           "linear_regions", "orientation", "roofline", "speedups", "tiling", "wheel"]
