"""Where the numbers of an array lie that does not lie in C order; strides are bytes, None for C order."""

from __future__ import annotations

from typing import NamedTuple


class Lies(NamedTuple):
    """How an array lies in memory, as its library tells."""

    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    size: int
    address: int

    @property
    def in_order(self) -> bool:
        """Whether numbers, of `size` bytes, follow one another in C order."""
        if self.strides is None or 0 in self.shape:
            return True
        size = self.size
        for n, step in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if n != 1 and step != size:
                return False
            size *= n
        return True

    def around(self, name: str) -> tuple[int, int, int, tuple[int, ...]]:
        """Address of the lowest number, how many there are from it to the highest, place of the first, and steps between them.

        `name` is that of the array in the message to whoever handed in one whose strides part numbers.
        """
        strides = self.strides or ()
        reach = [step * (n - 1) for step, n in zip(strides, self.shape, strict=True)]
        if any(step % self.size for step in reach):
            raise ValueError(f"{name} of shape {self.shape} has strides {strides} in the memory of the device, not all of them "
                             f"multiples of the {self.size} bytes of a number; hand in a contiguous copy of it")
        low, high = sum(min(step, 0) for step in reach), sum(max(step, 0) for step in reach)
        steps = tuple(0 if n == 1 else step // self.size for step, n in zip(strides, self.shape, strict=True))
        return self.address + low, (high - low) // self.size + 1, -low // self.size, steps
