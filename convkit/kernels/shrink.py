"""Shrinkage of the coefficients of one band by the energy around them, in windows that wrap.

A window sum is made axis by axis of shifted runs, which vectorises: 7 samples take less time than a sum that runs along a row,
one sample in and one out, and nothing is ever subtracted.
"""

from __future__ import annotations

from convkit._core.jit import helper, kernel

# Signal that is faint in its whole band is in few places: there the noise counts for up to 1 + FAINT as much, half of that at
# a ratio of mean energies of SPARSE. It gains 0.1 to 0.3 dB in photographs and in wavefronts.
FAINT, SPARSE = 0.8, 0.05


@helper
def _energies(values, lanes, inverse, out):
    """Write squared moduli, in units of the variance of the noise."""
    if lanes == 1:
        for i in range(out.size):
            out[i] = (values[i] * inverse) ** 2
    else:
        for i in range(out.size):
            out[i] = (values[2 * i] * inverse) ** 2 + (values[2 * i + 1] * inverse) ** 2


@helper
def _multiply(values, lanes, gains):
    if lanes == 1:
        for i in range(gains.size):
            values[i] *= gains[i]
    else:
        for i in range(gains.size):
            values[2 * i] *= gains[i]
            values[2 * i + 1] *= gains[i]


@helper
def _add(x, out):
    for i in range(out.size):
        out[i] += x[i]


@helper
def _sum_along(x, block, step, radius, out):
    """Write sums of `x` over ``2 radius + 1`` samples `step` apart to `out`; each block of samples is a ring."""
    for first in range(0, x.size, block):
        ring, sums = x[first : first + block], out[first : first + block]
        sums[:] = ring
        for t in range(1, radius + 1):
            shift = t * step % block
            _add(ring[shift:], sums[: block - shift])
            _add(ring[:shift], sums[block - shift :])
            _add(ring[: block - shift], sums[shift:])
            _add(ring[block - shift :], sums[:shift])


@helper
def _window_sums(one, other, shape, radii):
    """Window sums of `one`, in `one` or in `other`: which of them has them."""
    step = 1
    for axis in range(2, -1, -1):
        block = step * shape[axis]
        if radii[axis] > 0:
            _sum_along(one, block, step, radii[axis], other)
            one, other = other, one
        step = block
    return one, other


@kernel
def shrink(values, lanes, shape, noise, k, wide, narrow, one, other):
    """Multiply coefficients of a band by what their neighbours say is signal, in place.

    `values` are the flat coefficients, `lanes` = 1 or 2 real numbers each, of `shape` = (depth, height, width), and `noise` is
    the root of their mean squared modulus in noise alone. In units of its square, with r the mean energy of the band beyond 1,
    q = k (1 + FAINT / (1 + r / SPARSE)) and means m over windows of radii `wide`, a first estimate is c max(1 - q / m, 0); with
    means s of its energy over those of radii `narrow`, the result is c s / (s + q). Radii of 0 leave an axis out. `one` and
    `other` are float64, of a number per coefficient.
    """
    count = one.size
    _energies(values, lanes, 1 / noise, one)
    q = k * (1 + FAINT / (1 + max(one.sum() / count - 1, 0.0) / SPARSE))
    total, spare = _window_sums(one, other, shape, wide)
    _energies(values, lanes, 1 / noise, spare)
    least = q * (2 * wide[0] + 1) * (2 * wide[1] + 1) * (2 * wide[2] + 1)
    for i in range(count):
        gain = 1 - least / total[i] if total[i] > least else 0.0
        spare[i] *= gain * gain
    signal, gains = _window_sums(spare, total, shape, narrow)
    least = q * (2 * narrow[0] + 1) * (2 * narrow[1] + 1) * (2 * narrow[2] + 1)
    for i in range(count):
        gains[i] = signal[i] / (signal[i] + least) if signal[i] > 0 else 0.0
    _multiply(values, lanes, gains)
