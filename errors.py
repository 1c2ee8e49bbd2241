"""The errors archcast raises on purpose, each one line: what, where, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArchcastError(ValueError):
    """Base of every error caused by the input; the command line turns it into exit status 2."""


class ArchitectureError(ArchcastError):
    """An architecture that is malformed, or belongs to another search space."""


class OnnxError(ArchitectureError):
    """An ONNX file that is damaged, or that describes no network."""


class TableError(ArchcastError):
    """A benchmark table, or a user's own, that cannot be read or does not hold what was asked."""


class LabelError(ArchcastError):
    """Labels that are missing, not finite, too few, or of the wrong length."""


class SavedPredictorError(ArchcastError):
    """A saved predictor that is damaged, incomplete or written by a newer version."""


class UnknownNameError(ArchcastError):
    """A name that no registry holds; the message offers the nearest ones."""

    def __init__(self, what: str, name: object, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
        super().__init__(f"unknown {what} {str(name)!r}; {hint}")
