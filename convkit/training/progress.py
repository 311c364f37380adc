"""A bar that shows how far a training run is."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from convkit.training.evaluation import Sums

# A bar that is drawn anew more often than this takes time from the training.
PAUSE = 0.1


class Progress:
    """Loss, accuracy, images per second and time left, on stderr; nothing where that is no terminal.

    Parameters
    ----------
    wanted : bool or None
        Whether there is a bar; None: if stderr is a terminal.
    done, epochs : int
        Epochs that have been and that there are to be.
    steps : int or None
        Steps of an epoch, if known.
    """

    def __init__(self, wanted: bool | None, done: int, epochs: int, steps: int | None) -> None:
        self.bar: Any = None
        self.steps, self.next, self.begin = steps, 0.0, time.perf_counter()
        if wanted is False or (wanted is None and not sys.stderr.isatty()):
            return
        from rich import progress
        from rich.console import Console

        columns = (progress.TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"), progress.BarColumn(bar_width=24),
                   progress.TextColumn("{task.fields[words]}"), progress.TimeRemainingColumn())
        self.bar = progress.Progress(*columns, console=Console(stderr=True), transient=True,
                                     redirect_stdout=sys.stdout.isatty())
        self.task = self.bar.add_task("", total=None if steps is None else steps * epochs, completed=done * (steps or 0),
                                      epoch=min(done + 1, epochs), epochs=epochs, words="")

    def __enter__(self) -> Progress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def start_epoch(self) -> None:
        """Begin to count images per second."""
        self.begin = time.perf_counter()

    def update(self, epoch: int, step: int, sums: Sums) -> None:
        """Show how many items of an epoch are done, and the means over them; at most ten times a second."""
        now = time.perf_counter()
        if self.bar is None or (now < self.next and step != self.steps):
            return
        self.next = now + PAUSE
        accuracy = sums.accuracy
        share = "" if accuracy is None else f"  accuracy {100 * accuracy:.1f} %"
        words = f"loss {sums.loss:.4f}{share}  {sums.items / max(now - self.begin, 1e-9):.0f} images/s"
        self.bar.update(self.task, completed=(epoch - 1) * (self.steps or 0) + step, epoch=epoch, words=words)
