"""Parameters of one dtype in one buffer, with what an optimizer remembers of them in buffers alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from convkit._core.typing import Array
from convkit.autodiff import Tensor
from convkit.autodiff.places import brought
from convkit.engines.places import place_of


class Memory(NamedTuple):
    """What is remembered of a parameter: after how many steps, and arrays of its shape by name."""

    steps: int
    arrays: Mapping[str, Array]


class Flat:
    """Makes the data of `parameters`, all in one place, views of one buffer, in their order.

    `remembered` is what is known from a former layout, by the id of a parameter.
    """

    def __init__(self, parameters: Sequence[Tensor], remembered: Mapping[int, Memory]) -> None:
        self.parameters = parameters
        dtype, self._shapes = parameters[0].dtype, [p.shape for p in parameters]
        self.update, device = place_of(parameters[0].data).update, parameters[0].device
        self.places = self.update.places([p.numel() for p in parameters], dtype)
        self.buffer = self.places.buffer(dtype, 0)
        self.views = self.places.views(self.buffer, self._shapes)
        self.steps = [0] * len(parameters)
        self._memory: dict[str, tuple[Array, list[Array]]] = {}
        for i, (parameter, view) in enumerate(zip(parameters, self.views, strict=True)):
            view[...] = parameter.data
            parameter.data = view
            if id(parameter) in remembered:
                self.steps[i], arrays = remembered[id(parameter)]
                for name, array in arrays.items():
                    self._remember(name)[1][i][...] = brought(array, device)

    def _remember(self, name: str) -> tuple[Array, list[Array]]:
        if name not in self._memory:
            buffer = self.places.buffer(self.buffer.dtype, len(self._memory) + 1)
            self._memory[name] = buffer, self.places.views(buffer, self._shapes)
        return self._memory[name]

    def memory(self, name: str) -> Array:
        """The buffer of that name: zeros until something is written there."""
        return self._remember(name)[0]

    def view(self, name: str, i: int) -> Array:
        """What is remembered under that name of the i-th parameter."""
        return self._remember(name)[1][i]

    def remembered(self) -> dict[int, Memory]:
        """What there is, by the id of the parameter, of those that have made steps."""
        return {id(p): Memory(steps, {name: views[i] for name, (_, views) in self._memory.items()})
                for i, (p, steps) in enumerate(zip(self.parameters, self.steps, strict=True)) if steps}

    def runs(self) -> Iterator[Run]:
        """Neighbours with gradients that have made as many steps."""
        gradients: list[Any] = [p.grad for p in self.parameters]
        states = [None if g is None else n for g, n in zip(gradients, self.steps, strict=True)]
        if None not in states and states.count(states[0]) == len(states):
            yield Run(self, 0, len(states), gradients, self.steps[0])
            return
        first = 0
        for steps, members in groupby(states):
            last = first + sum(1 for _ in members)
            if steps is not None:
                yield Run(self, first, last, gradients[first:last], steps)
            first = last

    def settle(self) -> bool:
        """Take over numbers that were put in the place of the views; False where the buffer cannot hold them."""
        for parameter, view in zip(self.parameters, self.views, strict=True):
            if parameter.data is not view:
                if (type(parameter.data), parameter.dtype, parameter.shape) != (type(view), view.dtype, view.shape):
                    return False
                view[...] = parameter.data
                parameter.data = view
        return True


class Run(NamedTuple):
    """Neighbours, from parameter `first` to before `last`, with their gradients, that have made as many `steps`."""

    flat: Flat
    first: int
    last: int
    gradients: Sequence[Array]
    steps: int

    def fill(self, name: str, value: float) -> None:
        """Let what is remembered under that name begin with `value`."""
        for i in range(self.first, self.last):
            self.flat.view(name, i)[...] = value

    def walk(self, kernel: Callable[..., object], names: Sequence[str], factors: Sequence[float]) -> None:
        """Make a step with a kernel of `convkit.kernels.update`, which is counted if something is remembered.

        An empty name stands for an array that the kernel does not look at.
        """
        flat = self.flat
        memories = [flat.memory(name) if name else flat.buffer[:0] for name in names]
        here = slice(self.first, self.last)
        starts, sizes = flat.places.starts[here], flat.places.sizes[here]
        flat.update.walk(kernel, flat.buffer, self.gradients, starts, sizes, memories, factors)
        if names:
            flat.steps[here] = [self.steps + 1] * (self.last - self.first)
