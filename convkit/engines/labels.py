"""Labels of classes."""

from __future__ import annotations

import numpy as np

from convkit._core.typing import IntArray


def no_class(labels: IntArray, classes: int, ignored: int | None) -> int | None:
    """The first label that is no class, nor the one that is ignored."""
    wrong = (labels < 0) | (labels >= classes)
    if ignored is not None:
        wrong &= labels != ignored
    return int(np.argmax(wrong)) if wrong.any() else None
