"""The simulator of CUDA, where it is on, as tests need it."""

import sys

import pytest
from numba import config

from tests.cuda.simulator import Stream, mended, strict


@pytest.fixture(autouse=True, scope="session")
def _simulator():
    before = sys.getswitchinterval()
    with pytest.MonkeyPatch.context() as patch:
        if config.ENABLE_CUDASIM:
            mended(patch)
            strict(patch)
        yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def _streams():
    """Each test begins with no work under way."""
    Stream.by.__init__()
