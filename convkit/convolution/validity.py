"""Samples that are left out: masks, NaN, and the division that makes up for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convkit._core import checks
from convkit._core.typing import Array, BoolArray

NAN_POLICIES = ("propagate", "omit", "raise")


def validity(x: Any, samples: Array, mask: Any, nan_policy: str, sums: Sequence[tuple[float, float]],
           result: np.dtype[Any], name: str) -> BoolArray | None:
    """Where samples are valid if some may not be; `sums` holds (|sum w|, sum |w|) of the weights or of each axis's taps."""
    checks.word(nan_policy, "nan_policy", NAN_POLICIES)
    valid = checks.valid_samples(x, mask, samples.shape)
    inexact = samples.dtype.kind in "fc"
    if nan_policy == "raise" and inexact and np.isnan(samples if valid is None else samples[valid]).any():
        raise ValueError("x holds NaN, and nan_policy='raise'; use nan_policy='omit' to leave them out, or 'propagate'")
    if valid is None and nan_policy != "omit":
        return None
    cause = "nan_policy='omit'" if valid is None else "mask" if mask is not None else "a masked array"
    for total, absolute in sums:
        if total <= 1e-12 * absolute:
            raise ValueError(f"{cause} divides by the weights that fell on valid samples, but the {name} sum to zero (as those "
                             "of a derivative do); fill the invalid samples of x instead, or use weights with a sum")
    if result.kind in "iu":
        raise ValueError(f"dtype={result} cannot hold the NaN that {cause} gives where no sample is valid; use a float dtype")
    everywhere = np.ones(samples.shape, np.bool_) if valid is None else valid
    return everywhere & ~np.isnan(samples) if nan_policy == "omit" and inexact else everywhere


def kept(samples: Array, valid: BoolArray) -> tuple[Array, BoolArray]:
    """Samples with 0 where they are not valid, and which are."""
    return np.where(valid, samples, samples.dtype.type(0)), valid


def normalized(numerator: Array, denominator: Array, absolute: float, least: float) -> Array:
    """Divide by the share of the weights that fell on valid samples; NaN where it is not over `least`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = (absolute / denominator).astype(numerator.real.dtype)
        numerator *= scale
    numerator[denominator <= least * absolute] = np.nan
    return numerator
