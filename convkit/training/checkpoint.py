"""Training runs and models in files: safetensors, written as a whole or not at all, and never a pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convkit._core.files import replacing
from convkit._core.typing import Array
from convkit.nn import Module
from convkit.nn.init import shared_generator
from convkit.training.callbacks import Callback, Run
from convkit.training.history import History

LAST, BEST = "last.safetensors", "best.safetensors"
FORM = 1
# Stands in the JSON for an array, with the name under which the file has it.
_ARRAY = "array in this file"
# What reading what somebody else wrote can raise.
_ODD = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError)


def packed(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """`value` as JSON knows it; arrays in it go to `arrays`, named by their place."""
    if isinstance(value, np.ndarray):
        arrays[name] = np.array(value, order="C")
        return {_ARRAY: name}
    if isinstance(value, Mapping):
        return {str(key): packed(item, f"{name}.{key}" if name else str(key), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [packed(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name} is a {type(value).__name__}, which a checkpoint cannot hold; state_dict() may have arrays, "
                    "numbers, words, lists and mappings")


def unpacked(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Undo `packed`."""
    if isinstance(value, dict):
        if list(value) == [_ARRAY]:
            return arrays[value[_ARRAY]]
        return {key: unpacked(item, arrays) for key, item in value.items()}
    return [unpacked(item, arrays) for item in value] if isinstance(value, list) else value


def encoded(arrays: Mapping[str, Array], about: Any) -> bytes:
    """A safetensors file, with `about` as JSON in its metadata."""
    from safetensors.numpy import save

    contents: bytes = save({name: np.array(a, order="C") for name, a in arrays.items()}, {"convkit": json.dumps(about)})
    return contents


def write(path: Path, contents: bytes) -> None:
    """Put a file in its place when all of it is on the disk."""
    with replacing(path) as file:
        file.write(contents)


def read(path: str | Path) -> tuple[dict[str, Array], Any]:
    """Arrays of a safetensors file, and what this package wrote about them; None where another wrote the file.

    Raises
    ------
    ValueError
        If there is no such file, or it is cut off, no safetensors file, or holds what NumPy has not.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file; give a .safetensors file")
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
            words = (file.metadata() or {}).get("convkit")
    except (SafetensorError, OSError, *_ODD) as error:
        raise ValueError(f"{path} cannot be read as a safetensors file: {error}") from None
    try:
        return arrays, None if words is None else json.loads(words)
    except (ValueError, RecursionError):
        raise ValueError(f"{path} has metadata of convkit that are no JSON; it is damaged") from None


def load_weights(model: Module, path: str | Path) -> Module:
    """Copy the numbers of a file into a model: of a checkpoint, of a saved model, or of any safetensors file with its names.

    Parameters
    ----------
    model : Module
        Built as it was when the file was written.
    path : str or Path
        The file.

    Returns
    -------
    Module
        `model`.

    Raises
    ------
    ValueError
        If the file cannot be read, or does not fit; the model has not been changed then.

    Examples
    --------
    >>> import tempfile
    >>> from convkit import nn, training
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = nn.Linear(2, 1), nn.Linear(2, 1)
    ...     history = training.fit(one, ([[1.0, 2.0]], [[3.0]]), loss=nn.MSELoss(), epochs=1, checkpoints=folder)
    ...     bool((training.load_weights(other, folder + "/best.safetensors").weight.data == one.weight.data).all())
    True
    """
    arrays, about = read(path)
    if isinstance(about, dict) and about.get("kind") == "checkpoint":
        arrays = {name.removeprefix("model."): a for name, a in arrays.items() if name.startswith("model.")}
    fill(model, arrays, path)
    return model


def fill(model: Module, arrays: Mapping[str, Array], path: str | Path) -> None:
    """Give a model its numbers; what does not fit is told with the file's name."""
    try:
        model.load_state_dict(arrays)
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error.args[0]}") from None


class Checkpoints:
    """The folder of a run: its last and its best state.

    Parameters
    ----------
    folder : str or Path
        Made if it is missing.
    parts : mapping of str to object
        What has a state beside model and optimizer, such as the loader: anything with ``state_dict`` and ``load_state_dict``.
    """

    def __init__(self, folder: str | Path, parts: Mapping[str, Any]) -> None:
        self.folder, self.parts = Path(folder), parts
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"checkpoints={str(folder)!r} is a file; name a folder")
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def there(self) -> bool:
        """Whether there is a run in the folder."""
        return (self.folder / LAST).exists()

    def save(self, run: Run, callbacks: Sequence[Callback]) -> None:
        """Write the state after an epoch: first the best, if it is that, so that a run killed in between repeats the epoch."""
        arrays: dict[str, Array] = {}
        state = {
            "model": run.model.state_dict(), "optimizer": run.optimizer.state_dict(),
            "random": shared_generator().bit_generator.state, "callbacks": [c.state_dict() for c in callbacks],
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
        }
        about = {"kind": "checkpoint", "form": FORM, "epoch": run.epoch, "stop": run.stop, "history": run.history.rows,
                 "optimizer": type(run.optimizer).__name__, "state": packed(state, "", arrays)}
        contents = encoded(arrays, about)
        *before, now = run.history[run.history.watched]
        if now < min((value for value in before if not math.isnan(value)), default=math.inf) or not before:
            write(self.folder / BEST, contents)
        write(self.folder / LAST, contents)

    def restore(self, run: Run, callbacks: Sequence[Callback]) -> None:
        """Go back to where the last epoch ended.

        Raises
        ------
        ValueError
            For a file that is no checkpoint of such a run.
        """
        path = self.folder / LAST
        arrays, about = read(path)
        if not isinstance(about, dict) or about.get("kind") != "checkpoint" or about.get("form") != FORM:
            raise ValueError(f"{path} is no checkpoint that this version of convkit wrote; name another folder")
        kind = type(run.optimizer).__name__
        if about.get("optimizer") != kind:
            raise ValueError(f"{path} was written with the optimizer {about.get('optimizer')}, and this run has {kind}; resume "
                             "with the same, or name another folder")
        try:
            state = unpacked(about["state"], arrays)
            if len(state["callbacks"]) != len(callbacks) or set(state["parts"]) != set(self.parts):
                raise ValueError(f"it has {len(state['callbacks'])} callbacks and {', '.join(state['parts']) or 'no parts'}, "
                                 f"this run {len(callbacks)} and {', '.join(self.parts) or 'no parts'}")
            history, epoch = History(about["history"]), int(about["epoch"])
            if epoch != len(history) or epoch < 1:
                raise ValueError(f"its epoch is {epoch}, its history has {len(history)}")
            optimizer = dict(state["optimizer"])
            optimizer["state"] = {int(number): memory for number, memory in optimizer["state"].items()}
            run.model.load_state_dict(state["model"])
            run.optimizer.load_state_dict(optimizer)
            for callback, known in zip(callbacks, state["callbacks"], strict=True):
                callback.load_state_dict(known)
            for name, part in self.parts.items():
                part.load_state_dict(state["parts"][name])
            shared_generator().bit_generator.state = state["random"]
        except _ODD as error:
            raise ValueError(f"{path} does not fit this run: {error.args[0] if error.args else error!r}") from None
        run.history, run.epoch, run.stop = history, epoch, about.get("stop") is True
