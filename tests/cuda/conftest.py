"""What makes the simulator of CUDA quick enough to be run every time."""

import sys

import pytest
from numba import config


@pytest.fixture(autouse=True, scope="session")
def _threads_that_wait_give_way():
    """Its first thread asks all others again and again whether they wait; each time it held them up for 5 ms."""
    before = sys.getswitchinterval()
    if config.ENABLE_CUDASIM:
        sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)
