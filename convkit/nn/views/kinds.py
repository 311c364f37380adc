"""What first-layer filters look for: colours, directions, or neither."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convkit._core.typing import Array, BoolArray
from convkit.nn.views.inside import fetched

# A filter's pattern goes one way if its gradients along that way outweigh the others three to one.
COHERENT = 0.5
# Share of a filter's energy that lies along one colour direction if it has one: of random filters it is about 0.45.
ONE_COLOUR = 0.6


class FilterKinds(NamedTuple):
    """What each filter of a layer looks for.

    `colourfulness` is the share of its energy that grey patterns have no part in, `coherence` how far its pattern goes one way,
    both from 0 to 1; `colour` and `oriented` tell which filters are which, none being both.
    """

    colourfulness: Array
    coherence: Array
    colour: BoolArray
    oriented: BoolArray


def filter_kinds(weight: Any) -> FilterKinds:
    """Sort the filters of a first layer into those for colours, those for directions, and others.

    A filter is for colours if most of its energy is one pattern along one direction of colour, and that is nearer to opponent
    colours than to grey. It is for directions if it is not for colours and its pattern, of these the strongest, goes one way:
    (a - b) / (a + b) is above 1/2 for the eigenvalues a and b of the pattern's structure tensor.

    Parameters
    ----------
    weight : array_like or Tensor
        (filters, 1 or 3, rows, columns), of at least 3 x 3.

    Returns
    -------
    FilterKinds
        Arrays of one entry for each filter.

    Raises
    ------
    ValueError
        For weights of another shape.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural networks",
       NIPS 2012, figure 3, whose first layer specialises so.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.nn import views
    >>> blob = np.ones((5, 5)) * np.array([1.0, -0.5, -0.5])[:, None, None]
    >>> edge = np.sign(np.arange(5) - 2) * np.ones((3, 5, 1))
    >>> kinds = views.filter_kinds([blob, edge])
    >>> kinds.colour.tolist(), kinds.oriented.tolist()
    ([True, False], [False, True])
    """
    w = np.asarray(fetched(weight), np.float64)
    if w.ndim != 4 or w.shape[1] not in (1, 3) or min(w.shape[2:]) < 3 or not len(w):
        raise ValueError(f"weight has shape {w.shape}; give filters (filters, 1 or 3, rows, columns) of a first layer, of 3 x "
                         "3 or more")
    energy = (w**2).sum(axis=(1, 2, 3))
    grey = w.shape[1] * (w.mean(axis=1) ** 2).sum(axis=(1, 2))
    colourfulness = 1 - np.divide(grey, energy, out=np.ones_like(grey), where=energy > 0)
    direction, strength, pattern = np.linalg.svd(w.reshape(*w.shape[:2], -1), full_matrices=False)
    first = np.divide(strength[:, 0] ** 2, energy, out=np.zeros_like(energy), where=energy > 0)
    along_grey = direction[:, :, 0].sum(axis=1) ** 2 / w.shape[1]
    colour = (first > ONE_COLOUR) & (along_grey < 0.5)
    coherence = _coherence(pattern[:, 0].reshape(-1, *w.shape[2:]))
    return FilterKinds(colourfulness, coherence, colour, ~colour & (coherence > COHERENT) & (energy > 0))


def _coherence(patterns: Array) -> Array:
    """How far patterns (n, rows, columns) go one way."""
    down, right = np.gradient(patterns, axis=(1, 2))
    a, b, c = (np.sum(product, axis=(1, 2)) for product in (down**2, right**2, down * right))
    total = a + b
    return np.asarray(np.divide(np.hypot(a - b, 2 * c), total, out=np.zeros_like(total), where=total > 1e-12))
