"""Convolution and correlation in one, two and three dimensions."""

from convkit.convolution.faces import convolve, convolve_separable, correlate

__all__ = ["convolve", "convolve_separable", "correlate"]
