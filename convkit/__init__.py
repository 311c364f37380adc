"""convkit: convolution and signal processing on Numba kernels, exact about its limits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Curvelets": "curvelets",
    "Plan": "planning",
    "SeparableWeights": "separable",
    "choose_method": "planning",
    "convolution_matrix": "matrix",
    "convolve": "convolution",
    "convolve_separable": "convolution",
    "correlate": "convolution",
    "curvelet_denoise": "curvelets",
    "curvelet_nterm": "curvelets",
    "directional_filter_bank": "curvelets",
    "orientation_map": "curvelets",
    "pad": "padding",
    "separate": "separable",
    "set_workers": "_core.workers",
    "wavelet_denoise": "curvelets",
}
_MODULES = ("autodiff", "bench", "cli", "convolution", "curvelets", "data", "edges", "filters", "matrix", "nn",
            "optim", "padding", "planning", "plots", "separable", "training")

__all__ = [
    "Curvelets",
    "Plan",
    "SeparableWeights",
    "__version__",
    "choose_method",
    "convolution_matrix",
    "convolve",
    "convolve_separable",
    "correlate",
    "curvelet_denoise",
    "curvelet_nterm",
    "directional_filter_bank",
    "orientation_map",
    "pad",
    "separate",
    "set_workers",
    "wavelet_denoise",
]

if TYPE_CHECKING:
    from convkit._core.workers import set_workers
    from convkit.convolution import convolve, convolve_separable, correlate
    from convkit.curvelets import (
        Curvelets,
        curvelet_denoise,
        curvelet_nterm,
        directional_filter_bank,
        orientation_map,
        wavelet_denoise,
    )
    from convkit.matrix import convolution_matrix
    from convkit.padding import pad
    from convkit.planning import Plan, choose_method
    from convkit.separable import SeparableWeights, separate


def __getattr__(name: str) -> Any:
    """Load a function's module, and with it numba and scipy, when it is first used."""
    if name in _HOME:
        value = getattr(import_module(f"convkit.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"convkit.{name}")
    else:
        raise AttributeError(f"module 'convkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
