"""The constants of the cost model: shipped, measured on this machine by ``convkit tune``, or named by the environment."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from convkit._core.codecache import write_atomically

# A file of another format is not read: the constants would mean something else.
FORMAT = 2
VARIABLE = "CONVKIT_PROFILE"


@dataclass(frozen=True, eq=False)
class Profile:
    """Constants of the cost model, in seconds on one worker in float32 unless said; those shipped by default.

    Attributes
    ----------
    call : float
        A call of the direct method, or of passes, before its first sample.
    operation : float
        A multiplication or addition of the direct method.
    edge : float
        What a row of weights costs beyond its taps, in taps.
    ragged : float
        What the end of a row of outputs costs, in outputs.
    line : float
        Factor of a signal, whose outputs have no second row to share what they load.
    output : tuple of float
        An output sample of the direct method in 1-D, 2-D and 3-D.
    slower : tuple of float
        Factors of float32, float64, complex64, complex128 and int64.
    row_operation, column_operation : float
        An operation of a pass along the last axis, and along another.
    pass_call, pass_output : float
        A pass before its first sample, and an output of a pass.
    memory : float
        An output of a pass where no cache holds all of them.
    term : float
        Adding an output of a further rank-1 term to the sum.
    transform : tuple of float
        An element and log2(elements) of a forward and an inverse transform of two real tiles together: of up to 64 KiB, 1 and
        4 MiB, and larger.
    shaped : tuple of float
        Factors of transforms in 1-D, 2-D and 3-D.
    double, complex_double : float
        Factors of transforms in double precision, of real and of complex samples.
    complex_single : float
        Factor of the transform of a complex tile in single precision.
    copy : float
        An element cut out of the samples and put into the result.
    tile : float
        A pair of tiles before its first element.
    fft_call : float
        A call of the FFT method before its first tile.
    """

    call: float = 6.5e-06
    operation: float = 9.8e-12
    edge: float = 0.2
    ragged: float = 12
    line: float = 1.2
    output: tuple[float, float, float] = (1.9e-10, 3.3e-10, 8e-10)
    slower: tuple[float, float, float, float, float] = (1, 1.8, 4.3, 7.9, 8.5)
    row_operation: float = 1.7e-11
    column_operation: float = 7e-12
    pass_call: float = 8.3e-07
    pass_output: float = 2.2e-10
    memory: float = 4.1e-11
    term: float = 6.4e-11
    transform: tuple[float, float, float, float] = (2.8e-10, 3.6e-10, 3.6e-10, 5.1e-10)
    shaped: tuple[float, float, float] = (1, 0.93, 0.87)
    double: float = 2.0
    complex_single: float = 1.4
    complex_double: float = 2.2
    copy: float = 4.4e-10
    tile: float = 2.1e-06
    fft_call: float = 2.5e-05


SHIPPED = Profile()


def processor() -> str:
    """Model name of the processor, as far as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def machine_key() -> dict[str, str | int]:
    """What a measured profile holds for: the processor, and the width of the vectors that kernels are compiled for."""
    from convkit.kernels.simd import vector_bits

    return {"processor": processor(), "vector_bits": int(vector_bits())}


def default_path() -> Path:
    """File of this machine's profile; machines that share a home directory have one each."""
    from platformdirs import user_cache_dir

    name = hashlib.sha256(f"{FORMAT} {processor()}".encode()).hexdigest()[:12]
    return Path(user_cache_dir("convkit", appauthor=False)) / f"profile-{name}.json"


def to_json(profile: Profile, machine: Mapping[str, str | int], measured: Mapping[str, Any]) -> str:
    """Text of a profile's file; `measured` tells how it came about."""
    document = {"format": FORMAT, "machine": dict(machine), "measured": dict(measured), "constants": asdict(profile)}
    return json.dumps(document, indent=1) + "\n"


def from_json(text: str) -> tuple[Profile, dict[str, Any]]:
    """Profile in a file's text, and the rest of the file.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("constants"), dict):
        raise ValueError("it has no constants")
    if document.get("format") != FORMAT:
        raise ValueError(f"its format is {document.get('format')!r}, and this version reads {FORMAT}")
    given = document.pop("constants")
    values: dict[str, Any] = {}
    for entry in fields(Profile):
        usual = getattr(SHIPPED, entry.name)
        if entry.name not in given:
            raise ValueError(f"{entry.name} is missing")
        value = given[entry.name]
        parts = value if isinstance(usual, tuple) and isinstance(value, list) else [value]
        wanted = len(usual) if isinstance(usual, tuple) else 1
        if len(parts) != wanted or not all(_is_constant(part) for part in parts):
            raise ValueError(f"{entry.name} is {value!r}; it must be {wanted} number{'s' * (wanted > 1)} of at least 0")
        values[entry.name] = tuple(float(part) for part in parts) if isinstance(usual, tuple) else float(parts[0])
    # Without these a method would cost nothing.
    for name in ("operation", "row_operation", "column_operation", "transform", "shaped", "slower"):
        if not all(part > 0 for part in (values[name] if isinstance(values[name], tuple) else (values[name],))):
            raise ValueError(f"{name} is {values[name]!r}; it must be above 0")
    return Profile(**values), document


def _is_constant(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6


@cache
def active() -> Profile:
    """Profile that plans are made with: named by ``CONVKIT_PROFILE``, measured on this machine, or shipped.

    Read once per process. A file that is broken, or of another machine, is passed over with a warning.
    """
    return load()[0]


def load() -> tuple[Profile, str]:
    """As `active`, read anew, with a word on where it comes from."""
    named = os.environ.get(VARIABLE, "").strip()
    if named == "shipped":
        return SHIPPED, f"shipped ({VARIABLE}=shipped)"
    path: Path | None = None
    try:
        path = Path(named).expanduser() if named else default_path()
        if not named and not path.exists():
            return SHIPPED, "shipped (convkit tune measures this machine)"
        profile, rest = from_json(path.read_text(encoding="utf-8"))
        # A file that is named is taken as it is: it is there to repeat another machine's choices.
        if not named and rest.get("machine") != machine_key():
            raise ValueError("it is of another machine")
        return profile, str(path)
    # A profile only makes calls faster, and must never make one fail.
    except (OSError, ValueError, RuntimeError) as error:
        words = " ".join(str(getattr(error, "strerror", None) or error).split())
        where = named or path or "of this machine"
        warnings.warn(f"convkit: the profile {where} is not used, the shipped one is: {words}", RuntimeWarning, stacklevel=2)
        return SHIPPED, "shipped"


def store(profile: Profile, measured: Mapping[str, Any], path: Path | None = None) -> Path:
    """Write a profile of this machine, by default where `active` finds it; return the file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = default_path() if path is None else path
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, to_json(profile, machine_key(), measured).encode())
    return target
