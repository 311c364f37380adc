"""Where a network of rectifiers is one affine map: its linear regions on a plane through the space of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from convkit._core import checks
from convkit._core.images import number
from convkit._core.typing import Array, ArrayLike, IntArray
from convkit.autodiff import Tensor
from convkit.nn import functional, layers
from convkit.nn.layers.layer import Layer, watched
from convkit.nn.layers.pad import PADS
from convkit.nn.module import Module
from convkit.nn.views.inside import batch_of, fetched, functions_outside, run, undisturbed

BATCH = 2048
_POOLS: dict[type[Layer], Any] = {
    layers.MaxPool1d: functional.max_pool1d, layers.MaxPool2d: functional.max_pool2d, layers.MaxPool3d: functional.max_pool3d,
}  # fmt: skip
_AFFINE = (
    layers.Conv1d, layers.Conv2d, layers.Conv3d, layers.ConvTranspose1d, layers.ConvTranspose2d, layers.ConvTranspose3d,
    layers.Linear, layers.AvgPool1d, layers.AvgPool2d, layers.AvgPool3d, layers.AdaptiveAvgPool1d, layers.AdaptiveAvgPool2d,
    layers.AdaptiveAvgPool3d, layers.BatchNorm1d, layers.BatchNorm2d, layers.BatchNorm3d, layers.Dropout, layers.Flatten,
    layers.Identity, layers.ZeroPadShortcut, *PADS,
)  # fmt: skip
_AFFINE_FUNCTIONS = frozenset(
    ("add", "subtract", "negative", "reshape", "flatten", "permute", "concatenate", "item", "pad", "total", "mean")
)  # fmt: skip


class Plane(NamedTuple):
    """A rectangle in the space of inputs: ``corner + u * right + v * down`` for u and v from 0 to 1.

    Attributes
    ----------
    corner : ndarray
        The input at its upper left.
    right, down : ndarray
        Its sides, of the shape of `corner`.
    """

    corner: Array
    right: Array
    down: Array

    @staticmethod
    def through(first: ArrayLike, second: ArrayLike, third: ArrayLike, margin: float = 0.25) -> Plane:
        """The square of the plane through three inputs that holds them, without distortion.

        Parameters
        ----------
        first, second, third : array_like
            Inputs of one shape, not on one line. The side `right` runs from the first to the second.
        margin : float
            How far it reaches beyond them, in widths of the square that just holds them.

        Raises
        ------
        ValueError
            For inputs of different shapes or on one line, and a margin below 0.

        Examples
        --------
        >>> from convkit.nn.views import Plane
        >>> plane = Plane.through([0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [0.0, 1.0, 1.0], margin=0)
        >>> plane.right, plane.down
        (array([2., 0., 0.]), array([0., 2., 0.]))
        """
        named = {"first": first, "second": second, "third": third}
        given = [checks.numbers(x, name).astype(np.float64) for name, x in named.items()]
        if len({x.shape for x in given}) > 1:
            raise ValueError(f"first, second and third have shapes {', '.join(str(x.shape) for x in given)}; give three of one "
                             "shape")
        wide = number(margin, "margin", least=0)
        a, b, c = (x.reshape(-1) for x in given)
        basis = np.linalg.qr(np.stack([b - a, c - a], axis=1))
        lengths = np.abs(np.diag(basis.R))
        if lengths[1] <= 1e-10 * np.linalg.norm(c - a) or not lengths[0]:
            raise ValueError("first, second and third lie on one line, and no plane is given by them; choose other inputs")
        right, down = (basis.Q * np.sign(np.diag(basis.R))).T
        at = np.array([[0, 0], [lengths[0], 0], [(c - a) @ right, lengths[1]]])
        side = float(np.ptp(at, axis=0).max()) * (1 + 2 * wide)
        corner = (at.min(axis=0) + at.max(axis=0) - side) / 2
        shape = given[0].shape
        return Plane((a + corner[0] * right + corner[1] * down).reshape(shape), (side * right).reshape(shape),
                     (side * down).reshape(shape))

    def point(self, u: ArrayLike, v: ArrayLike) -> Array:
        """Inputs at places (u, v): arrays of the same shape give one input for each, along new first axes."""
        at = np.stack(np.broadcast_arrays(u, v), axis=-1).astype(np.float64)
        sides = np.stack([self.right.reshape(-1), self.down.reshape(-1)])
        return np.asarray(at @ sides + self.corner.reshape(-1)).reshape(at.shape[:-1] + self.corner.shape)

    def locate(self, x: ArrayLike) -> tuple[float, float]:
        """Place (u, v) of an input, or of the point of the plane nearest to it."""
        sides = np.stack([self.right.reshape(-1), self.down.reshape(-1)], axis=1)
        u, v = np.linalg.lstsq(sides, (np.asarray(x) - self.corner).reshape(-1), rcond=None)[0]
        return float(u), float(v)


@dataclass(frozen=True)
class Regions:
    """Linear regions on a plane.

    Attributes
    ----------
    labels : ndarray of int
        (rows, columns): the region of each place, numbered from 0 as they come, row by row.
    plane : Plane
        Where the places lie.
    """

    labels: IntArray
    plane: Plane

    @property
    def count(self) -> int:
        """Number of regions met by the places: at most that of the plane."""
        return int(self.labels.max()) + 1


def linear_regions(model: Module, plane: Plane, size: int | tuple[int, int] = 300) -> Regions:
    """Which linear region each place of a plane through the space of inputs lies in.

    A network of affine layers, rectifiers and max pools is piecewise linear. Where all rectifiers are on or off alike, and all
    max pools choose alike, it is one affine map: its derivative is constant there. Such a region is convex, so its cut with a
    plane is in one piece. Two neighbours may be the same map, where what switches between them does not reach the result.

    Parameters
    ----------
    model : Module
        The network, which consists of layers; shapes may be changed, and results be added and joined, in its ``forward``.
    plane : Plane
        The part of the space of inputs that is looked at.
    size : int or (int, int)
        Rows and columns of places, in the middles of equal cells.

    Returns
    -------
    Regions

    Raises
    ------
    ValueError
        For a network that is not piecewise linear, one that applies non-linear functions outside its layers, and for a plane
        of inputs that it refuses.

    References
    ----------
    .. [1] B. Hanin, D. Rolnick, "Complexity of linear regions in deep networks", ICML 2019, figure 1.

    Examples
    --------
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    >>> model[0].weight.data[...], model[0].bias.data[...] = [[1, 0], [0, 1]], 0
    >>> plane = views.Plane.through([-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0])
    >>> views.linear_regions(model, plane, 4).labels
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [2, 2, 3, 3],
           [2, 2, 3, 3]])
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < 1:
        raise ValueError(f"size={size!r} is not allowed; give 1 or more rows and columns")
    u, v = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    u, v = (w.reshape(-1) for w in np.broadcast_arrays(u, v[:, None]))
    numbers: dict[bytes, int] = {}
    labels = np.empty(u.size, np.int64)
    with undisturbed(model):
        _refuse_curves(model, batch_of(model, plane.point(u[:1], v[:1])))
        for begin in range(0, u.size, BATCH):
            here = slice(begin, begin + BATCH)
            patterns = _patterns(model, batch_of(model, plane.point(u[here], v[here])))
            labels[here] = [numbers.setdefault(pattern.tobytes(), len(numbers)) for pattern in patterns]
    return Regions(labels.reshape(rows, columns), plane)


def _patterns(model: Module, x: Array) -> Array:
    """What every rectifier and max pool does to each item, as bytes."""
    found = [np.zeros((len(x), 0), np.uint8)]

    def call(layer: Layer, x: Any) -> Any:
        if isinstance(layer, layers.ReLU | layers.LeakyReLU):
            found.append(np.packbits(fetched(x).reshape(len(x), -1) > 0, axis=1))
        elif type(layer) in _POOLS:
            _, chosen = _POOLS[type(layer)](x, **layer.operation().settings, return_indices=True)
            found.append(np.ascontiguousarray(fetched(chosen).reshape(len(x), -1)).view(np.uint8))
        return run(layer, x)

    watched(call, model, x)
    return np.concatenate(found, axis=1)


def _refuse_curves(model: Module, x: Array) -> None:
    """Refuse a network that is not piecewise linear, or whose pieces are not seen, by what it does to one item."""
    results = []

    def call(layer: Layer, x: Any) -> Any:
        if type(layer) not in (*_AFFINE, *_POOLS, layers.ReLU, layers.LeakyReLU):
            raise ValueError(f"{layer!r} is not known to be piecewise linear, so {type(model).__name__} has no linear regions; "
                             "leave it out, or use ReLU, LeakyReLU and max pools")
        results.append(run(layer, x))
        return results[-1]

    result = watched(call, model, Tensor(x, requires_grad=True))
    for name in sorted(functions_outside(result, results) - _AFFINE_FUNCTIONS):
        raise ValueError(f"{type(model).__name__} applies {name} outside its layers, where its regions are not seen; make it a "
                         "layer, such as nn.ReLU()")
