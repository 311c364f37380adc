"""Images continued beyond their outline, so that a transform that sees the torus does not join opposite sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core.boundary import index_map
from convkit._core.typing import Array, IntArray
from convkit.curvelets.windows import ramp

# Samples over which the mirror image fades out beyond each end, at least, where the axis is long enough.
FADE = 32


class Continuation:
    """Mirror images beyond both ends of each axis, faded so that squares are kept: its adjoint is its inverse.

    A sample near an end and its mirror image get weights whose squares sum to one: the mirror image fades out as the distance
    grows, and both are equal at the end itself. `before` and `after` are how many samples are added to axes of lengths `shape`,
    which makes them `extended`.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        from scipy.fft import next_fast_len

        self.shape = tuple(shape)
        least = [min(FADE, n // 2) for n in shape]
        # A fast length is at most a few samples more; each end has half of the axis to mirror.
        more = [min(int(next_fast_len(n + 2 * p)) - n, n) for n, p in zip(shape, least, strict=True)]
        self.before = tuple(m // 2 for m in more)
        self.after = tuple(m - m // 2 for m in more)
        self.extended = tuple(n + m for n, m in zip(shape, more, strict=True))

    def _weights(self, axis: int, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
        """Weights of the mirror image before an axis, of its samples, and of the mirror image after it."""
        inside = np.ones(self.shape[axis])
        beyond = []
        for count, samples in ((self.before[axis], inside), (self.after[axis], inside[::-1])):
            turn = np.pi / 2 * ramp(0.5 + (np.arange(count) + 0.5) / (2 * max(count, 1)))
            samples[:count] *= np.sin(turn)
            beyond.append(np.cos(turn).astype(dtype))
        return beyond[0][::-1], inside.astype(dtype), beyond[1]

    def images(self, axis: int, dtype: np.dtype[Any]) -> tuple[IntArray, Array]:
        """Sample that each place of a continued axis is the image of, and its weight, shape (1, extended)."""
        source = index_map(self.shape[axis], self.before[axis], self.after[axis], "symmetric")
        return source[None], np.concatenate(self._weights(axis, dtype))[None]

    def folds(self, axis: int, dtype: np.dtype[Any]) -> tuple[IntArray, Array]:
        """Places of a continued axis that fold to each sample, -1 for none, and their weights, shape (3, length)."""
        n, before, after = self.shape[axis], self.before[axis], self.after[axis]
        own = self._weights(axis, dtype)
        sources, weights = np.full((3, n), -1), np.zeros((3, n), dtype)
        sources[0], weights[0] = before + np.arange(n), own[1]
        sources[1, :before], weights[1, :before] = np.arange(before)[::-1], own[0][::-1]
        sources[2, n - after :], weights[2, n - after :] = before + n + np.arange(after)[::-1], own[2][::-1]
        return sources, weights

    def extend(self, x: Array) -> Array:
        """Continue the last axes of `x`."""
        for axis in range(len(self.shape)):
            source, weights = self.images(axis, x.real.dtype)
            x = np.take(x, source[0], axis=axis - len(self.shape))
            x *= weights.reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
        return x

    def fold(self, y: Array) -> Array:
        """The adjoint of `extend`: add the mirror images to what they are images of."""
        for axis in reversed(range(len(self.shape))):
            y = np.moveaxis(y, axis - len(self.shape), -1)
            before, inside, after = self._weights(axis, y.real.dtype)
            first, last = before.size, before.size + inside.size
            folded = y[..., first:last] * inside
            folded[..., :first] += (y[..., :first] * before)[..., ::-1]
            folded[..., folded.shape[-1] - after.size :] += (y[..., last:] * after)[..., ::-1]
            y = np.moveaxis(folded, -1, axis - len(self.shape))
        return y
