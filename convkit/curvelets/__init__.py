"""Curvelets: a tight frame of directional atoms, denoising, approximation, and an undecimated bank of the same wedges."""

from convkit.curvelets.approximation import curvelet_nterm
from convkit.curvelets.bank import FilterBank, Orientation, directional_filter_bank, orientation_map
from convkit.curvelets.checking import Check
from convkit.curvelets.coefficients import CurveletCoefficients
from convkit.curvelets.denoise import curvelet_denoise
from convkit.curvelets.transform import Curvelets
from convkit.curvelets.wavelets import noise_level, wavelet_denoise

__all__ = [
    "Check",
    "CurveletCoefficients",
    "Curvelets",
    "FilterBank",
    "Orientation",
    "curvelet_denoise",
    "curvelet_nterm",
    "directional_filter_bank",
    "noise_level",
    "orientation_map",
    "wavelet_denoise",
]
