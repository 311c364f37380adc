"""``convkit bench``: direct, separable and FFT convolution compared, verified and drawn."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convkit.cli.console import fail, plain_errors, whole_numbers

if TYPE_CHECKING:
    from rich.console import Console

    from convkit.bench.cases import Case
    from convkit.bench.roofline import Roof
    from convkit.bench.runner import Cell


PICTURES = (".png", ".svg", ".pdf")


def bench_command(
    full: Annotated[bool, typer.Option("--full", help="The whole grid, on the CPU with scipy beside it (minutes).")] = False,
    rivals: Annotated[str | None, typer.Option(help="Libraries to set beside it, as in scipy,opencv,torch.")] = None,
    dims: Annotated[str, typer.Option(help="Dimensions, as in 1,2,3.")] = "1,2,3",
    sizes: Annotated[str | None, typer.Option(help="Samples per axis, as in 256,512.")] = None,
    kernels: Annotated[str | None, typer.Option(help="Taps per axis, as in 3,7,15.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, float64, complex64 or complex128.")] = "float32",
    boundary: Annotated[str, typer.Option(help="zero, edge, reflect, symmetric or wrap.")] = "zero",
    workers: Annotated[int | None, typer.Option(help="Threads; as many as allowed if not given.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Rounds per cell, instead of a time budget.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
    device: Annotated[str | None, typer.Option(help="cuda: on the device, with cupy and torch beside it.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report with tables and pictures here.")] = None,
    plot: Annotated[Path, typer.Option(help="Where the crossover picture goes.")] = Path("convkit-bench.png"),
) -> None:
    """Compare direct, separable and FFT convolution on a signal, an image and a volume.

    Every result is verified against the others before it is timed. Writes a picture of time against kernel size.
    """
    from rich.console import Console

    if device is not None:
        options = {"full": full, "dims": dims, "sizes": sizes, "kernels": kernels, "dtype": dtype, "boundary": boundary,
                   "rivals": rivals, "repeats": repeats}
        unused = {"--workers": workers is not None, "--html": html_file is not None}
        bench_on_device(device, options, [name for name, given in unused.items() if given], json_file, plot)
        return
    from convkit._core.workers import resolve
    from convkit.bench import report
    from convkit.bench.rivals import FULL, choose_rivals

    with plain_errors("bench"):
        chosen, missing = choose_rivals(rivals) if rivals is not None else (FULL if full else (), [])
        cases = choose(full, dims, sizes, kernels, dtype, boundary)
        count = resolve(workers)
        check_target("--json", json_file)
        check_target("--html", html_file, (".html", ".htm"))
        check_target("--plot", plot, PICTURES)
        roof = find_roof(count, dtype) if full or rivals is not None or html_file is not None else None
        cells = measure(cases, Console(stderr=True), workers=workers, repeats=repeats, rivals=chosen, full=full)
    screen = Console()
    columns = 100 + 12 * max(0, len(chosen) - 2) if chosen or not screen.is_terminal else 80
    console = Console(width=max(screen.width, columns))
    for table in report.tables(cells, chosen, roof):
        console.print(table)
        console.print()
    console.print(report.NOTE, style="dim", highlight=False)
    if roof is not None:
        console.print(report.ROOF_NOTE, style="dim", highlight=False)
        console.print(report.roof_line(roof), highlight=False)
    say_missing(missing, console)
    console.print(report.summary(cells), highlight=False)
    with plain_errors("bench"):
        options = {"full": full, "dtype": dtype, "boundary": boundary, "workers": workers, "repeats": repeats}
        found = report.document(cells, {**options, "rivals": list(chosen), "missing": missing}, roof)
        if json_file is not None:
            write_numbers(found, json_file, console)
        if html_file is not None:
            from convkit.bench.html import page

            html_file.write_text(page(cells, chosen, roof, found), encoding="utf-8")
            console.print(f"Report: {html_file}", highlight=False, soft_wrap=True)
        draw(cells, plot, console)
    if any(cell.failed for cell in cells):
        raise typer.Exit(1)


def bench_on_device(device: str, options: dict[str, Any], unused: Sequence[str], json_file: Path | None, plot: Path) -> None:
    """The same three columns on a CUDA device."""
    from rich.console import Console

    from convkit.bench import device as bench
    from convkit.bench.rivals import choose_rivals

    screen = Console()
    with plain_errors("bench"):
        if device != "cuda":
            raise ValueError(f"--device is {device!r}; it may be cuda, or left out for the CPU")
        if unused:
            raise ValueError(f"{unused[0]} is not taken with --device cuda; leave it out")
        given, full = [options[name] for name in ("dims", "sizes", "kernels", "dtype", "boundary")], options["full"]
        cases = choose(full, *given)
        dims = sorted({case.dims for case in cases})
        if options["sizes"] is None and full:  # what fills a device too
            more = [choose(True, str(d), str(bench.USUAL[d][0]), *given[2:]) for d in dims]
            cases = [*cases, *itertools.chain(*more)]
        elif options["sizes"] is None and options["kernels"] is None:
            cases = bench.device_cases(dims, options["dtype"], options["boundary"])
        check_target("--json", json_file)
        check_target("--plot", plot, PICTURES)
        words = options["rivals"] if options["rivals"] is not None else ",".join(bench.DEVICE_GROUPS)
        chosen, missing = choose_rivals(words, bench.DEVICE_GROUPS)
        clock = bench.EventClock()
        try:
            roof = bench.measure_device_roof(options["dtype"], clock)
        except (ImportError, RuntimeError) as error:
            fail("bench", error)
        cells = list(followed(cases, lambda case: bench.measure_on_device(case, roof, clock, rivals=chosen,
                                                                          repeats=options["repeats"],
                                                                          budget=1.5 if full else 0.4),
                              Console(stderr=True)))
        console = Console(width=max(screen.width, 100))
        for table in bench.tables(cells, chosen, roof):
            console.print(table)
            console.print()
        console.print(bench.NOTE, style="dim", highlight=False)
        console.print(bench.roof_line(roof), highlight=False)
        say_missing(missing, console)
        console.print(bench.summary(cells), highlight=False)
        options |= {"device": device, "rivals": list(chosen), "missing": missing}
        if json_file is not None:
            write_numbers(bench.document(cells, options, roof), json_file, console)
        draw(cells, plot, console)
    if any(cell.failed for cell in cells):
        raise typer.Exit(1)


def say_missing(names: Sequence[str], console: Console) -> None:
    """Name the rivals that are left out."""
    for name in names:
        console.print(f"{name} is not installed, so it is left out.", highlight=False)


def write_numbers(found: dict[str, Any], file: Path, console: Console) -> None:
    """Write a document as JSON, and name the file."""
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    console.print(f"Numbers: {file}", highlight=False, soft_wrap=True)


def find_roof(workers: int, dtype: str) -> Roof | None:
    """Measure the roof, or None where kernels are not compiled."""
    from convkit.bench.roofline import measure_roof

    try:
        return measure_roof(workers, dtype)
    except RuntimeError:
        return None


def choose(
    full: bool, dims: str, sizes: str | None, kernels: str | None, dtype: str, boundary: str
) -> Sequence[Case]:
    """Cases that the options ask for; raises ValueError about the option that is wrong."""
    from convkit.bench.cases import BOUNDARIES, DTYPES, default_cases, grid_cases

    chosen = whole_numbers(dims, "--dims")
    if not set(chosen) <= {1, 2, 3}:
        raise ValueError(f"--dims is {dims!r}; allowed are 1, 2 and 3, as in --dims 1,3")
    for option, word, allowed in (("--dtype", dtype, DTYPES), ("--boundary", boundary, BOUNDARIES)):
        if word not in allowed:
            raise ValueError(f"{option} is {word!r}; allowed are {', '.join(allowed)}")
    if not full and sizes is None and kernels is None:
        return default_cases(chosen, dtype, boundary)
    some_sizes = whole_numbers(sizes, "--sizes") if sizes is not None else None
    some_taps = whole_numbers(kernels, "--kernels") if kernels is not None else None
    if full:
        return grid_cases(chosen, some_sizes, some_taps, dtype, boundary)
    made: list[Case] = []
    for d in chosen:
        usual = default_cases([d])
        made += grid_cases(
            [d],
            some_sizes or [usual[0].size],
            some_taps or list(dict.fromkeys(case.taps for case in usual)),
            dtype,
            boundary,
        )
    return made


def check_target(option: str, file: Path | None, endings: Sequence[str] = ()) -> None:
    """Raise before minutes of measuring if ``file`` cannot be written."""
    if file is None:
        return
    if file.is_dir():
        raise ValueError(f"{option} is {file}, a directory; name a file")
    if not file.parent.is_dir():
        raise ValueError(f"{option} is {file}; the directory {file.parent} does not exist")
    if endings and file.suffix.lower() not in endings:
        raise ValueError(f"{option} is {file}; its ending must be one of {', '.join(endings)}")


def measure(
    cases: Sequence[Case],
    console: Console,
    *,
    workers: int | None,
    repeats: int | None,
    rivals: Sequence[str],
    full: bool,
) -> list[Cell]:
    """Measure every case."""
    from convkit.bench.runner import measure_case

    limits: dict[str, Any] = {"budget": 1.5, "limit": 10.0} if full else {"budget": 0.4, "limit": 1.0}
    options = {"workers": workers, "repeats": repeats, "rivals": rivals, **limits}
    return list(followed(cases, lambda case: measure_case(case, **options), console))


def followed(cases: Sequence[Case], measured: Callable[[Case], Cell], console: Console) -> Iterator[Cell]:
    """Measure one case after the other under a progress bar that is gone afterwards."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=2) as progress:
        task = progress.add_task("starting", total=len(cases))
        for case in cases:
            progress.update(task, description=f"{case.dims}-D {case.label}: compile, verify, time")
            yield measured(case)
            progress.advance(task)


def draw(cells: Sequence[Cell], file: Path, console: Console) -> None:
    """Write the crossover picture, if there is anything to draw, and name it."""
    from convkit import plots
    from convkit.bench.report import panels

    made = panels(cells)
    if not made:
        fail("bench", "no picture: nothing was timed", 1)
    plots.crossover(made).savefig(file)
    console.print(f"Picture: {file}", highlight=False, soft_wrap=True)
