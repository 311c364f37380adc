"""Edge detectors: gradients and what is found with them."""

from convkit.edges.canny import canny, hysteresis
from convkit.edges.directional import edge_filter
from convkit.edges.gradient import derivatives, farid, gradient_taps, prewitt, roberts, scharr, sobel
from convkit.edges.sweep import Gradient
from convkit.edges.zero_crossings import zero_crossings

__all__ = [
    "Gradient", "canny", "derivatives", "edge_filter", "farid", "gradient_taps", "hysteresis", "prewitt", "roberts", "scharr",
    "sobel", "zero_crossings",
]  # fmt: skip
