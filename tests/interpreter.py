"""New interpreters, for what must not have been imported before."""

import os
import subprocess
import sys

# Loaded by who computes on a CUDA device, and by nobody else.
NO_CUDA = ("bad = [n for n in sys.modules if n.startswith(('numba_cuda', 'numba.cuda', 'cuda.'))"
           "       or n in ('cuda', 'convkit._core.gpu', 'convkit.engines.cuda')]; assert not bad, bad")


def errors_of(code):
    """Error output of a new interpreter, which has no simulator of CUDA."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment).stderr
