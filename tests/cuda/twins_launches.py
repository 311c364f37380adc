"""Launches that are kept: see twins.py."""

import numpy as np


def test_a_launch_is_configured_once_for_a_stream(monkeypatch):
    from convkit._core import gpu
    from convkit.engines.cuda import launches
    from convkit.kernels.cast_cuda import add

    made = []
    configured = gpu.configured
    monkeypatch.setattr(gpu, "configured", lambda *given: made.append(given) or configured(*given))
    monkeypatch.setattr(launches, "STREAMS", 2)
    launch = launches.Launches(add, (1,), (4,))
    x, out = (gpu.cuda.to_device(values) for values in (np.arange(4.0), np.zeros(4)))
    streams = [gpu.cuda.stream() for _ in range(3)]
    for n in (0, 0, 1, 0, 2, 2, 0):
        launch(streams[n], x, out)
        streams[n].synchronize()
    # The third one puts the others out.
    assert [streams.index(stream) for *_, stream, _ in made] == [0, 1, 2, 0]
    assert [given[:3] + given[4:] for given in made] == [(add, (1,), (4,), 0)] * 4
    np.testing.assert_array_equal(out.copy_to_host(), 7 * np.arange(4.0))
