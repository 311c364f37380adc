"""Models for images in files that say what is needed to use them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convkit import nn
from convkit._core.typing import Array
from convkit.data import Standardize
from convkit.training import checkpoint, recipes
from convkit.training.evaluation import predict

# Larger numbers stand in no file of this package's.
MOST_SIDE, MOST_CLASSES = 1024, 10_000


@dataclass(frozen=True)
class ImageModel:
    """A classifier of square images, with what a user of it must know.

    Attributes
    ----------
    model : Sequential
        Gives scores (N, classes) for standardised images (N, channels, size, size).
    name : str
        The network, one that ``convkit train --model`` knows.
    channels : {1, 3}
        Grey images or colour images.
    size : int
        Their side in pixels.
    classes : tuple of str
        Names of the classes.
    mean, std : tuple of float
        For each channel what is taken away from samples from 0 to 1, and what they are divided by then.

    Examples
    --------
    >>> import numpy as np
    >>> from convkit.training import ImageModel
    >>> from convkit.training.recipes import build
    >>> model = ImageModel(build("tiny", 1, 8, 2), "tiny", 1, 8, ("cat", "dog"), (0.5,), (0.25,))
    >>> model.probabilities(np.zeros((3, 1, 8, 8))).sum(axis=1).round(5).tolist()
    [1.0, 1.0, 1.0]
    """

    model: nn.Sequential
    name: str
    channels: int
    size: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def probabilities(self, images: Any) -> Array:
        """Probabilities of the classes.

        Parameters
        ----------
        images : array_like
            (N, channels, size, size), from 0 to 1.

        Returns
        -------
        ndarray
            (N, classes).

        Raises
        ------
        ValueError
            For images of another shape.
        """
        given = np.asarray(images, np.float32)
        shape = self.channels, self.size, self.size
        if given.ndim != 4 or given.shape[1:] != shape:
            raise ValueError(f"images have shape {given.shape}; this model takes (N, {', '.join(map(str, shape))})")
        scores = predict(self.model, Standardize(self.mean, self.std)(given))
        return np.asarray(nn.functional.softmax(scores, 1).data)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file; the names in it are those of the model's ``state_dict``."""
        about = {"kind": "model", "form": checkpoint.FORM, "name": self.name, "channels": self.channels, "size": self.size,
                 "classes": self.classes, "mean": self.mean, "std": self.std}
        checkpoint.write(Path(path), checkpoint.encoded(self.model.state_dict(), about))

    @classmethod
    def load(cls, path: str | Path) -> ImageModel:
        """Read what `save` wrote; the model is in `eval` mode.

        Raises
        ------
        ValueError
            If the file cannot be read, or is no such model.
        """
        arrays, about = checkpoint.read(path)
        if not isinstance(about, dict) or about.get("kind") != "model" or about.get("form") != checkpoint.FORM:
            raise ValueError(f"{path} is no model that 'convkit train' of this version wrote; its model.safetensors is one")
        wrong = next((key for key, fits in _FITS.items() if key not in about or not fits(about[key], about)), None)
        if wrong is not None:
            raise ValueError(f"{path} says {wrong}={str(about.get(wrong))[:60]}, which no model has; the file is damaged")
        name, channels, size = about["name"], about["channels"], about["size"]
        with nn.init.shapes_only():
            model = recipes.build(name, channels, size, len(about["classes"]))
        checkpoint.fill(model, arrays, path)
        return cls(model.eval(), name, channels, size, tuple(about["classes"]), tuple(about["mean"]), tuple(about["std"]))


def _numbers(value: Any, count: int) -> bool:
    """Whether a value is a list of so many finite numbers."""
    return isinstance(value, list) and len(value) == count and all(isinstance(v, float | int) and abs(v) < 1e6 for v in value)


# What must hold of each entry; those before it in this order hold by then.
_FITS: dict[str, Any] = {
    "name": lambda value, about: isinstance(value, str) and value in recipes.RECIPES,
    "channels": lambda value, about: value in (1, 3),
    "size": lambda value, about: isinstance(value, int) and recipes.RECIPES[about["name"]].least <= value <= MOST_SIDE,
    "classes": lambda value, about: isinstance(value, list) and 0 < len(value) <= MOST_CLASSES and all(
        isinstance(word, str) and word.isprintable() for word in value),
    "mean": lambda value, about: _numbers(value, about["channels"]),
    "std": lambda value, about: _numbers(value, about["channels"]) and min(value) > 0,
}
