"""How good a model is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from convkit._core.device import Remote
from convkit._core.typing import Array, IntArray
from convkit.autodiff import Tensor, no_grad
from convkit.autodiff.places import array_of, brought
from convkit.engines.places import place_of
from convkit.nn import CrossEntropyLoss, Module


class Evaluation(NamedTuple):
    """Mean loss over all items, and the share of right classes; None where the targets are no classes."""

    loss: float
    accuracy: float | None


def array(value: Any) -> Any:
    """The numbers of an array or Tensor, where they lie."""
    return array_of(value.data if isinstance(value, Tensor) else value)


def fetched(value: Any) -> Array:
    """The numbers of an array or Tensor in the memory of the host."""
    found: Array = brought(array(value), "cpu")
    return found


def placed(model: Module, value: Any) -> Any:
    """The numbers of an array or Tensor where the parameters of a model lie."""
    first = next(model.parameters(), None)
    return array(value) if first is None else brought(array(value), first.device)


def brought_batches(model: Module, found: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Batches of arrays where the parameters of a model lie: to a device the next one is sent while one is worked on."""
    first = next(model.parameters(), None)
    return found if first is None else place_of(first.data).fed(found)


def dtype_of(model: Module) -> np.dtype[Any]:
    """The dtype that a model computes in."""
    first = next(model.parameters(), None)
    return np.dtype(np.float32) if first is None else first.dtype


def batches(x: Any, y: Any, size: int) -> Iterator[tuple[Array, Array]]:
    """Consecutive batches of arrays."""
    if size < 1:
        raise ValueError(f"batch_size={size!r} must be 1 or more")
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


def right(scores: Any, labels: Any) -> Any:
    """How many of the largest scores (N, classes) are those of the labels (N,); None where the targets are no classes.

    Of scores on a device a number that waits there.
    """
    if scores.ndim != 2 or labels.ndim != 1 or labels.dtype.kind not in "iu":
        return None
    return place_of(scores).right(scores, labels)


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """`eval` mode without a tape; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def predict(model: Module, x: Any, batch_size: int = 256) -> Array:
    """Results of a model for all inputs, batch by batch and as after `eval`.

    Parameters
    ----------
    model : Module
        The model, which is left in the mode it was in.
    x : array_like
        Inputs, the axis of items first.
    batch_size : int
        Items at a time.

    Returns
    -------
    ndarray
        Results, the axis of items first.

    Raises
    ------
    ValueError
        Without items, and as the layers raise.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, training
    >>> training.predict(nn.Linear(4, 2), np.zeros((1000, 4), "float32")).shape
    (1000, 2)
    """
    given = fetched(x)
    if not given.ndim or not len(given):
        raise ValueError(f"x has shape {given.shape}; give at least one item, the axis of items first")
    results: list[Any] = []
    parts = ((part.astype(dtype_of(model), copy=False),) for part, _ in batches(given, given, batch_size))
    with evaluating(model):
        for part, in brought_batches(model, parts):
            results.append(model(placed(model, part)))
            if len(results) > 1:  # fetched while a device works on the next
                results[-2] = fetched(results[-2])
    return np.concatenate([fetched(result) for result in results])


def evaluate(model: Module, data: Any, loss: Callable[..., Any] | None = None, batch_size: int = 256) -> Evaluation:
    """Loss and accuracy of a model, as after `eval`. Batches are brought to where the model lies.

    Parameters
    ----------
    model : Module
        The model, which is left in the mode it was in.
    data : ArrayLoader, or (x, y)
        Anything that gives batches of inputs and targets, or arrays of them.
    loss : callable
        The loss of a batch's results and targets, a mean over the batch; ``nn.CrossEntropyLoss()`` unless given.
    batch_size : int
        Items at a time, of arrays.

    Returns
    -------
    Evaluation
        ``loss``, and ``accuracy`` from 0 to 1.

    Raises
    ------
    ValueError
        Without items, for other numbers of inputs than of targets, and as the layers and the loss raise.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit import nn, training
    >>> model = nn.Linear(2, 2)
    >>> _ = model.load_state_dict({"weight": np.eye(2), "bias": np.zeros(2)})
    >>> training.evaluate(model, (np.float32([[9, 0], [0, 9], [9, 0]]), [0, 1, 1])).accuracy
    0.6666666666666666
    """
    compute = CrossEntropyLoss() if loss is None else loss
    sums = Sums()
    with evaluating(model):
        for x, y in brought_batches(model, pairs(model, data, batch_size)):
            scores = array(model(placed(model, x)))
            sums.add(number(compute(Tensor(scores), y)), scores, y)
    if not sums.items:
        raise ValueError("data has no items to evaluate the model on; give at least one")
    return Evaluation(sums.loss, sums.accuracy)


def number(loss: Any) -> Any:
    """A loss as a float; on a device as a number that waits there."""
    found = array(loss)
    return found if isinstance(found, Remote) else float(found)


class Sums:
    """Losses and right answers over batches, added up where they lie: asking for their means waits for a device."""

    def __init__(self) -> None:
        self.items = 0
        self._loss: Any = 0.0
        self._right: Any = 0

    def add(self, loss: Any, scores: Any, labels: Any) -> None:
        """Add a batch: its mean loss as `number` gives it, and whether its scores are right where `labels` are classes."""
        count = len(scores)
        self.items += count
        if isinstance(loss, Remote):  # adds float32 up in float64, as Python does here
            loss = array(loss).astype(np.float64)
        self._loss = self._loss + loss * count
        found = None if self._right is None else right(scores, array(labels))
        self._right = None if found is None else self._right + found

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self._loss) / self.items

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; None where the labels of a batch were no classes."""
        return None if self._right is None else float(self._right) / self.items


def arrays_of(model: Module, data: tuple[Any, Any]) -> tuple[Array, Array]:
    """Inputs and targets given as arrays: as many of one as of the other, the inputs in the model's dtype."""
    x, y = (fetched(value) for value in data)
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise ValueError(f"data has inputs of shape {x.shape} and targets of shape {y.shape}; give as many of one as of the "
                         "other, at least one, the axis of items first")
    return x.astype(dtype_of(model), copy=False), y


def is_pair(data: Any) -> bool:
    """Whether data are (x, y) rather than something that gives batches."""
    return isinstance(data, tuple | list) and len(data) == 2


def check_data(data: Any, name: str) -> None:
    """Refuse what is neither arrays nor something that gives batches."""
    if not is_pair(data) and (hasattr(data, "shape") or not isinstance(data, Iterable)):
        raise TypeError(f"{name} is a {type(data).__name__}; give (x, y), a pair of arrays in brackets, or what gives batches "
                        "of both, such as an ArrayLoader")


def pairs(model: Module, data: Any, batch_size: int) -> Iterable[tuple[Any, Any]]:
    """Batches of a loader, or of arrays in their order."""
    check_data(data, "data")
    return batches(*arrays_of(model, data), batch_size) if is_pair(data) else data


def confusion_matrix(labels: Any, predicted: Any, classes: int) -> IntArray:
    """How often each class was taken for each other.

    Parameters
    ----------
    labels, predicted : array_like
        True and predicted classes (N,), from 0.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray
        (classes, classes), int64: row i, column j counts items of class i that were taken for j.

    Raises
    ------
    ValueError
        For labels that are no classes, and other numbers of labels than of predictions.

    Examples
    --------
    >>> from convkit.training import confusion_matrix
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    true, said = (np.asarray(value) for value in (labels, predicted))
    if true.shape != said.shape or true.ndim != 1:
        raise ValueError(f"labels have shape {true.shape} and predictions {said.shape}; give one of each for every item")
    for name, value in (("labels", true), ("predicted", said)):
        if value.size and (value.dtype.kind not in "iu" or value.min() < 0 or value.max() >= classes):
            raise ValueError(f"{name} hold what is no class; give whole numbers from 0 to {classes - 1}")
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (true.astype(np.int64), said.astype(np.int64)), 1)
    return counts
