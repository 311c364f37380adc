"""What Numba's simulator of CUDA wants for being run every time: it is quick enough, and blocks share their memory."""

import sys
import threading


class Shared(dict):
    """Arrays of a block by the lines that ask for them; who finds none makes it before another may ask.

    The simulator looks and makes in two steps: two threads between these had an array each, now and then.
    """

    def __init__(self):
        super().__init__()
        self._making = threading.Lock()

    def get(self, line):
        """The array of a line; after None it has to be set."""
        self._making.acquire()
        found = super().get(line)
        if found is not None:
            self._making.release()
        return found

    def __setitem__(self, line, array):
        super().__setitem__(line, array)
        self._making.release()


def mended(patch):
    """Let blocks of the simulator share arrays safely; its threads, which are asked again and again, give way at once."""
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    begin = FakeCUDAShared.__init__

    def started(self, size):
        begin(self, size)
        self._allocations = Shared()

    patch.setattr(FakeCUDAShared, "__init__", started)
    # Its first thread held all others up for 5 ms each time.
    sys.setswitchinterval(1e-4)
