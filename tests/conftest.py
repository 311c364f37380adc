"""Settings of every test: the shipped profile, no deadlines (a first call compiles), the same draws where CI is set."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

os.environ["CONVKIT_PROFILE"] = "shipped"  # no choice of method depends on what this machine has measured
settings.register_profile(
    "default",
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture
def rng():
    """A generator with a fixed seed, fresh for each test."""
    return np.random.default_rng(20240229)
