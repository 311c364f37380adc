"""What is said on a terminal when compiling takes its time."""

from __future__ import annotations

import os
import sys
import threading
from typing import ClassVar


class Announcer:
    """Says once in a process, on a terminal, when compiling takes over a second (``CONVKIT_QUIET=1``: never)."""

    _said: ClassVar[bool] = False
    # Seconds before anything is said.
    AFTER: ClassVar[float] = 1.0

    def __init__(self) -> None:
        self.silent = os.environ.get("CONVKIT_QUIET", "") not in ("", "0") or not sys.stderr.isatty()
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """Compiling begins."""
        self.end()
        if not (self.silent or Announcer._said):
            self._timer = threading.Timer(self.AFTER, self._say)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """Compiling is over."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    @staticmethod
    def _say() -> None:
        if not Announcer._said:
            Announcer._said = True
            print("convkit: compiling kernels for this machine; they are kept for later (CONVKIT_QUIET=1 hides this line)",
                  file=sys.stderr)
