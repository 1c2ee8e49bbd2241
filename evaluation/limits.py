"""Limits on forecasts: candidates beyond them are left out of a ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArchcastError


class Limit(NamedTuple):
    """A bound on the forecast of a target.

    Attributes
    ----------
    target : its name.
    below : whether forecasts must be below the bound; above it otherwise.
    bound : in the units of the target's labels.
    """

    target: str
    below: bool
    bound: float

    def __str__(self) -> str:
        return f"{self.target}{'<' if self.below else '>'}{self.bound:g}"

    def holds(self, forecasts: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which forecasts (n,) are within the bound; bool (n,)."""
        return forecasts < self.bound if self.below else forecasts > self.bound


def read_limits(texts: Iterable[str]) -> list[Limit]:
    """Limits written as `NAME<NUMBER` or `NAME>NUMBER`; `ArchcastError` for what is none."""
    return [_read(text) for text in texts]


def _read(text: str) -> Limit:
    place = max(text.rfind("<"), text.rfind(">"))
    name = text[: max(place, 0)].strip()
    try:
        bound = float(text[place + 1 :])
    except ValueError:
        bound = np.nan
    if not name or not np.isfinite(bound):
        raise ArchcastError(f"--limit takes a target and a number, as in latency<5, not {text!r}")
    return Limit(name, text[place] == "<", bound)


def within(
    limits: Sequence[Limit], forecasts: Mapping[str, tuple[NDArray[np.float64], Any]], count: int
) -> NDArray[np.bool_]:
    """Which of so many candidates are within all limits by their forecasts; bool (n,)."""
    kept = np.ones(count, bool)
    for limit in limits:
        kept &= limit.holds(forecasts[limit.target][0])
    return kept


def remark_on_limits(limits: Sequence[Limit], total: int, kept: int) -> str:
    """How many candidates limits left out, one line; empty where there are no limits."""
    if not limits:
        return ""
    names = " and ".join(map(str, limits))
    return f"left out {total - kept:,} of {total:,} candidates, by forecasts not within {names}"
