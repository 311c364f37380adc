"""Kernels compiled for a device by one process are found by another, and compute the same."""

import json
import os
import subprocess
import sys

from tests.gpu.test_twins import pytestmark  # noqa: F401

CODE = """
import json, numpy as np
from convkit import convolve, convolve_separable, edges
from convkit.cli.warmup import counted
x = np.random.default_rng(0).standard_normal((70, 90)).astype("float32")
made = [convolve(x, np.arange(12.0).reshape(3, 4), method="direct", device="cuda"),
        convolve(x, np.ones((5, 5)), method="fft", device="cuda"), convolve_separable(x, [[1, 2, 3]] * 2, device="cuda"),
        edges.canny(x, 1.0, device="cuda")]
print(json.dumps([[part.tobytes().hex() for part in made], counted()]))
"""


def test_a_second_process_compiles_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (json.loads(subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, capture_output=True,
                                               text=True).stdout) for _ in range(2))
    assert first[0] == second[0]
    assert first[1][0] > 0
    assert second[1][0] == 0
    assert second[1][1] > 0
