"""Gradients that are too large cut down, and all parameters as one vector: names and arguments are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from convkit.autodiff import Tensor, concatenate
from convkit.autodiff.places import brought
from convkit.engines.places import place_of


def _gradients(parameters: Tensor | Iterable[Any]) -> list[Any]:
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in listed if p.grad is not None]


def _engine(gradients: list[Any]) -> Any:
    """What changes gradients, where they lie."""
    return place_of(gradients[0] if gradients else None).update


def clip_grad_norm_(parameters: Tensor | Iterable[Any], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> Any:
    """Scale all gradients so that their norm, taken together, is at most `max_norm`.

    They are multiplied by ``min(1, max_norm / (norm + 1e-6))``, in place, between `backward` and the optimizer's step.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Whose gradients are meant; those without one do not count.
    max_norm : float
        What the norm may be.
    norm_type : float
        The exponent p of the norm; ``math.inf`` for the largest absolute value.
    error_if_nonfinite : bool
        Refuse gradients with infinite or undefined numbers, which otherwise spoil all others.

    Returns
    -------
    float
        The norm before; on a CUDA device a number that waits there, for which ``float(norm)`` waits.

    Raises
    ------
    ValueError
        For a `max_norm` or `norm_type` that is not above 0.
    RuntimeError
        With `error_if_nonfinite`.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([w], 1.0), w.grad.round(4)
    (5.0, array([0.6, 0.8]))
    """
    for name, value in (("max_norm", max_norm), ("norm_type", norm_type)):
        if not value > 0:
            raise ValueError(f"{name}={value!r} is not allowed; it must be above 0")
    gradients = _gradients(parameters)
    engine = _engine(gradients)
    norm = engine.norm(gradients, norm_type) if gradients else 0.0
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"the gradients have the norm {norm}, and cannot be scaled; look for a rate that is too high, or "
                           "leave error_if_nonfinite=False to go on")
    engine.limit(gradients, norm, max_norm)
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Any], clip_value: float) -> None:
    """Cut all gradients off at ``-clip_value`` and `clip_value`, in place.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Whose gradients are meant; those without one are left out.
    clip_value : float
        The largest absolute value.

    Raises
    ------
    ValueError
        For a negative `clip_value`.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> w = nn.Parameter(np.zeros(2))
    >>> w.grad = np.array([3.0, -0.5])
    >>> nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value={clip_value!r} is not allowed; it must be 0 or more")
    gradients = _gradients(parameters)
    _engine(gradients).clip(gradients, clip_value)


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters one after the other, as a Tensor with one axis; gradients go through it.

    Parameters
    ----------
    parameters : iterable of Parameter
        Such as ``model.parameters()``.

    Returns
    -------
    Tensor
        Their numbers.

    Examples
    --------
    >>> from convkit import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    return concatenate([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Copy a vector into parameters, in their order.

    Parameters
    ----------
    vec : Tensor or array_like
        As many numbers as the parameters have.
    parameters : iterable of Parameter
        What is written to.

    Raises
    ------
    ValueError
        For another number of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(np.array([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.weight.data, layer.bias.data
    (array([[1., 2.]], dtype=float32), array([3.], dtype=float32))
    """
    listed = list(parameters)
    numbers = np.asarray(brought(vec.data, "cpu") if isinstance(vec, Tensor) else vec)
    if numbers.shape != (count := sum(p.numel() for p in listed),):
        raise ValueError(f"vec has shape {numbers.shape}, and the parameters have {count} numbers; give an array of shape "
                         f"({count},)")
    first = 0
    for parameter in listed:
        last = first + parameter.numel()
        parameter.data[...] = numbers[first:last].reshape(parameter.shape)
        parameter.modified()
        first = last
