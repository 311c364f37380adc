"""Rows of frequencies, cut where the spectrum or a box begins anew, and turned into places: what kernels/wedge.py reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convkit._core.typing import Array, IntArray

# Kinds of runs; see kernels/wedge.py.
BOTH_DOWN, CONJUGATE_DOWN, CONJUGATE_BOX_DOWN = 3, 5, 6


class Rows(NamedTuple):
    """Rows of a band: frequencies along the last axis that follow each other.

    `lead` are the frequencies along the other axes, shape (axes - 1, rows); `start` the first one along the last axis,
    `length` how many, `value` the place of the first weight. Mirrored ones are the opposites along the last axis.
    """

    lead: IntArray
    start: IntArray
    length: IntArray
    value: IntArray
    mirrored: bool


def cut(pieces: Sequence[tuple[Rows, tuple[int, ...], bool]], shape: tuple[int, ...], real: bool) -> tuple[IntArray, IntArray]:
    """Runs of pieces of bands, and where those of each piece begin.

    A piece is rows, the shape of their box, and whether its coefficients are real, so that its box is half a spectrum, too.
    """
    counts = [rows.start.size for rows, _, _ in pieces]
    of = np.repeat(np.arange(len(pieces)), counts)
    lead = np.concatenate([rows.lead for rows, _, _ in pieces], axis=1)
    mirrored = np.repeat([rows.mirrored for rows, _, _ in pieces], counts)
    fields = np.stack([np.concatenate([getattr(rows, name) for rows, _, _ in pieces])
                       for name in ("start", "length", "value")] + [np.arange(of.size)])
    n = shape[-1]
    box = np.array([lengths for _, lengths, _ in pieces])
    fields = _split(fields, n, mirrored)
    if real:
        fields = _split(fields, n, np.where(mirrored, n - n // 2, n // 2 + 1))
    fields = _split(fields, box[of, -1], mirrored)
    start, length, value, row = fields
    of, lead, mirrored = of[row], lead[:, row], mirrored[row]
    pitch = np.array([lengths[-1] // 2 + 1 if half else lengths[-1] for _, lengths, half in pieces])[of]
    along = np.where(mirrored, -start, start)
    target = along % box[of, -1] + pitch * _place(lead, box[of, :-1].T)
    conjugate = (along % n > n // 2) & real
    along, lead = np.where(conjugate, -along, along) % n, np.where(conjugate, -lead, lead)
    source = along + (n // 2 + 1 if real else n) * _place(lead, np.reshape(shape[:-1], (-1, 1)))
    kind = np.where(mirrored, np.where(conjugate, CONJUGATE_BOX_DOWN, BOTH_DOWN), np.where(conjugate, CONJUGATE_DOWN, 0))
    return np.stack([source, target, length, value, kind], 1), np.searchsorted(of, np.arange(len(pieces) + 1))


def _place(lead: IntArray, lengths: IntArray) -> IntArray:
    """Number of the row of given leading frequencies in an array with leading axes of given lengths."""
    place = lead[0] % lengths[0]
    for k, n in zip(lead[1:], lengths[1:], strict=True):
        place = place * n + k % n
    return np.asarray(place)


def _split(fields: IntArray, period: IntArray | int, place: Array) -> IntArray:
    """Cut each row before the first frequency behind its start that is `place` modulo `period`."""
    row = fields[3]
    start, length = fields[0], fields[1]
    limit = period if isinstance(period, int) else period[row]
    head = np.minimum(1 + (place[row] - start - 1) % limit, length)
    pair = np.repeat(fields, 2, axis=1)
    pair[1, 0::2] = head
    pair[0, 1::2] += head
    pair[1, 1::2] -= head
    pair[2, 1::2] += head
    return pair[:, pair[1] > 0]
