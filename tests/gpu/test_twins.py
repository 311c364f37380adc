"""The kernels on a CUDA device, against the CPU."""

import pytest
from numba import config

from tests.cuda.collected import collected


def device():
    """Whether there is a device, and numba-cuda to use it."""
    if config.ENABLE_CUDASIM:
        return False
    try:
        from convkit._core.gpu import require

        require()
    except (ImportError, RuntimeError):
        return False
    return True


pytestmark = pytest.mark.skipif(not device(), reason="there is no CUDA device, or no extra cu12 or cu13")
if device():
    globals().update(collected())
