"""``convkit tune``: measure this machine, so that ``method="auto"`` chooses by it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convkit.cli.console import plain_errors

if TYPE_CHECKING:
    from rich.console import Console

    from convkit.planning.calibrate import Calibration
    from convkit.planning.profile import Profile


def tune_command(
    show: Annotated[bool, typer.Option("--show", help="Show the constants in use, and measure nothing.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget what was measured; the shipped constants return.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the profile to FILE instead, for CONVKIT_PROFILE=FILE.")
    ] = None,
) -> None:
    """Measure how fast this machine is at each method, and choose methods by that from now on.

    Takes half a minute; the machine should be otherwise idle. CONVKIT_PROFILE names another profile (a file), or
    'shipped'.
    """
    from rich.console import Console

    from convkit.cli.bench import check_target
    from convkit.planning import profile

    with plain_errors("tune"):
        given = [name for name, yes in (("--show", show), ("--reset", reset), ("--output", output is not None)) if yes]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} given; give one of them")
        check_target("--output", output)
        console = Console(highlight=False, soft_wrap=True)
        if show:
            used, source = profile.load()
            console.print(f"Profile: {source}", markup=False)
            show_constants(console, profile.SHIPPED, used, "shipped", "in use")
            return
        if reset:
            path = profile.default_path()
            known = path.exists()
            path.unlink(missing_ok=True)
            console.print(f"Forgotten: {path}" if known else f"Nothing to forget: there is no {path}", markup=False)
            return
        before = profile.active()
        found = measure(Console(stderr=True))
        told = {"seconds": found.seconds, "points": found.points, "rounds": found.rounds, "error": found.error_after}
        path = profile.store(found.profile, told, output)
    show_constants(console, before, found.profile, "before", "now")
    console.print(
        f"{found.points} calls, {found.rounds} rounds, {found.seconds:.0f} s. Prediction is typically off by a factor of "
        f"{found.error_after:.2f} (before: {found.error_before:.2f}), on calls that were not fitted.",
        markup=False,
    )
    console.print(f"Profile: {path}", markup=False)
    variable = os.environ.get(profile.VARIABLE)
    if output is not None:
        console.print(f"It is used where {profile.VARIABLE}={path} is set.", markup=False)
    elif variable:
        console.print(f"It is not used while {profile.VARIABLE}={variable} is set.", markup=False)


def measure(console: Console) -> Calibration:
    """Calibrate under a progress bar that is gone afterwards."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from convkit.convolution import convolve
    from convkit.planning.calibrate import calibrate, steps

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=2) as progress:
        task = progress.add_task("starting", total=steps())

        def advance(words: str) -> None:
            progress.update(task, description=words, advance=1)

        return calibrate(convolve, advance=advance)


def show_constants(console: Console, old: Profile, new: Profile, left: str, right: str) -> None:
    """Print every constant of two profiles side by side."""
    from rich.table import Table

    from convkit.planning.calibrate import changes

    table = Table("constant", box=None, pad_edge=False)
    for title in (left, right, "ratio"):
        table.add_column(title, justify="right")
    for name, a, b in changes(old, new):
        table.add_row(name, f"{a:.3g}", f"{b:.3g}", f"{b / a:.2f}" if a else "-")
    console.print(table)
