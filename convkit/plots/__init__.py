"""Every picture that the package draws. Functions return a Matplotlib figure; the caller saves or shows it."""

from convkit.plots.curvelets import atoms, tiling, wheel
from convkit.plots.images import denoising, orientation
from convkit.plots.timing import COLOURS, Panel, crossover, roofline, speedups

__all__ = ["COLOURS", "Panel", "atoms", "crossover", "denoising", "orientation", "roofline", "speedups", "tiling", "wheel"]
