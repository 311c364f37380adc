"""``convkit info``: versions, cores, vector width, cache directory, CUDA state."""

from __future__ import annotations

import typer


def info_command() -> None:
    """Show versions, cores, vector width, the cache directory and the CUDA state."""
    from convkit._core.jit import cache_directory
    from convkit.bench.machine import cuda_state, machine, versions
    from convkit.kernels.correlate import correlate_box

    where = machine()
    lines = {
        **versions(),
        "system": str(where["system"]),
        "processor": str(where["processor"]),
        "cores": f"{where['cores']}, this process may use {where['workers']}",
        "vector width": f"{where['vector_bits']} bits",
        "cache": str(cache_directory(correlate_box) or "none: every process compiles anew"),
        "CUDA": cuda_state(),
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        typer.echo(f"{name:<{width}}  {value}")
