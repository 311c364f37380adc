"""What was measured after each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from convkit._core.files import replacing


class History:
    """Numbers of each epoch of a training run, by the name of their column.

    The columns are ``epoch`` (from 1), ``loss`` and ``accuracy`` (means over the epoch's batches, while the model changes),
    ``validation_loss`` and ``validation_accuracy`` (after the epoch), ``lr`` (learning rate of the first parameter group when
    the epoch began) and ``seconds``. Accuracies are there for classes, validation where there is some.

    Parameters
    ----------
    rows : sequence of mapping
        A mapping from columns to numbers for each epoch.

    Raises
    ------
    TypeError
        For a row that is no mapping from words to numbers.

    Examples
    --------
    >>> from convkit.training import History
    >>> history = History([{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.25}])
    >>> history["loss"]
    [2.5, 1.25]
    >>> len(history), history.columns
    (2, ['epoch', 'loss'])
    """

    def __init__(self, rows: Sequence[Mapping[str, float]] = ()) -> None:
        for row in rows:
            if not isinstance(row, Mapping) or not all(
                    isinstance(k, str) and isinstance(v, int | float) for k, v in row.items()):
                raise TypeError(f"{row!r} is no row of a history: give a mapping from columns to numbers")
        self.rows = [dict(row) for row in rows]

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch."""
        self.rows.append(dict(row))

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> list[float]:
        if name not in self:
            raise KeyError(f"{name!r} is no column of this history; it has {', '.join(self.columns) or 'none'}")
        return [row[name] for row in self.rows if name in row]

    @property
    def watched(self) -> str:
        """The column that tells how good the model is: the validation loss, or the loss where there is no validation."""
        return "validation_loss" if "validation_loss" in self else "loss"

    def to_csv(self, path: str | Path) -> None:
        """Write a table, a row for each epoch, with a line of names; the numbers read back are the same."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self.rows)
        with replacing(Path(path)) as file:
            file.write(text.getvalue().encode())

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={value:.4g}" for name, value in (self.rows[-1].items() if self.rows else ()))
        return f"History({len(self)} epochs{f'; last: {last}' if last else ''})"
