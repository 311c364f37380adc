"""Parameters of one dtype in one buffer, with what an optimizer remembers of them in buffers alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from convkit._core.typing import Array
from convkit.autodiff import Tensor
from convkit.engines.update import joined


class Flat:
    """Makes the data of `parameters` views of one buffer, in their order.

    `remembered` are arrays by the id of a parameter and a name, from a former layout.
    """

    def __init__(self, parameters: Sequence[Tensor], remembered: Mapping[int, Mapping[str, Array]]) -> None:
        self.parameters = parameters
        self.buffer, self.views = joined([p.data for p in parameters])
        self.starts = np.cumsum([0, *(p.numel() for p in parameters)]).tolist()
        self._memory: dict[str, tuple[Array, list[Array], set[int]]] = {}
        for i, (parameter, view) in enumerate(zip(parameters, self.views, strict=True)):
            parameter.data = view
            for name, array in remembered.get(id(parameter), {}).items():
                self._remember(name)[1][i][...] = array
                self.begun(name, [i])

    def _remember(self, name: str) -> tuple[Array, list[Array], set[int]]:
        if name not in self._memory:
            self._memory[name] = (*joined([np.broadcast_to(v.dtype.type(0), v.shape) for v in self.views]), set())
        return self._memory[name]

    def memory(self, name: str) -> Array:
        """The buffer of that name: zeros until something is written there."""
        return self._remember(name)[0]

    def begun(self, name: str, indices: Sequence[int]) -> None:
        """Note that there is something for these parameters under that name."""
        self._remember(name)[2].update(indices)

    def remembered(self) -> dict[int, dict[str, Array]]:
        """What there is, by the id of the parameter and the name."""
        return {id(p): {name: views[i] for name, (_, views, known) in self._memory.items() if i in known}
                for i, p in enumerate(self.parameters)}

    def stretches(self, name: str) -> Iterator[tuple[range, list[Any], bool]]:
        """Neighbours with gradients, these, and whether there is something under that name for them."""
        known = self._remember(name)[2] if name else ()
        gradients = [p.grad for p in self.parameters]
        states = [None if g is None else i in known for i, g in enumerate(gradients)]
        first = 0
        for state, members in groupby(states):
            last = first + sum(1 for _ in members)
            if state is not None:
                yield range(first, last), gradients[first:last], state
            first = last

    def settle(self) -> bool:
        """Take over numbers that were put in the place of the views; False where the buffer cannot hold them."""
        for parameter, view in zip(self.parameters, self.views, strict=True):
            if parameter.data is not view:
                if parameter.dtype != view.dtype or parameter.shape != view.shape:
                    return False
                view[...] = parameter.data
                parameter.data = view
        return True
