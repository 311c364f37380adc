"""What the options of ``convkit filter`` compute: on samples of shape (rows, columns) or (rows, columns, channels)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METHODS = ("auto", "direct", "separable", "fft")
MOST_TAPS = 100_001


@dataclass(frozen=True)
class Filters:
    """The filters that a user may ask for, one at a time: None or False where not asked."""

    gaussian: float | None = None
    box: int | None = None
    sharpen: bool = False
    kernel: str | None = None
    unsharp: float | None = None
    median: int | None = None
    bilateral: str | None = None
    laplacian: bool = False
    log: float | None = None
    dog: str | None = None
    gradient: float | None = None
    gabor: float | None = None
    steerable: int | None = None
    emboss: bool = False
    coherence: float | None = None
    orientation: float | None = None

    def chosen(self) -> list[str]:
        """Names of the filters asked for."""
        return [name for name, value in vars(self).items() if value is not None and value is not False]


@dataclass(frozen=True)
class Extras:
    """Options that go with some of the filters: None where not given."""

    normalize: bool | None = None
    order: str | None = None
    amount: float | None = None
    angle: float | None = None
    bandwidth: float | None = None
    sigma: float | None = None
    method: str | None = None


FORMS = {"gaussian": "SIGMA", "box": "N", "kernel": "'ROWS'", "unsharp": "SIGMA", "median": "N", "bilateral": "'SIGMA RANGE'",
         "log": "SIGMA", "dog": "'LOW HIGH'", "gradient": "SIGMA", "gabor": "FREQUENCY", "steerable": "ORDER",
         "coherence": "SIGMA", "orientation": "SIGMA"}
GO_WITH = {"normalize": ("kernel",), "order": ("gaussian",), "amount": ("unsharp",), "angle": ("gabor", "steerable"),
           "bandwidth": ("gabor",), "sigma": ("steerable",), "method": ("gaussian", "box", "sharpen", "kernel")}


def choose(filters: Filters, extras: Extras) -> str:
    """Name of the one filter asked for.

    Raises
    ------
    ValueError
        About the option that is missing, one too many, or does not go with another.
    """
    if filters.kernel == "":
        raise ValueError("--kernel is empty; give rows of numbers, as in --kernel '1 2 1; 2 4 2; 1 2 1'")
    chosen = filters.chosen()
    if len(chosen) != 1:
        forms = [f"--{name} {FORMS.get(name, '')}".strip() for name in vars(filters)]
        several = " and ".join(f"--{name}" for name in chosen)
        raise ValueError(f"{several or 'no filter'} given; give exactly one of {', '.join(forms)}")
    if extras.method is not None and extras.method not in METHODS:
        raise ValueError(f"--method is {extras.method!r}; allowed are {', '.join(METHODS)}")
    for option, value in vars(extras).items():
        if value is not None and chosen[0] not in GO_WITH[option]:
            known = option == "normalize" and chosen[0] in ("gaussian", "box", "sharpen")
            reason = "; its weights sum to 1 already" if known else ""
            raise ValueError(f"--{option} goes with {' and '.join(f'--{name}' for name in GO_WITH[option])}, "
                             f"not with --{chosen[0]}{reason}")
    return chosen[0]


def compute(samples: NDArray[Any], name: str, filters: Filters, extras: Extras, boundary: str) -> NDArray[Any]:
    """Filter each channel; the result is float or complex, that of the median of the dtype of the samples."""
    value = getattr(filters, name)
    try:
        if name in ("gaussian", "box", "sharpen", "kernel") and extras.order is None:
            weights, taps = make_weights(name, value, bool(extras.normalize))
            return convolved(samples, weights, taps, boundary, extras.method or "auto")
        return _CALLS[name](samples, value, extras, {"axes": (0, 1), "boundary": boundary})
    except (ValueError, TypeError) as error:
        if str(error).startswith("--") or "boundary=" in str(error) or "method=" in str(error):
            raise
        raise type(error)(f"--{name}{'' if value is True else f' {value}'}: {error}") from None


def _gaussian(samples: NDArray[Any], value: float, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    _check_gaussian(value)
    try:
        words = str(extras.order).replace(",", " ").split()
        orders = [int(word) for word in words]
    except ValueError:
        orders = []
    if len(orders) not in (1, 2) or min(orders) < 0:
        raise ValueError(f"--order is {extras.order!r}; give the order of the derivative, as in --order 1, or one down the "
                         "rows and one along the columns, as in --order '0 1'")
    return filters.gaussian(samples, float(value), order=(orders * 2)[:2], **options)


def _numbers(option: str, text: str, counts: tuple[int, ...], example: str) -> list[float]:
    try:
        found = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        found = []
    if len(found) not in counts:
        raise ValueError(f"--{option} is {text!r}; give {' or '.join(map(str, counts))} numbers, as in --{option} {example}")
    return found


def _dog(samples: NDArray[Any], value: str, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    return filters.difference_of_gaussians(samples, *_numbers("dog", value, (1, 2), "'1 1.6'"), **options)


def _unsharp(samples: NDArray[Any], value: float, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    return filters.unsharp(samples, value, 1.0 if extras.amount is None else extras.amount, **options)


def _gabor(samples: NDArray[Any], value: float, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    return filters.gabor(samples, value, math.radians(extras.angle or 0.0),
                         bandwidth=1.0 if extras.bandwidth is None else extras.bandwidth, **options)


def _steerable(samples: NDArray[Any], value: int, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    return filters.steerable(samples, math.radians(extras.angle or 0.0), order=value,
                             sigma=1.0 if extras.sigma is None else extras.sigma, **options)


def _coherence(samples: NDArray[Any], value: float, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    return filters.structure_tensor(samples, value, **options).coherence()


def _bilateral(samples: NDArray[Any], value: str, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    from convkit import filters

    space, colour = _numbers("bilateral", value, (2,), "'3 20'")
    return filters.bilateral(samples, space, colour, channel_axis=2 if samples.ndim == 3 else None, **options)


def _orientation(samples: NDArray[Any], value: float, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
    import numpy as np

    from convkit import filters

    degrees: NDArray[Any] = np.mod(np.degrees(filters.structure_tensor(samples, value, **options).orientation()), 180)
    return degrees


def _plain(function: str, *, takes_value: bool) -> Callable[..., NDArray[Any]]:
    def call(samples: NDArray[Any], value: Any, extras: Extras, options: dict[str, Any]) -> NDArray[Any]:
        from convkit import filters

        result: NDArray[Any] = getattr(filters, function)(samples, *([value] if takes_value else []), **options)
        return result

    return call


_CALLS: dict[str, Callable[..., NDArray[Any]]] = {
    "gaussian": _gaussian,
    "unsharp": _unsharp,
    "median": _plain("median", takes_value=True),
    "bilateral": _bilateral,
    "laplacian": _plain("laplacian", takes_value=False),
    "log": _plain("gaussian_laplace", takes_value=True),
    "dog": _dog,
    "gradient": _plain("gaussian_gradient_magnitude", takes_value=True),
    "gabor": _gabor,
    "steerable": _steerable,
    "emboss": _plain("emboss", takes_value=False),
    "coherence": _coherence,
    "orientation": _orientation,
}


def _check_gaussian(value: float) -> int:
    """Radius of a Gaussian."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"--gaussian is {value}; give a standard deviation over 0, in pixels")
    radius = int(4 * value + 0.5) if value < MOST_TAPS else MOST_TAPS
    check_taps("--gaussian", value, 2 * radius + 1)
    return radius


def make_weights(name: str, value: Any, normalize: bool) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Dense weights and None, or None and the taps along each axis."""
    import numpy as np

    from convkit.filters import SHARPEN, gaussian_taps

    if name == "gaussian":
        return None, gaussian_taps(value, radius=_check_gaussian(value))
    if name == "box":
        if value < 1:
            raise ValueError(f"--box is {value}; give a width of at least 1 pixel")
        check_taps("--box", value, value)
        return None, np.full(value, 1.0 / value)
    if name == "sharpen":
        return SHARPEN, None
    weights = read_kernel(value)
    if normalize:
        total = weights.sum()
        if abs(total) <= 1e-12 * np.abs(weights).sum():
            raise ValueError(f"--normalize cannot divide by the sum of the --kernel, {total:.3g}; leave it out")
        weights = weights / total
    return weights, None


def check_taps(option: str, value: float, taps: int) -> None:
    """Raise ValueError if an option asks for more taps than any image has use for."""
    if taps > MOST_TAPS:
        raise ValueError(f"{option} is {value:g}; that takes more than {MOST_TAPS:,} taps per axis, give a smaller one")


def read_kernel(text: str) -> NDArray[np.float64]:
    """Rows apart by semicolons, numbers by blanks or commas; fractions such as 1/16 are numbers too."""
    import numpy as np

    rows = [row.replace(",", " ").split() for row in text.strip().rstrip(";").split(";")]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"--kernel is {text!r}, with rows of {' and '.join(map(str, sorted(lengths)))} numbers; "
            "give equally long rows, as in '1 2 1; 2 4 2; 1 2 1'"
        )
    values = np.empty((len(rows), lengths.pop()))
    for i, row in enumerate(rows):
        for j, word in enumerate(row):
            try:
                values[i, j] = float(Fraction(word))
            except (ValueError, ZeroDivisionError, OverflowError):
                raise ValueError(f"--kernel holds {word!r}, which is not a finite number") from None
    return values


def convolved(samples: NDArray[Any], weights: NDArray[np.float64] | None, taps: NDArray[np.float64] | None, boundary: str,
              method: str) -> NDArray[Any]:
    """Convolve each channel; taps go along both axes unless ``method`` asks for the dense weights."""
    import numpy as np

    from convkit.convolution import convolve, convolve_separable

    if taps is not None and method in ("auto", "separable"):
        result: NDArray[Any] = convolve_separable(samples, [taps, taps], boundary=boundary, axes=(0, 1))
    else:
        dense: Any = np.multiply.outer(taps, taps) if taps is not None else weights
        result = convolve(samples, dense, boundary=boundary, method=method, axes=(0, 1))
    return result
