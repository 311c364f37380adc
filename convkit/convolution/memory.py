"""Calls met before: everything but their samples prepared, found by one look-up."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from convkit._core.device import layout_of

# As many calls as a program is likely to alternate between, and the bytes that they may hold together.
COUNT = 256
BYTES = 1 << 25
# Bytes of weights up to which all of them are the key; of more, some are, and the rest is compared with what was kept.
WHOLE = 4096
# Bytes of weights beyond which no call is kept: it takes long anyway.
MOST = 1 << 20


class Kept(Protocol):
    """What is ready for another call."""

    nbytes: int
    lasting: bool

    def __call__(self, samples: Any, out: Any, workers: int | None) -> Any:
        """Correlate samples of the same layout."""


class Key(NamedTuple):
    """What tells calls apart: what is looked up, and the bytes of large weights."""

    words: tuple[Any, ...]
    large: bytes


def key_of(x: Any, weights: Sequence[Any], words: tuple[Any, ...], boundary: Any, fill_value: Any, axes: Any) -> Key | None:
    """The key of a call; None for arguments that are not plain enough to be told apart quickly, and surely.

    A weight that is None stands for itself. Equal words must mean the same: 1.0 == 1, but is no axis, and 0.0 == -0.0.
    """
    kind = type(fill_value)
    place = (x.shape, x.strides, x.dtype) if type(x) is np.ndarray else layout_of(x)
    if place is None or (kind is not float and kind is not int and kind is not complex):
        return None
    if axes is not None and type(axes) is not int:
        if (type(axes) is not tuple and type(axes) is not list) or any(type(a) is not int for a in axes):
            return None
        axes = tuple(axes)
    parts: list[Any] = [place, words, tuple(boundary) if type(boundary) is list else boundary,
                        repr(fill_value), axes]
    large = b""
    for w in weights:
        if w is None:
            parts.append(None)
            continue
        if type(w) is not np.ndarray or w.nbytes > MOST or w.dtype.hasobject:
            return None
        data = w.tobytes()
        if len(data) > WHOLE:
            large += data
            # An odd step: it meets every byte of a number.
            data = data[:: len(data) >> 10 | 1]
        parts += [w.shape, w.dtype, data]
    return Key(tuple(parts), large)


class Memory:
    """What is ready for calls met before; the oldest is forgotten first. Any number of threads may use it."""

    def __init__(self, count: int = COUNT, nbytes: int = BYTES) -> None:
        self._count = count
        self._most = nbytes
        self._entries: dict[tuple[Any, ...], tuple[bytes, Kept, int]] = {}
        self._changing = threading.Lock()
        self._held = 0

    def find(self, key: Key | None) -> Kept | None:
        """What was kept for a call with this key."""
        if key is None:
            return None
        try:
            found = self._entries.get(key.words)
        except TypeError:  # an option that cannot be hashed
            return None
        return found[1] if found is not None and found[0] == key.large else None

    def keep(self, key: Key | None, ready: Kept) -> None:
        """Keep what is ready for the next call with this key, unless it holds the samples of this one, or too much."""
        if key is None or not ready.lasting:
            return
        size = ready.nbytes + 2 * len(key.large) + 2 * WHOLE
        try:
            hash(key.words)
        except TypeError:
            return
        if size > self._most // 4:
            return
        with self._changing:
            self._forget(key.words)
            while self._entries and (len(self._entries) >= self._count or self._held + size > self._most):
                self._forget(next(iter(self._entries)))
            self._entries[key.words] = (key.large, ready, size)
            self._held += size

    def _forget(self, words: tuple[Any, ...]) -> None:
        found = self._entries.pop(words, None)
        if found is not None:
            self._held -= found[2]
