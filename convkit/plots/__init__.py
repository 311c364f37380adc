"""Every picture that the package draws. Functions return a Matplotlib figure; the caller saves or shows it."""

from convkit.plots.curvelets import atoms, tiling, wheel
from convkit.plots.images import denoising, orientation
from convkit.plots.learning import scores
from convkit.plots.networks import activation_changes, feature_views, filter_grid, linear_regions
from convkit.plots.optim import descent_paths, loss_curves
from convkit.plots.timing import COLOURS, Panel, crossover, roofline, speedups
from convkit.plots.training import confusion, feature_maps, filter_change, filter_kinds, mistakes, training_curves

__all__ = ["COLOURS", "Panel", "activation_changes", "atoms", "confusion", "crossover", "denoising", "descent_paths",
           "feature_maps", "feature_views", "filter_change", "filter_grid", "filter_kinds", "linear_regions", "loss_curves",
           "mistakes", "orientation", "roofline", "scores", "speedups", "tiling", "training_curves", "wheel"]
