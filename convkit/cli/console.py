"""What all commands share: leaving with one line, and reading lists of numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


def fail(command: str, message: object, status: int = 2) -> NoReturn:
    """Say in one line on stderr what is wrong, and leave with ``status``."""
    print(f"convkit {command}: {' '.join(str(message).split())}", file=sys.stderr)
    raise typer.Exit(status)


@contextmanager
def plain_errors(command: str) -> Iterator[None]:
    """Turn errors about the user's input (values, types, files, memory) into one line and status 2."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (ValueError, TypeError) as error:
        fail(command, error)
    except MemoryError as error:
        fail(command, f"not enough memory: {error}")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        fail(command, f"{name}{error.strerror or error}")


def whole_numbers(text: str, option: str) -> list[int]:
    """Read ``3,7,15``; every number at least 1, each taken once.

    Raises
    ------
    ValueError
        Naming ``option``.
    """
    try:
        numbers = [int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ValueError(f"{option} is {text!r}; give whole numbers of at least 1, as in {option} 3,7,15")
    return list(dict.fromkeys(numbers))
