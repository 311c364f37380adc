"""What a unit answers to: gradients and reconstructions in the space of the input, and the inputs that excite it most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convkit._core.typing import Array, ArrayLike
from convkit.autodiff import Tensor, apply
from convkit.autodiff.pairs import Pair
from convkit.autodiff.places import array_of
from convkit.nn.functional import relu_pair
from convkit.nn.layers import ReLU
from convkit.nn.layers.layer import Layer
from convkit.nn.module import Module
from convkit.nn.views.field import receptive_field
from convkit.nn.views.inside import activation, batch_of, fetched, functions_outside, reach, run, undisturbed, unit_of

BATCH = 256


def input_gradient(model: Module, x: Any, unit: int | Sequence[int], *, layer: Any = None) -> Array:
    """Derivative of one unit with respect to each input: which samples would raise it.

    Parameters
    ----------
    model : Module
        The network. Its forward pass treats items apart.
    x : array_like or Tensor
        Inputs, the axis of items first.
    unit : int or sequence of int
        Index of the unit in the result for one item: a class, or (channel, row, column).
    layer : str or Layer, optional
        Whose unit it is; by default the model's own result.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    IndexError
        For a unit that there is not.
    ValueError
        For a layer that the model has not, and as the layers raise.

    References
    ----------
    .. [1] K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", arXiv:1312.6034, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Linear(3, 2))
    >>> gradient = views.input_gradient(model, np.ones((1, 3)), 1)
    >>> bool(np.all(gradient[0] == model[0].weight.data[1]))
    True
    """
    start = Tensor(batch_of(model, x), requires_grad=True)
    with undisturbed(model):
        result = model(start) if layer is None else reach(model, start, layer)
        place = unit_of(result.shape, unit, "unit")
        result[(slice(None), *place)].sum().backward()
    return _arrived(start)


def _arrived(start: Tensor) -> Array:
    """The gradient of the input; zero where nothing came back."""
    return fetched(np.zeros_like(start.data) if start.grad is None else start.grad)


def _rectify_both_ways(x: Array) -> Pair:
    """The positive part, forwards and back."""
    return relu_pair(x)[0], lambda g, wanted: (relu_pair(array_of(g))[0],)




def deconvnet(model: Module, x: Any, layer: Any, channel: int, *, position: Sequence[int] | None = None) -> Array:
    """Project one activation of each item back to the input by a deconvolutional network.

    All other activations of the layer are set to zero; then max pools are undone at the places where their largest were,
    what arrives at a rectifier is rectified, and convolutions are transposed, with their own weights and without bias. Other
    layers go back by their derivatives. What comes out are the structures of *this* input that made the unit answer.

    Parameters
    ----------
    model : Module
        The network. Its rectifiers are `ReLU` layers.
    x : array_like or Tensor
        Inputs, the axis of items first.
    layer : str or Layer
        A layer, or its name.
    channel : int
        Which of its channels (or which unit, of a dense layer).
    position : sequence of int, optional
        Place of the activation, such as (row, column); by default that of the channel's largest in each item.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    IndexError
        For a channel or a place that the layer has not.
    ValueError
        For a layer that the model has not, a model that calls ``relu`` as a function, and as the layers raise.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
    >>> views.deconvnet(model, np.ones((5, 1, 8, 8)), "2", 0).shape
    (5, 1, 8, 8)
    """
    start = Tensor(batch_of(model, x), requires_grad=True)
    results = []

    def call(layer: Layer, x: Any) -> Any:
        results.append(apply(_rectify_both_ways, x) if isinstance(layer, ReLU) else run(layer, x))
        return results[-1]

    with undisturbed(model):
        result = reach(model, start, layer, call)
        if "relu" in functions_outside(result, results):
            raise ValueError(f"{type(model).__name__} applies relu outside its layers, where the deconvnet does not see it; "
                             "make it a layer, nn.ReLU()")
        channel, = unit_of(result.shape[:2], channel, "channel")
        answers = fetched(result)
        places = _strongest(answers[:, channel])
        if position is not None:
            places[:] = unit_of(result.shape[:1] + result.shape[2:], tuple(position), "position")
        at = (np.arange(len(places)), np.full(len(places), channel), *places.T)
        seed = np.zeros(result.shape, result.dtype)
        seed[at] = answers[at]
        result.backward(seed)
    return _arrived(start)


def _strongest(answers: Array) -> Array:
    """Place of the largest activation of each item, (N, axes of space)."""
    flat = answers.reshape(len(answers), -1).argmax(axis=1)
    return np.stack(np.unravel_index(flat, answers.shape[1:]), axis=-1) if answers.ndim > 1 else np.zeros((len(flat), 0), int)


class Activation(NamedTuple):
    """A strong answer of a channel, and what caused it.

    Attributes
    ----------
    value : float
        The activation.
    image : int
        Index of the image.
    position : tuple of int
        Place in the layer, such as (row, column).
    field : tuple of slice
        The samples of the image that this place sees, one slice for each axis of space.
    patch : ndarray
        These samples, (C, rows, columns): a view of the image.
    """

    value: float
    image: int
    position: tuple[int, ...]
    field: tuple[slice, ...]
    patch: Array


def top_activations(model: Module, images: ArrayLike, layer: Any, channel: int, n: int = 9) -> list[Activation]:
    """The images that excite a channel most, and the patch of each that did.

    Parameters
    ----------
    model : Module
        The network.
    images : array_like
        (N, C, *S); they go through the network in batches.
    layer : str or Layer
        A layer, or its name.
    channel : int
        Which of its channels (or which unit, of a dense layer).
    n : int, default 9
        How many images; no more than there are.

    Returns
    -------
    list of Activation
        The largest activation of each of the `n` images, the strongest first; of equals the first image.

    Raises
    ------
    IndexError
        For a channel that the layer has not.
    ValueError
        For `n` below 1, a layer that the model has not, and as the layers raise.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn
    >>> from convkit.nn import views
    >>> model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    >>> model[0].weight.data[...], model[0].bias.data[...] = 1, 0
    >>> images = np.zeros((3, 1, 8, 8))
    >>> images[1, 0, 2:5, 4:7] = 1
    >>> best = views.top_activations(model, images, "1", 0, n=1)[0]
    >>> best.value, best.image, best.position, best.patch.sum()
    (9.0, 1, (2, 4), np.float64(9.0))
    """
    if n < 1:
        raise ValueError(f"n={n!r} is not allowed; ask for 1 image or more")
    data = np.asarray(images)
    values, places = [], []
    for begin in range(0, len(data), BATCH):
        answers = activation(model, data[begin : begin + BATCH], layer)
        channel, = unit_of(answers.shape[:2], channel, "channel")
        answers = answers[:, channel]
        values.append(answers.reshape(len(answers), -1).max(axis=1))
        places.append(_strongest(answers))
    value, place = np.concatenate(values), np.concatenate(places)
    found = []
    for i in np.argsort(-value, kind="stable")[:n]:
        position = tuple(map(int, place[i]))
        field = receptive_field(model, data.shape[1:], layer, position)
        found.append(Activation(float(value[i]), int(i), position, field, data[(i, slice(None), *field)]))
    return found


def filter_images(weight: Any) -> Array:
    """Filters of a first layer as images: middle grey is 0, and each filter's largest weight is black or white.

    Parameters
    ----------
    weight : array_like or Tensor
        (filters, 1 or 3, rows, columns): grey filters, or filters of red, green and blue.

    Returns
    -------
    ndarray
        (filters, rows, columns) or (filters, rows, columns, 3), from 0 to 1.

    Raises
    ------
    ValueError
        For weights of another shape.

    Examples
    --------
    >>> from convkit.nn import views
    >>> views.filter_images([[[[-2.0, 0.0, 1.0]]]])
    array([[[0.  , 0.5 , 0.75]]])
    """
    given = fetched(weight)
    filters = np.asarray(given, np.float64)
    if filters.ndim != 4 or filters.shape[1] not in (1, 3) or not filters.size:
        raise ValueError(f"weight has shape {filters.shape}; give filters (filters, 1 or 3, rows, columns) of a first layer, "
                         "or one channel of deeper ones, such as weight[:, :1]")
    most = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    images = 0.5 + 0.5 * np.divide(filters, most, out=np.zeros_like(filters), where=most > 0)
    return images[:, 0] if filters.shape[1] == 1 else np.moveaxis(images, 1, -1)
