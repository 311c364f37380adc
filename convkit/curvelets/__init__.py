"""Curvelets: a tight frame of directional atoms, denoising, approximation, and an undecimated bank of the same wedges."""

from convkit.curvelets.bank import FilterBank, Orientation, directional_filter_bank, orientation_map
from convkit.curvelets.checking import Check
from convkit.curvelets.coefficients import CurveletCoefficients
from convkit.curvelets.transform import Curvelets

__all__ = [
    "Check",
    "CurveletCoefficients",
    "Curvelets",
    "FilterBank",
    "Orientation",
    "directional_filter_bank",
    "orientation_map",
]
