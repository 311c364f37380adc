"""What lies beyond the edge of an array. The only place in the package that knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from convkit._core.typing import IntArray

Boundary: TypeAlias = str | Sequence[str]

PICTURES = {
    "zero": "0 0 | a b c d | 0 0",
    "constant": "k k | a b c d | k k   (k = fill_value)",
    "edge": "a a | a b c d | d d",
    "reflect": "c b | a b c d | c b",
    "symmetric": "b a | a b c d | d c",
    "wrap": "c d | a b c d | a b",
}
_ALIASES = {
    "fill": "constant",
    "nearest": "edge",
    "replicate": "edge",
    "mirror": "reflect",
    "symm": "symmetric",
    "periodic": "wrap",
    "circular": "wrap",
    "grid-wrap": "wrap",
}
CONSTANT = ("zero", "constant")


def _canonical(word: object) -> str:
    name = _ALIASES.get(word, word) if isinstance(word, str) else word
    if isinstance(name, str) and name in PICTURES:
        return name
    table = "\n".join(
        f"  {name!r:12} {picture}"
        + "".join(f", {alias!r}" if i else f"   also {alias!r}" for i, alias in enumerate(_also(name)))
        for name, picture in PICTURES.items()
    )
    raise ValueError(f"boundary={word!r} is not known; it may be one of\n{table}")


def _also(name: str) -> list[str]:
    return [alias for alias, target in _ALIASES.items() if target == name]


def normalize(boundary: Boundary, ndim: int, fill_value: complex = 0.0) -> tuple[str, ...]:
    """Return one canonical boundary word for each of `ndim` axes.

    Raises
    ------
    ValueError
        For an unknown word, a sequence of another length than `ndim`, or a ``fill_value`` that no
        boundary uses.
    """
    if isinstance(boundary, str):
        names = (_canonical(boundary),) * ndim
    else:
        try:
            words = tuple(boundary)
        except TypeError:
            words = (_canonical(boundary),)
        names = tuple(_canonical(word) for word in words)
        if len(names) != ndim:
            raise ValueError(
                f"boundary={boundary!r} has {len(names)} words for {ndim} axes; give one word for all axes, or one per axis"
            )
    if fill_value != 0 and (
        "constant" not in names or "zero" in names
    ):
        raise ValueError(
            f"fill_value={fill_value!r} is used by boundary='constant' only, and boundary={boundary!r}; "
            "say boundary='constant', or leave fill_value at 0"
        )
    return names


def index_map(n: int, before: int, after: int, boundary: str) -> IntArray:
    """Source index of every sample of an axis of length `n` extended by a halo, -1 where a constant fills.

    A negative `before` or `after` crops. A halo longer than the axis keeps reflecting or wrapping.
    """
    i = np.arange(-before, n + after, dtype=np.int64)
    if before <= 0 and after <= 0:
        return i
    if boundary in CONSTANT:
        i[(i < 0) | (i >= n)] = -1
        return i
    if boundary == "edge":
        return np.clip(i, 0, n - 1)
    if boundary == "wrap":
        return i % n
    if boundary == "symmetric":
        i %= 2 * n
        return np.minimum(i, 2 * n - 1 - i)
    if n == 1:
        return np.zeros_like(i)
    i %= 2 * n - 2
    return np.minimum(i, 2 * n - 2 - i)
