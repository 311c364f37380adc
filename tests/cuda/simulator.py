"""What Numba's simulator of CUDA wants for being run every time: it is quick enough, and blocks share their memory."""

import collections
import itertools
import sys
import threading

import numpy as np


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


def refusals(kernel, arguments):
    """What the launcher of a device would refuse of a launch."""
    grid, block = kernel.grid_dim, kernel.block_dim
    yield min(grid) < 1 and f"a grid of {grid}"
    yield max(grid[1:], default=1) > 65535 and f"a grid of {grid}, which is too long but in x"
    yield int(np.prod(block)) > 1024 and f"a block of {block}"
    yield kernel.dynshared_size > 48 << 10 and f"{kernel.dynshared_size} bytes of shared memory"
    for value in arguments:
        yield isinstance(value, np.ndarray | list) and f"an array of the host, of {len(value)}"
        yield value is None and "None"
        if isinstance(value, tuple):
            kinds = {float if isinstance(number, float) else type(number) for number in value}
            yield (len(kinds) > 1 or bool in kinds) and f"a tuple of {kinds}"
            yield not value and "an empty tuple"
        if hasattr(value, "copy_to_host"):
            yield value.ndim != 1 and f"an array of shape {value.shape}, where kernels see lines"


class Streams:
    """What of a device's memory is written by which stream, and what each of them waited for.

    A stream reads what another has written only after an event of that, or once the host has waited for it. The default
    stream waits for none here: those of other libraries do not wait for it.
    """

    def __init__(self):
        # By stream: how much work it was given, and of how much of others' it comes after.
        self._given, self._after = collections.Counter(), collections.defaultdict(collections.Counter)
        # By the address of memory, which is kept so that no other has it: who wrote it, and as which work.
        self._written = {}

    def waited(self, stream):
        """The host has waited for a stream."""
        key = key_of(stream)
        self._after["host"][key] = self._given[key]
        self._after["host"] |= self._after[key]

    def recorded(self, stream):
        """What comes before whoever waits for an event of a stream."""
        key = key_of(stream)
        return self._after[key] | self._after["host"] | collections.Counter({key: self._given[key]})

    def waits(self, stream, before):
        """A stream waits for an event."""
        self._after[key_of(stream)] |= before

    def work(self, stream, arrays, name, call):
        """Put work on a stream; what it writes is found by what changes."""
        key = key_of(stream)
        known = self._after[key] | self._after["host"]
        roots = {address_of(root): root for root in map(rooted, arrays)}
        for address in roots:
            writer, number, _ = self._written.get(address, (key, 0, None))
            assert writer == key or known[writer] >= number, f"{name} touches what another stream may not have written yet"
        before = {address: root.tobytes() for address, root in roots.items()}
        result = call()
        self.wrote(stream, [root for address, root in roots.items() if root.tobytes() != before[address]])
        return result

    def wrote(self, stream, roots):
        """A stream was given work that writes memory."""
        key = key_of(stream)
        self._given[key] += 1
        for root in roots:
            self._written[address_of(root)] = key, self._given[key], root


def key_of(stream):
    """What tells streams apart: 0 is the default one."""
    return getattr(stream, "key", 0)


def address_of(root):
    """Where memory begins."""
    return root.__array_interface__["data"][0]


def rooted(array):
    """The memory that an array of the simulator lies in."""
    array = array._ary
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Stream:
    """A stream of the simulator that can be told from others."""

    by = Streams()
    keys = itertools.count(1)

    def __init__(self, key=None):
        self.key = next(self.keys) if key is None else key

    def synchronize(self):
        self.by.waited(self)


# That of the arrays that tests hand in, as if another library had just written them.
CALLER = Stream()


def written(there, stream=CALLER):
    """An array as of a library whose stream still writes it."""
    there.stream = stream
    Stream.by.wrote(stream, [rooted(there)])
    return there


class Event:
    """An event of the simulator that tells what it comes after."""

    def __init__(self):
        self._before = collections.Counter()

    def record(self, stream=0):
        self._before = Stream.by.recorded(stream)

    def wait(self, stream=0):
        Stream.by.waits(stream, self._before)

    def synchronize(self):
        Stream.by.waits("host", self._before)

    def elapsed_time(self, end):
        """As the simulator says."""
        return -1.0


def strict(patch):
    """Let the simulator refuse what a device refuses, and what only luck would make right there: see `Streams`."""
    from numba import cuda
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray
    from numba.cuda.simulator.kernel import FakeCUDAKernel

    configure, launch = FakeCUDAKernel.__getitem__, FakeCUDAKernel.__call__

    def configured(kernel, configuration):
        kernel.stream = configuration[2] if len(configuration) > 2 else 0
        return configure(kernel, configuration)

    def launched(kernel, *arguments):
        if kernel._device:
            return launch(kernel, *arguments)
        name = f"{kernel.fn.__module__}.{kernel.fn.__qualname__}"
        found = [text for text in refusals(kernel, arguments) if text]
        assert not found, f"{name} is given {', '.join(found)}"
        arrays = [value for value in arguments if hasattr(value, "copy_to_host") and value.size]
        return Stream.by.work(kernel.stream, arrays, name, lambda: launch(kernel, *arguments))

    patch.setattr(FakeCUDAKernel, "__getitem__", configured)
    patch.setattr(FakeCUDAKernel, "__call__", launched)
    default = Stream(0)
    for name, value in (("stream", Stream), ("event", Event), ("default_stream", lambda: default)):
        patch.setattr(cuda, name, value)
    for name in ("copy_to_host", "copy_to_device"):
        plain = getattr(FakeCUDAArray, name)

        def copied(array, other=None, stream=0, plain=plain, name=name):
            if not stream or not array.size:
                return plain(array, other)
            there = [value for value in (array, other) if hasattr(value, "copy_to_host")]
            return Stream.by.work(stream, there, name, lambda: plain(array, other))

        patch.setattr(FakeCUDAArray, name, copied)
