"""Batches of arrays in a drawn order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array, ArrayLike, IntArray


class ArrayLoader:
    """Batches of samples and labels, in an order drawn anew for each epoch.

    A loop over it is one epoch, also one that is left early. The order of an epoch and the random numbers of `transform` depend
    on the seed, the number of the epoch and of the batch alone, so that a run that goes on from `state_dict` draws what it
    would have drawn.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        Samples. They are not copied: a batch is gathered when it is asked for.
    y : array_like, shape (N, ...)
        Labels or targets.
    batch_size : int
        Samples in a batch; the last has what is left.
    shuffle : bool
        Draw the order; else it is that of `x`.
    reshuffle : bool
        Draw a new order for each epoch; else the first is used again.
    drop_last : bool
        Leave out a last batch that is not full.
    seed : int
        The same seed, the same batches.
    transform : callable, optional
        ``transform(images, rng)`` changes the samples of each batch, with random numbers of the generator `rng`; `rng` is None
        for one whose attribute ``draws`` is False, such as `Standardize`.
    order : array_like of int, shape (N,), optional
        The order to use in every epoch instead of a drawn one; only with ``reshuffle=False``.

    Raises
    ------
    ValueError
        If `x` and `y` differ in length, no batch would be full with ``drop_last=True``, or `order` is no order of N samples
        or does not go with `shuffle` and `reshuffle`.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.data import ArrayLoader
    >>> loader = ArrayLoader(np.arange(10.0), np.arange(10), batch_size=4, seed=1)
    >>> [len(y) for x, y in loader]
    [4, 4, 2]
    >>> loader = ArrayLoader(np.arange(4.0), np.arange(4), batch_size=2, reshuffle=False, order=[3, 1, 0, 2])
    >>> [y.tolist() for epoch in range(2) for x, y in loader]
    [[3, 1], [0, 2], [3, 1], [0, 2]]
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, batch_size: int = 1, shuffle: bool = True, reshuffle: bool = True,
                 drop_last: bool = False, seed: int = 0,
                 transform: Callable[[Array, Any], Array] | None = None,
                 order: ArrayLike | None = None) -> None:
        self.x, self.y = checks.numbers(x, "x"), checks.numbers(y, "y")
        if len(self.x) != len(self.y):
            raise ValueError(f"x has {len(self.x)} samples and y {len(self.y)}; there must be one label or target per sample")
        self.batch_size = checks.nonnegative(batch_size, "batch_size")
        if not self.batch_size:
            raise ValueError("batch_size=0 is not allowed; a batch has at least one sample")
        if drop_last and self.batch_size > len(self.x):
            raise ValueError(f"batch_size={batch_size} with drop_last=True leaves no batch of {len(self.x)} samples; give a "
                             "smaller batch_size, or drop_last=False")
        self.shuffle, self.reshuffle, self.drop_last = shuffle, reshuffle, drop_last
        self.seed = checks.nonnegative(seed, "seed")
        self.transform = transform
        self._order = None if order is None else self._given(order)
        self._next = (0, 0)
        self._place = (0, 0)

    def _given(self, order: ArrayLike) -> IntArray:
        if self.reshuffle or not self.shuffle:
            raise ValueError("order= is used in every epoch in place of a drawn one: it goes with shuffle=True and "
                             f"reshuffle=False, and here shuffle={self.shuffle} and reshuffle={self.reshuffle}")
        array = checks.numbers(order, "order")
        n = len(self.x)
        if array.dtype.kind not in "iu" or array.shape != (n,) or not np.array_equal(np.sort(array), np.arange(n)):
            raise ValueError(f"order of shape {array.shape} and dtype {array.dtype} does not name each of the {n} samples "
                             f"once; give the numbers 0 to {n - 1} as integers, in any order")
        return array.astype(np.int64)

    def __len__(self) -> int:
        n = len(self.x)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def order(self, epoch: int) -> IntArray:
        """Numbers of the samples, in the order in which an epoch takes them.

        Parameters
        ----------
        epoch : int
            Which epoch, from 0.

        Returns
        -------
        ndarray of int64, shape (N,)
            A permutation of 0 to N - 1.
        """
        if self._order is not None:
            return self._order
        if not self.shuffle:
            return np.arange(len(self.x))
        return np.random.default_rng([self.seed, epoch if self.reshuffle else 0]).permutation(len(self.x))

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        epoch, first = self._next
        self._next = epoch + 1, 0
        order = self.order(epoch)
        x, y, size = self.x, self.y, self.batch_size
        for batch in range(first, len(self)):
            self._place = epoch, batch + 1
            taken = order[batch * size : (batch + 1) * size]
            images = x.take(taken, axis=0)
            if self.transform is not None:
                # A seed that ends with 0 is the same as one without it. To make a generator takes as long as a small batch.
                draws = getattr(self.transform, "draws", True)
                images = self.transform(images, np.random.default_rng([self.seed, epoch, batch + 1]) if draws else None)
            yield images, y.take(taken, axis=0)
        self._place = epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """Where the loop is, within one or between two: plain numbers, for `load_state_dict`.

        Returns
        -------
        dict
            ``"seed"``; ``"epoch"``, from 0, and ``"batch"``, how many batches of it have been handed out; and ``"samples"`` and
            ``"batch_size"``, with which they must go on.
        """
        epoch, batch = self._place
        return {"seed": self.seed, "epoch": epoch, "batch": batch, "samples": len(self.x), "batch_size": self.batch_size}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where another loader was: the next loop begins with the batch that would have come next.

        Parameters
        ----------
        state_dict : mapping
            As `state_dict` returns it.

        Raises
        ------
        ValueError
            If the other loader had another number of samples, or batches of another size.
        """
        for name, own in (("samples", len(self.x)), ("batch_size", self.batch_size)):
            if state_dict[name] != own:
                raise ValueError(f"the state is that of a loader with {name}={state_dict[name]}, and this one has {own}; its "
                                 "batches would not be the same")
        self.seed = checks.nonnegative(state_dict["seed"], "seed")
        epoch, batch = (checks.nonnegative(state_dict[name], name) for name in ("epoch", "batch"))
        self._next = self._place = epoch, batch
