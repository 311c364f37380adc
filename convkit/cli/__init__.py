"""The command line, one module each: ``convkit bench | curvelet | edges | filter | info | predict | train | tune | warmup``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from convkit.cli.bench import bench_command
from convkit.cli.curvelet import curvelet_command
from convkit.cli.edges import edges_command
from convkit.cli.filter import filter_command
from convkit.cli.info import info_command
from convkit.cli.predict import predict_command
from convkit.cli.train import train_command
from convkit.cli.tune import tune_command
from convkit.cli.warmup import warmup_command

__all__ = ["app", "main"]


class OneLineErrors(TyperGroup):
    """Tells a wrong option in one line on stderr, and leaves quietly on Ctrl-C."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run a command; the exit status is 0, 1 (a result is wrong), 2 (wrong file or option) or 130 (Ctrl-C)."""
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        status: Any = 0
        try:
            status = super().main(args, prog_name, standalone_mode=False, **extra)
        except (KeyboardInterrupt, typer.Abort):
            status = 130
        except Exception as error:
            # Typer's errors are told apart by this method: their class has moved between its versions.
            if not hasattr(error, "format_message"):
                raise
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "convkit"
            words = " ".join(error.format_message().split()).rstrip(".")
            if words:
                print(f"{command}: {words} (see '{command} --help')", file=sys.stderr)
            status = getattr(error, "exit_code", 2)
        sys.exit(status if isinstance(status, int) else 0)


app = typer.Typer(
    cls=OneLineErrors,
    name="convkit",
    help="Convolve signals, images and volumes, and measure how fast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(asked: bool) -> None:
    """Print the version and leave, if asked."""
    if asked:
        from convkit.bench.machine import versions

        typer.echo(f"convkit {versions(('convkit',))['convkit']}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Convolve signals, images and volumes, and measure how fast."""


app.command("bench")(bench_command)
app.command("curvelet")(curvelet_command)
app.command("edges")(edges_command)
app.command("filter")(filter_command)
app.command("info")(info_command)
app.command("predict")(predict_command)
app.command("train")(train_command)
app.command("tune")(tune_command)
app.command("warmup")(warmup_command)


def main() -> None:
    """Entry point of the ``convkit`` command."""
    app(prog_name="convkit")
