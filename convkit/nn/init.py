r"""First values of parameters, written in place: PyTorch's names and distributions, and LeCun's.

Every function takes a `Parameter`, Tensor or array, changes it and returns it. Random numbers come from ``generator=``, a NumPy
generator, or else from one that all layers share and `manual_seed` starts anew. The distributions are PyTorch's, the numbers
drawn are not: to begin with the same weights, copy them with `load_state_dict`.

"fan in" is how many numbers an output sums, "fan out" how many outputs a number goes into: of weights (out, in, \*K) they are
``in * prod(K)`` and ``out * prod(K)``. Transposed convolutions keep their weights as (in, out, \*K) and count, as PyTorch
does, the same axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from convkit._core.checks import word
from convkit._core.typing import Array, DTypeLike
from convkit.autodiff import Tensor

Kind = TypeVar("Kind")

_GAINS = {"linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
          "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


class _Source:
    """The generator that layers draw from, and whether they draw at all."""

    generator = np.random.default_rng()
    drawing = True


def manual_seed(seed: int) -> np.random.Generator:
    """Start the generator that layers draw their first weights and dropout masks from.

    Parameters
    ----------
    seed : int
        The same seed, the same numbers on every machine.

    Returns
    -------
    numpy.random.Generator
        The generator, shared by all threads of the process.

    Examples
    --------
    >>> from convkit import nn
    >>> _ = nn.manual_seed(1)
    >>> one = nn.Linear(3, 2)
    >>> _ = nn.manual_seed(1)
    >>> bool((one.weight == nn.Linear(3, 2).weight).data.all())
    True
    """
    _Source.generator = np.random.default_rng(seed)
    return _Source.generator


def shared_generator() -> np.random.Generator:
    """The generator that layers draw from."""
    return _Source.generator


@contextmanager
def shapes_only() -> Iterator[None]:
    """Within this block layers take no memory for their parameters, which are all zero and cannot be written to.

    For counting parameters and looking at shapes with ``summary(model, shape, time=False)``; `Module.load_state_dict` gives
    such a model memory and numbers.

    Examples
    --------
    >>> from convkit import nn
    >>> with nn.init.shapes_only():
    ...     model = nn.models.vgg16()
    >>> sum(p.numel() for p in model.parameters())
    138357544
    """
    before, _Source.drawing = _Source.drawing, False
    try:
        yield
    finally:
        _Source.drawing = before


def blank(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Zeros for parameters; within `shapes_only` all are the same one."""
    return np.zeros(shape, dtype) if _Source.drawing else np.broadcast_to(np.zeros((), dtype), shape)


def _write(tensor: Kind, numbers: Any) -> Kind:
    data: Any = tensor.data if isinstance(tensor, Tensor) else tensor
    if not isinstance(data, np.ndarray):
        raise TypeError(f"init functions write into a Parameter, Tensor or NumPy array; {type(tensor).__name__} cannot be "
                        "written to")
    if _Source.drawing:
        data[...] = numbers() if callable(numbers) else numbers
        if isinstance(tensor, Tensor):
            tensor.modified()
    return tensor


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(tensor.shape)


def fans(tensor: Any) -> tuple[int, int]:
    r"""Fan in and fan out of weights (out, in, \*K)."""
    shape = _shape(tensor)
    if len(shape) < 2:
        raise ValueError(f"weights of shape {shape} have no fan: they must have at least two axes, (out, in) or (out, in, *K)")
    taps = math.prod(shape[2:])
    return shape[1] * taps, shape[0] * taps


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights before a non-linearity are scaled to keep the variance.

    Parameters
    ----------
    nonlinearity : str
        1 for ``linear``, ``conv2d`` and the like, and ``sigmoid``; 5/3 for ``tanh``, sqrt(2) for ``relu``, 3/4 for ``selu``,
        sqrt(2 / (1 + a**2)) for ``leaky_relu``.
    param : float, optional
        The slope a of ``leaky_relu``; 0.01 without it.

    Returns
    -------
    float
        The gain.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> from convkit.nn import init
    >>> round(init.calculate_gain("leaky_relu", 5**0.5), 4)
    0.5774
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    return _GAINS[word(nonlinearity, "nonlinearity", (*_GAINS, "leaky_relu"))]


def uniform_(tensor: Kind, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Kind:
    """Numbers drawn evenly between `a` and `b`."""
    draw = generator or _Source.generator
    return _write(tensor, lambda: draw.uniform(a, b, _shape(tensor)))


def normal_(tensor: Kind, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None) -> Kind:
    """Numbers of the normal distribution."""
    draw = generator or _Source.generator
    return _write(tensor, lambda: draw.normal(mean, std, _shape(tensor)))


def constant_(tensor: Kind, val: float) -> Kind:
    """The same number everywhere."""
    return _write(tensor, val)


def zeros_(tensor: Kind) -> Kind:
    """Zeros."""
    return _write(tensor, 0)


def ones_(tensor: Kind) -> Kind:
    """Ones."""
    return _write(tensor, 1)


def _he(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    """Standard deviation of He's rule."""
    fan = fans(tensor)[("fan_in", "fan_out").index(word(mode, "mode", ("fan_in", "fan_out")))]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(tensor: Kind, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                     generator: np.random.Generator | None = None) -> Kind:
    r"""He's rule, drawn evenly: variance ``gain**2 / fan``.

    With ``a=sqrt(5)`` it is what layers begin with: even between -1 / sqrt(fan_in) and 1 / sqrt(fan_in).

    Parameters
    ----------
    tensor : Parameter, Tensor or ndarray
        Weights (out, in, \*K), written in place.
    a : float
        Slope of the leaky ReLU that follows; 0 for a ReLU.
    mode : {"fan_in", "fan_out"}
        Whether the variance is kept forward or backward.
    nonlinearity : str
        As in `calculate_gain`.
    generator : numpy.random.Generator, optional
        Source of the numbers.

    Returns
    -------
    Parameter, Tensor or ndarray
        `tensor`.

    References
    ----------
    .. [1] K. He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2.
    """
    bound = math.sqrt(3) * _he(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Kind, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
                    generator: np.random.Generator | None = None) -> Kind:
    """He's rule, drawn from the normal distribution: variance ``gain**2 / fan``; see `kaiming_uniform_`."""
    return normal_(tensor, 0, _he(tensor, a, mode, nonlinearity), generator)


def _glorot(tensor: Any, gain: float) -> float:
    return gain * math.sqrt(2 / sum(fans(tensor)))


def xavier_uniform_(tensor: Kind, gain: float = 1.0, generator: np.random.Generator | None = None) -> Kind:
    """Glorot's rule, drawn evenly: variance ``2 gain**2 / (fan_in + fan_out)``.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
       equation 16.
    """
    bound = math.sqrt(3) * _glorot(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Kind, gain: float = 1.0, generator: np.random.Generator | None = None) -> Kind:
    """Glorot's rule, drawn from the normal distribution; see `xavier_uniform_`."""
    return normal_(tensor, 0, _glorot(tensor, gain), generator)


def lecun_uniform_(tensor: Kind, generator: np.random.Generator | None = None) -> Kind:
    """LeCun's rule, drawn evenly: variance ``1 / fan_in``.

    References
    ----------
    .. [1] Y. LeCun et al., "Efficient BackProp", 1998, section 4.6.
    """
    bound = math.sqrt(3 / fans(tensor)[0])
    return uniform_(tensor, -bound, bound, generator)


def lecun_normal_(tensor: Kind, generator: np.random.Generator | None = None) -> Kind:
    """LeCun's rule, drawn from the normal distribution; see `lecun_uniform_`."""
    return normal_(tensor, 0, math.sqrt(1 / fans(tensor)[0]), generator)


def orthogonal_(tensor: Kind, gain: float = 1.0, generator: np.random.Generator | None = None) -> Kind:
    """Weights that as a matrix (out, in * prod(K)) have orthogonal rows of length `gain`, or columns if those are fewer.

    References
    ----------
    .. [1] A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
       neural networks", ICLR 2014.
    """
    fans(tensor)
    draw = generator or _Source.generator

    def numbers() -> Array:
        shape = _shape(tensor)
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(draw.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # makes the distribution uniform
        return gain * (q if rows >= columns else q.T).reshape(shape)

    return _write(tensor, numbers)
